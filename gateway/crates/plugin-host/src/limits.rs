use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

/// What one instance of a plugin may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Linear memory, all memories of the instance together, in bytes.
    pub memory: usize,
    /// Processor time of one call; see `deadline.rs` for how it is measured.
    pub time: Duration,
    /// Whether it is called beside the threads that serve connections from the start, as one that is slow by nature should be.
    pub isolated: bool,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, time: Duration::from_millis(100), isolated: false }
    }
}

impl Limits {
    /// What finding the records to blame may take of a processor's time before it is given up: twenty deadlines.
    pub(crate) fn containment(self) -> Duration {
        self.time * 20
    }
}

/// Entries over all tables of an instance: far above what compilers emit, far below what hurts.
const TABLE_ENTRIES: usize = 100_000;
/// A component is several core instances: the module, its adapters, its shims.
const INSTANCES: usize = 100;

/// Holds one instance to its limits and reports what it uses.
pub(crate) struct Meter {
    limit: usize,
    used: usize,
    table_entries: usize,
    /// Whether the guest asked for more than it may have, and nobody was told yet.
    refused: bool,
    /// What all instances of the plugin use together.
    total: Arc<AtomicU64>,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(limit: usize, total: Arc<AtomicU64>) -> Self {
        Self { limit, used: 0, table_entries: 0, refused: false, total }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The limit, if the guest has asked for more since this was asked last.
    pub(crate) fn take_refusal(&mut self) -> Option<usize> {
        std::mem::take(&mut self.refused).then_some(self.limit)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.total.fetch_sub(self.used as u64, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        if self.used.saturating_add(more) > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used += more;
        self.total.fetch_add(more as u64, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        if self.table_entries.saturating_add(more) > TABLE_ENTRIES {
            return Ok(false);
        }
        self.table_entries += more;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        INSTANCES
    }
}
