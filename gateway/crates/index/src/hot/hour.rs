//! The addresses of one hour that is being written to.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ahash::RandomState;

use super::table::Table;
use crate::Hour;
use crate::v4::Ipv4Set;

/// Which addresses of an hour are known to have come, so that only new ones go on to the journal and the history.
///
/// A filter in front of them: what it has not, may still be in the history (then [`Self::backed`] is true).
pub(crate) struct HotHour {
    hour: Hour,
    /// Whether the history had something of this hour when it was opened.
    backed: bool,
    v4: RwLock<V4>,
    v6: RwLock<HashSet<u128, RandomState>>,
    /// Set for good when it is no longer to be written to. Changes only under both locks.
    closed: AtomicBool,
    /// Whether it was written to since this was last asked.
    touched: AtomicBool,
}

/// The hour was closed meanwhile: look it up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Closed;

enum V4 {
    Table(Table),
    Pages(Ipv4Set),
}

/// From here on, pages take less memory than a table, however the addresses are spread.
const MOST_IN_TABLE: usize = 640 << 10;
/// Addresses that are added under one lock: few enough that whoever wants to grow the table does not wait for long.
const BATCH: usize = 4_096;

// === impl HotHour ===

impl HotHour {
    pub(crate) fn new(hour: Hour, backed: bool, keys: &RandomState) -> Self {
        Self {
            hour,
            backed,
            v4: RwLock::new(V4::Table(Table::new(keys.hash_one(hour)))),
            v6: RwLock::new(HashSet::with_hasher(keys.clone())),
            closed: AtomicBool::new(false),
            touched: AtomicBool::new(true),
        }
    }

    pub(crate) fn hour(&self) -> Hour {
        self.hour
    }

    pub(crate) fn backed(&self) -> bool {
        self.backed
    }

    pub(crate) fn has_v4(&self, address: u32) -> bool {
        match &*read(&self.v4) {
            V4::Table(table) => table.contains(address),
            V4::Pages(pages) => pages.contains(address),
        }
    }

    pub(crate) fn has_v6(&self, address: u128) -> bool {
        read(&self.v6).contains(&address)
    }

    /// Appends the addresses that are not known.
    pub(crate) fn missing_v4(&self, addresses: &[u32], out: &mut Vec<u32>) {
        match &*read(&self.v4) {
            V4::Table(table) => table.missing(addresses, out),
            V4::Pages(pages) => pages.missing(addresses, out),
        }
    }

    /// Appends the addresses that are not known.
    pub(crate) fn missing_v6(&self, addresses: &[u128], out: &mut Vec<u128>) {
        let known = read(&self.v6);
        out.extend(addresses.iter().filter(|address| !known.contains(*address)));
    }

    /// Adds addresses and appends those that were not known. Exactly one of several threads gets one as new.
    pub(crate) fn insert_v4(&self, addresses: &[u32], new: &mut Vec<u32>) -> Result<(), Closed> {
        self.touch();
        for batch in addresses.chunks(BATCH) {
            loop {
                let set = read(&self.v4);
                if self.closed.load(Ordering::Acquire) {
                    return Err(Closed);
                }
                let inserted = match &*set {
                    V4::Table(table) => table.insert(batch, new),
                    V4::Pages(pages) => {
                        pages.insert(batch, new);
                        true
                    }
                };
                if inserted {
                    break;
                }
                drop(set);
                write(&self.v4).grow(batch.len());
            }
        }
        Ok(())
    }

    /// Adds addresses and appends those that were not known.
    pub(crate) fn insert_v6(&self, addresses: &[u128], new: &mut Vec<u128>) -> Result<(), Closed> {
        self.touch();
        let mut set = write(&self.v6);
        if self.closed.load(Ordering::Acquire) {
            return Err(Closed);
        }
        new.extend(addresses.iter().filter(|address| set.insert(**address)));
        Ok(())
    }

    /// Forgets addresses, which are in ascending order.
    pub(crate) fn remove(&self, v4: &[u32], v6: &[u128]) {
        match &mut *write(&self.v4) {
            V4::Table(table) if v4.iter().any(|address| table.contains(*address)) => *table = table.without(v4),
            V4::Table(_) => {}
            V4::Pages(pages) => v4.iter().for_each(|address| {
                pages.remove(*address);
            }),
        }
        let mut own = write(&self.v6);
        v6.iter().for_each(|address| {
            own.remove(address);
        });
    }

    /// Lets nobody write to it any more.
    pub(crate) fn close(&self) {
        let (_v4, _v6) = (write(&self.v4), write(&self.v6));
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether it was written to since this was last asked.
    pub(crate) fn was_touched(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed)
    }

    /// Bytes that it occupies; of IPv6 an estimate.
    pub(crate) fn bytes(&self) -> usize {
        let v4 = match &*read(&self.v4) {
            V4::Table(table) => table.bytes(),
            V4::Pages(pages) => pages.memory_bytes(),
        };
        // A byte of control for each slot (hashbrown), of which seven in eight are used at most.
        v4 + read(&self.v6).capacity() * 8 / 7 * (size_of::<u128>() + 1) + size_of::<Self>()
    }

    fn touch(&self) {
        // Looked at first, as a line that nobody writes to can be in every core's cache.
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
    }
}

// === impl V4 ===

impl V4 {
    /// Makes room.
    fn grow(&mut self, more: usize) {
        let Self::Table(table) = self else { return };
        if table.len() + more <= MOST_IN_TABLE {
            *table = table.grown(more);
            return;
        }
        let (pages, mut all) = (Ipv4Set::new(), Vec::with_capacity(table.len()));
        table.for_each(|address| all.push(address));
        pages.insert(&all, &mut Vec::new());
        *self = Self::Pages(pages);
    }
}

/// Nothing that is done under the locks leaves a set half changed, so a panic in another thread spoils nothing.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
