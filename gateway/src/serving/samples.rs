//! The last real records of each route, kept so that a new plugin can be tried on them before it serves.
//!
//! Each worker keeps its own, so that keeping one costs a request next to nothing: at a rate at which a full ring is renewed
//! in ten seconds, and never by waiting for somebody who reads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use rustix::time::{ClockId, clock_gettime};
use tallygate_event::Records;

/// Bounds on what is kept of one route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// The samples of one route.
pub(crate) struct Samples {
    bounds: Bounds,
    rings: Box<[Ring]>,
}

/// A record that came in.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) at: CoarseInstant,
    pub(crate) record: Arc<[u8]>,
}

/// A moment on a coarse clock: some milliseconds, read for some nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct CoarseInstant(u64);

/// What one worker keeps. Padded, as workers write to theirs at the same time.
#[repr(align(128))]
struct Ring {
    /// Until when nothing is kept, in milliseconds.
    next: AtomicU64,
    /// Locked while records go in, and while they are copied out.
    kept: Mutex<Kept>,
}

struct Kept {
    bounds: Bounds,
    samples: VecDeque<Sample>,
    bytes: usize,
    allowance: Allowance,
}

/// How much may be kept now. It grows with time, up to what a ring holds.
struct Allowance {
    records: u64,
    bytes: u64,
    since: u64,
}

/// In which time a ring is renewed at most once.
const TURNOVER: u64 = 10_000;
/// How often a worker looks whether it may keep records, where more come than it may.
const INTERVAL: u64 = 10;
/// A record may take no more than this part of a ring.
const LARGEST: usize = 16;

#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::MonotonicCoarse;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

// === impl Samples ===

impl Samples {
    pub(crate) fn new(bounds: Bounds, workers: usize) -> Self {
        let share = Bounds { records: bounds.records.div_ceil(workers), bytes: bounds.bytes / workers };
        Self { bounds, rings: (0..workers).map(|_| Ring::new(share)).collect() }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Offers records that came in to a worker, which keeps some of them.
    pub(crate) fn offer(&self, worker: usize, records: Records<'_>) {
        let Some(ring) = self.rings.get(worker) else { return };
        let now = CoarseInstant::now();
        if now.0 < ring.next.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = match ring.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody reads. There will be other records.
            Err(TryLockError::WouldBlock) => return,
        };
        let bounds = kept.bounds;
        kept.allowance.grow(now, bounds);
        if kept.take(now, records) {
            ring.next.store(now.0 + INTERVAL, Ordering::Relaxed);
        }
    }

    /// What is kept that came in since then, the oldest of each worker first.
    pub(crate) fn since(&self, since: CoarseInstant) -> Vec<Sample> {
        let mut all = Vec::new();
        for ring in &self.rings {
            let kept = ring.kept.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(kept.samples.iter().filter(|sample| sample.at >= since).cloned());
        }
        all
    }
}

// === impl CoarseInstant ===

impl CoarseInstant {
    /// Before everything.
    pub(crate) const NEVER: Self = Self(0);

    pub(crate) fn now() -> Self {
        let now = clock_gettime(CLOCK);
        Self(now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000)
    }
}

// === impl Ring ===

impl Ring {
    fn new(bounds: Bounds) -> Self {
        let allowance =
            Allowance { records: bounds.records as u64, bytes: bounds.bytes as u64, since: CoarseInstant::now().0 };
        Self {
            // Where nothing is to be kept, nobody looks.
            next: AtomicU64::new(if bounds.records == 0 { u64::MAX } else { 0 }),
            kept: Mutex::new(Kept { bounds, samples: VecDeque::new(), bytes: 0, allowance }),
        }
    }
}

// === impl Kept ===

impl Kept {
    /// Keeps as many as it may, spread evenly over those offered. True if there were more than that.
    fn take(&mut self, now: CoarseInstant, records: Records<'_>) -> bool {
        let may = usize::try_from(self.allowance.records).unwrap_or(usize::MAX);
        let step = records.len().div_ceil(may.max(1)).max(1);
        let mut left_out = records.len() > may;
        for record in (0..records.len()).step_by(step).filter_map(|at| records.get(at)) {
            if record.len() > self.bounds.bytes / LARGEST {
                continue;
            }
            if self.allowance.records == 0 || self.allowance.bytes < record.len() as u64 {
                left_out = true;
                break;
            }
            self.allowance.records -= 1;
            self.allowance.bytes -= record.len() as u64;
            self.keep(Sample { at: now, record: record.into() });
        }
        left_out
    }

    fn keep(&mut self, sample: Sample) {
        self.bytes += sample.record.len();
        self.samples.push_back(sample);
        while self.samples.len() > self.bounds.records || self.bytes > self.bounds.bytes {
            let Some(oldest) = self.samples.pop_front() else { return };
            self.bytes -= oldest.record.len();
        }
    }
}

// === impl Allowance ===

impl Allowance {
    fn grow(&mut self, now: CoarseInstant, bounds: Bounds) {
        let passed = now.0.saturating_sub(self.since).min(TURNOVER);
        let more = |most: usize| most as u64 * passed / TURNOVER;
        // Time that has not yet made a record is left to the next.
        if more(bounds.records) > 0 {
            self.records = (self.records + more(bounds.records)).min(bounds.records as u64);
            self.bytes = (self.bytes + more(bounds.bytes)).min(bounds.bytes as u64);
            self.since = now.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(samples: &Samples, text: &str) {
        let (mut starts, mut ends) = (vec![], vec![]);
        let mut at = 0;
        for word in text.split(' ') {
            starts.push(at);
            at += u32::try_from(word.len()).expect("short");
            ends.push(at);
            at += 1;
        }
        samples.offer(0, Records { data: text.as_bytes(), starts: &starts, ends: &ends });
    }

    fn kept(samples: &Samples) -> Vec<String> {
        let text = |sample: &Sample| String::from_utf8_lossy(&sample.record).into_owned();
        samples.since(CoarseInstant::NEVER).iter().map(text).collect()
    }

    #[test]
    fn a_ring_fills_at_once_and_then_slowly() {
        let samples = Samples::new(Bounds { records: 4, bytes: 1000 }, 1);
        offer(&samples, "a b");
        offer(&samples, "c d e f");
        assert_eq!(kept(&samples), ["a", "b", "c", "e"], "evenly spread over what was offered");
        for _ in 0..100 {
            offer(&samples, "x");
        }
        assert!(kept(&samples).iter().filter(|record| *record == "x").count() <= 1, "{:?}", kept(&samples));
    }

    #[test]
    fn the_bounds_hold_and_nothing_is_kept_where_nothing_shall_be() {
        let samples = Samples::new(Bounds { records: 10, bytes: 32 }, 1);
        offer(&samples, "aaa 22 333");
        assert_eq!(kept(&samples), ["22"], "the others are too large a part");
        let none = Samples::new(Bounds { records: 0, bytes: 32 }, 1);
        offer(&none, "a");
        assert!(kept(&none).is_empty());
    }

    #[test]
    fn an_allowance_grows_with_time() {
        let bounds = Bounds { records: 100, bytes: 1000 };
        let mut allowance = Allowance { records: 0, bytes: 0, since: 0 };
        allowance.grow(CoarseInstant(50), bounds);
        assert_eq!((allowance.records, allowance.since), (0, 0));
        allowance.grow(CoarseInstant(1000), bounds);
        assert_eq!((allowance.records, allowance.bytes), (10, 100));
        allowance.grow(CoarseInstant(1_000_000), bounds);
        assert_eq!((allowance.records, allowance.bytes), (100, 1000));
    }
}
