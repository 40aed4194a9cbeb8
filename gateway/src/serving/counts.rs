//! What one generation of a plugin has done, counted by each worker for itself.

use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of one generation.
pub(crate) struct Counts(Box<[Own]>);

/// What one worker counts. Padded, as workers write to theirs at the same time.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Own {
    accepted: AtomicU64,
    rejected: AtomicU64,
    refused: AtomicU64,
    calls: AtomicU64,
    failed: AtomicU64,
}

/// The counts of all workers together, at one moment or between two.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Total {
    /// Records with an address.
    pub(crate) accepted: u64,
    /// Records without one.
    pub(crate) rejected: u64,
    /// Records that were not judged because the plugin failed.
    pub(crate) refused: u64,
    /// Questions put to the plugin, each of many records.
    pub(crate) calls: u64,
    /// Those among them that it failed at.
    pub(crate) failed: u64,
}

// === impl Counts ===

impl Counts {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Own::default()).collect())
    }

    /// Those of one worker, for it alone to add to.
    pub(crate) fn of(&self, worker: usize) -> Option<&Own> {
        self.0.get(worker)
    }

    pub(crate) fn total(&self) -> Total {
        let mut total = Total::default();
        for own in &self.0 {
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            total.accepted += read(&own.accepted);
            total.rejected += read(&own.rejected);
            total.refused += read(&own.refused);
            total.calls += read(&own.calls);
            total.failed += read(&own.failed);
        }
        total
    }
}

// === impl Own ===

impl Own {
    pub(crate) fn judged(&self, accepted: u64, rejected: u64) {
        add(&self.accepted, accepted);
        add(&self.rejected, rejected);
    }

    pub(crate) fn refused(&self, records: u64) {
        add(&self.refused, records);
    }

    pub(crate) fn called(&self, failed: bool) {
        add(&self.calls, 1);
        add(&self.failed, u64::from(failed));
    }
}

/// Only its worker writes to a count, so no two additions meet.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

// === impl Total ===

impl Total {
    /// Records that were judged.
    pub(crate) fn judged(&self) -> u64 {
        self.accepted + self.rejected
    }
}

impl Sub for Total {
    type Output = Self;

    /// What was counted since the earlier moment.
    fn sub(self, earlier: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(earlier.accepted),
            rejected: self.rejected.saturating_sub(earlier.rejected),
            refused: self.refused.saturating_sub(earlier.refused),
            calls: self.calls.saturating_sub(earlier.calls),
            failed: self.failed.saturating_sub(earlier.failed),
        }
    }
}
