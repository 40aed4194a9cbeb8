//! A set of IPv4 addresses that is small: one flat table, four bytes to a slot.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crate::prefetch::prefetch;

/// Open addressing with linear probing. A slot holds an address; 0 marks a free one, so that the address 0 is kept beside.
/// Slots are filled by compare-and-swap, and never emptied.
///
/// It grows by half, so that a slot in two at least is filled: seven bytes an address at most, where twice the size would
/// cost nine.
pub(super) struct Table {
    slots: Box<[AtomicU32]>,
    /// Addresses, and places taken for some that are on their way.
    taken: AtomicUsize,
    zero: AtomicBool,
    key: u64,
}

/// How many slots of a hundred are filled at most.
const LOAD: usize = 85;
const SMALLEST: usize = 16;
/// How many addresses are looked up side by side, so that their cache misses overlap.
const GROUP: usize = 32;

// === impl Table ===

impl Table {
    pub(super) fn new(key: u64) -> Self {
        Self { slots: Box::default(), taken: AtomicUsize::new(0), zero: AtomicBool::new(false), key }
    }

    /// A table with the same addresses and room for some more.
    pub(super) fn grown(&self, more: usize) -> Self {
        let needed = (self.len() + more) * 100 / LOAD + 1;
        let slots = needed.max(self.slots.len() * 3 / 2).max(SMALLEST);
        let grown = Self {
            slots: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            taken: AtomicUsize::new(self.len()),
            zero: AtomicBool::new(self.zero.load(Ordering::Relaxed)),
            key: self.key,
        };
        self.slots.iter().map(|slot| slot.load(Ordering::Relaxed)).filter(|address| *address != 0).for_each(
            |address| {
                grown.put(address);
            },
        );
        grown
    }

    /// The same without some addresses, which are in ascending order.
    pub(super) fn without(&self, gone: &[u32]) -> Self {
        let rest = Self::new(self.key).grown(self.len());
        let mut count = 0;
        self.for_each(|address| {
            if gone.binary_search(&address).is_err() {
                rest.put(address);
                count += 1;
            }
        });
        rest.taken.store(count, Ordering::Relaxed);
        rest
    }

    pub(super) fn len(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    pub(super) fn contains(&self, address: u32) -> bool {
        if address == 0 {
            return self.zero.load(Ordering::Acquire);
        }
        if self.slots.is_empty() {
            return false;
        }
        let mut at = self.home(address);
        loop {
            match self.slots[at].load(Ordering::Acquire) {
                0 => return false,
                found if found == address => return true,
                _ => at = self.after(at),
            }
        }
    }

    /// Appends those that are not in the set.
    pub(super) fn missing(&self, addresses: &[u32], out: &mut Vec<u32>) {
        for group in addresses.chunks(GROUP) {
            self.prefetch(group);
            out.extend(group.iter().filter(|address| !self.contains(**address)));
        }
    }

    /// Adds addresses and appends those that were not in the set, or does nothing if there is no room for all of them.
    pub(super) fn insert(&self, addresses: &[u32], new: &mut Vec<u32>) -> bool {
        let wanted = addresses.len();
        if (self.taken.fetch_add(wanted, Ordering::Relaxed) + wanted) * 100 > self.slots.len() * LOAD {
            self.taken.fetch_sub(wanted, Ordering::Relaxed);
            return false;
        }
        let before = new.len();
        for group in addresses.chunks(GROUP) {
            self.prefetch(group);
            new.extend(group.iter().filter(|address| self.put(**address)));
        }
        self.taken.fetch_sub(wanted - (new.len() - before), Ordering::Relaxed);
        true
    }

    /// Every address, in no order.
    pub(super) fn for_each(&self, mut each: impl FnMut(u32)) {
        if self.zero.load(Ordering::Acquire) {
            each(0);
        }
        self.slots.iter().map(|slot| slot.load(Ordering::Acquire)).filter(|address| *address != 0).for_each(&mut each);
    }

    /// Whether the address was not there. There is a free slot: places are taken before they are filled.
    fn put(&self, address: u32) -> bool {
        if address == 0 {
            return !self.zero.swap(true, Ordering::AcqRel);
        }
        let mut at = self.home(address);
        loop {
            let slot = &self.slots[at];
            let found = match slot.load(Ordering::Acquire) {
                0 => match slot.compare_exchange(0, address, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return true,
                    Err(found) => found,
                },
                found => found,
            };
            if found == address {
                return false;
            }
            at = self.after(at);
        }
    }

    fn prefetch(&self, group: &[u32]) {
        if !self.slots.is_empty() {
            group.iter().for_each(|address| prefetch(&self.slots[self.home(*address)]));
        }
    }

    /// Keyed, so that nobody can choose addresses that collide: the two halves of a product (as wyhash folds), and of the
    /// result its share of the slots (Lemire, "Fast random integer generation in an interval").
    #[inline]
    fn home(&self, address: u32) -> usize {
        let product = u128::from(u64::from(address) ^ self.key) * u128::from(self.key.rotate_left(32) | 1);
        let hash = (product as u64 ^ (product >> 64) as u64) >> 32;
        ((hash * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}
