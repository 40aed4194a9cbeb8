mod arena;
mod bitmap;
mod entry;
mod iter;
mod table;

pub use self::iter::Iter;

use self::arena::{Arena, Block};
use self::entry::{Entry, Page};
use self::table::Probe;
use crate::prefetch::prefetch;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// An exact set of IPv4 addresses, shared by any number of threads.
///
/// Two levels: one 64-bit entry for each /16, and behind it a page that starts as a table of suffixes (64 bytes, doubling)
/// and ends as a bitmap (8 KiB) once it holds more than 1,792 addresses. About 550 MB at most, whatever comes in.
///
/// Bitmaps are lock-free. A table takes its entry's lock bit for the few nanoseconds of an insert, and only for an address
/// that is really new; lookups never lock nor write. An address is `a.b.c.d = a<<24 | b<<16 | c<<8 | d`.
pub struct Ipv4Set {
    entries: Box<[AtomicU64; PAGES]>,
    arena: Arena,
    len: AtomicU64,
}

const PAGES: usize = 1 << 16;
/// How many addresses are looked up side by side, so that their cache misses overlap.
const GROUP: usize = 32;

// === impl Ipv4Set ===

impl Default for Ipv4Set {
    fn default() -> Self {
        Self::new()
    }
}

impl Ipv4Set {
    /// An empty set: 0.6 MB.
    #[must_use]
    pub fn new() -> Self {
        let entries: Box<[AtomicU64]> = (0..PAGES).map(|_| AtomicU64::new(Entry::VACANT.0)).collect();
        let entries = entries.try_into().unwrap_or_else(|_| unreachable!("collected exactly that many"));
        Self { entries, arena: Arena::new(), len: AtomicU64::new(0) }
    }

    /// Adds addresses, appends those that were not in the set yet to `new`, and returns how many these are.
    ///
    /// Of several threads that add the same address at once, exactly one gets it as new.
    pub fn insert(&self, addresses: &[u32], new: &mut Vec<u32>) -> usize {
        let before = new.len();
        for group in addresses.chunks(GROUP) {
            self.prefetch_group(group);
            for address in group {
                if self.insert_one(*address) {
                    new.push(*address);
                }
            }
        }
        let added = new.len() - before;
        if added > 0 {
            self.len.fetch_add(added as u64, Ordering::Relaxed);
        }
        added
    }

    /// Appends the addresses that are not in the set.
    pub fn missing(&self, addresses: &[u32], out: &mut Vec<u32>) {
        for group in addresses.chunks(GROUP) {
            self.prefetch_group(group);
            out.extend(group.iter().filter(|address| !self.contains(**address)));
        }
    }

    /// Takes an address out and tells whether it was there.
    ///
    /// Rare, and so it may cost memory: a page that was a table becomes a bitmap, as a page must not return to a state that
    /// it had before, and nothing is smaller than the state after that.
    pub fn remove(&self, address: u32) -> bool {
        let (entry, suffix) = (self.entry(address), address as u16);
        let mut wait = Wait(0);
        while self.contains(address) {
            let seen = Entry(entry.load(Ordering::Acquire));
            match seen.page() {
                Page::Bitmap(block) => {
                    let removed = bitmap::remove(self.arena.lines(block), suffix);
                    self.len.fetch_sub(u64::from(removed), Ordering::Relaxed);
                    return removed;
                }
                Page::Table(old) if !seen.is_locked() => {
                    let lock = entry.compare_exchange(seen.0, seen.locked().0, Ordering::Acquire, Ordering::Relaxed);
                    if lock.is_ok() {
                        self.make_bitmap(entry, seen, old);
                    }
                }
                Page::Table(_) | Page::Vacant => wait.a_moment(),
            }
        }
        false
    }

    /// Whether the address is in the set.
    #[must_use]
    #[inline]
    pub fn contains(&self, address: u32) -> bool {
        let (entry, suffix) = (self.entry(address), address as u16);
        loop {
            let seen = Entry(entry.load(Ordering::Acquire));
            match seen.page() {
                Page::Vacant => return false,
                Page::Bitmap(block) => return bitmap::contains(self.arena.lines(block), suffix),
                Page::Table(_) if suffix == 0 => return seen.has_zero(),
                Page::Table(block) => {
                    let found = table::probe(self.arena.lines(block), suffix) == Probe::Found;
                    if still_in(entry, block) {
                        return found;
                    }
                }
            }
        }
    }

    /// How many addresses are in the set. Exact; those of a batch count once its `insert` has returned.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether no address is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All addresses in ascending order. Those that come in meanwhile may be among them or not.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self)
    }

    /// Bytes that the set occupies.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.entries) + self.arena.memory_bytes()
    }

    #[inline]
    fn entry(&self, address: u32) -> &AtomicU64 {
        &self.entries[(address >> 16) as usize]
    }

    #[inline]
    fn prefetch_group(&self, group: &[u32]) {
        for address in group {
            prefetch(self.entry(*address));
        }
        for address in group {
            self.prefetch_page(*address);
        }
    }

    #[inline]
    fn prefetch_page(&self, address: u32) {
        let suffix = address as u16;
        let (block, line) = match Entry(self.entry(address).load(Ordering::Acquire)).page() {
            Page::Vacant => return,
            Page::Table(block) => (block, table::home_line(block.order, suffix)),
            Page::Bitmap(block) => (block, bitmap::home_line(suffix)),
        };
        prefetch(self.arena.line(block.line + line as u32));
    }

    #[inline]
    fn insert_one(&self, address: u32) -> bool {
        let (entry, suffix) = (self.entry(address), address as u16);
        let mut wait = Wait(0);
        loop {
            let seen = Entry(entry.load(Ordering::Acquire));
            let probe = match seen.page() {
                Page::Vacant => Probe::Full,
                Page::Bitmap(block) => return bitmap::insert(self.arena.lines(block), suffix),
                Page::Table(_) if suffix == 0 && seen.has_zero() => return false,
                Page::Table(_) if suffix == 0 => Probe::Full,
                Page::Table(block) => table::probe(self.arena.lines(block), suffix),
            };
            match probe {
                Probe::Found => {
                    if matches!(seen.page(), Page::Table(block) if still_in(entry, block)) {
                        return false;
                    }
                }
                _ if seen.is_locked() => wait.a_moment(),
                _ => {
                    // An entry never comes back to a former value: if it still is what was seen, so is the table, and
                    // what the search found holds under the lock too.
                    let lock = entry.compare_exchange(seen.0, seen.locked().0, Ordering::Acquire, Ordering::Relaxed);
                    if lock.is_ok() {
                        self.add(entry, seen.locked(), probe, suffix);
                        return true;
                    }
                }
            }
        }
    }

    /// Adds a suffix that is not in the page, whose lock the caller holds, and unlocks it.
    fn add(&self, entry: &AtomicU64, held: Entry, probe: Probe, suffix: u16) {
        match (held.page(), probe) {
            (Page::Table(_), _) if suffix == 0 => entry.store(held.with_zero().0, Ordering::Release),
            (Page::Table(block), Probe::Free { word, value }) if held.count() < table::capacity(block.order) => {
                table::fill(self.arena.lines(block), word, value, suffix);
                entry.store(held.with_one_more().0, Ordering::Release);
            }
            _ => self.add_growing(entry, held, suffix),
        }
    }

    /// As [`Self::add`], moving the page to its next size.
    #[cold]
    fn add_growing(&self, entry: &AtomicU64, held: Entry, suffix: u16) {
        let old = match held.page() {
            Page::Vacant => None,
            Page::Table(block) => Some(block),
            Page::Bitmap(_) => unreachable!("a bitmap is never locked"),
        };
        let block = self.arena.allocate(old.map_or(0, |old| old.order + 1));
        let moved = held.moved_to(block);
        if let Some(old) = old {
            table::suffixes(self.arena.lines(old)).for_each(|suffix| self.put(block, suffix));
        }
        let is_bitmap = block.order == Entry::BITMAP_ORDER;
        if is_bitmap && held.has_zero() {
            self.put(block, 0);
        }
        let next = if suffix == 0 && !is_bitmap {
            moved.with_zero()
        } else {
            self.put(block, suffix);
            moved.with_one_more()
        };
        entry.store(next.0, Ordering::Release);
        if let Some(old) = old {
            self.arena.free(old);
        }
    }

    /// Moves a table, whose lock the caller holds, to a bitmap.
    fn make_bitmap(&self, entry: &AtomicU64, seen: Entry, old: Block) {
        let block = self.arena.allocate(Entry::BITMAP_ORDER);
        table::suffixes(self.arena.lines(old)).for_each(|suffix| self.put(block, suffix));
        if seen.has_zero() {
            self.put(block, 0);
        }
        // Unlocked, as `seen` was.
        entry.store(seen.moved_to(block).0, Ordering::Release);
        self.arena.free(old);
    }

    /// Writes into a block that nobody else knows yet.
    fn put(&self, block: Block, suffix: u16) {
        let lines = self.arena.lines(block);
        if block.order == Entry::BITMAP_ORDER {
            bitmap::insert(lines, suffix);
        } else if let Probe::Free { word, value } = table::probe(lines, suffix) {
            table::fill(lines, word, value, suffix);
        }
    }
}

impl<'a> IntoIterator for &'a Ipv4Set {
    type Item = u32;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Whether what was just read from a table was read from this page. A table only gains suffixes until its page leaves it,
/// and a page never returns to a block of a size that it left: so the same block means the same table.
#[inline]
fn still_in(entry: &AtomicU64, block: Block) -> bool {
    fence(Ordering::Acquire);
    Entry(entry.load(Ordering::Relaxed)).page() == Page::Table(block)
}

/// How often a thread has waited for the holder of a page.
struct Wait(u32);

// === impl Wait ===

impl Wait {
    /// Spins at first; then yields, as the holder may have lost its core to this very thread.
    #[cold]
    fn a_moment(&mut self) {
        if self.0 < 32 {
            self.0 += 1;
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests;
