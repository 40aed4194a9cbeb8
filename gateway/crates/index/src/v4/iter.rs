use super::{Entry, Ipv4Set, PAGES, Page, still_in, table};
use std::sync::atomic::Ordering;

/// The addresses of an [`Ipv4Set`] in ascending order.
///
/// Takes one page at a time into a bitmap of its own, so that no page is held or changes while it is listed.
pub struct Iter<'a> {
    set: &'a Ipv4Set,
    /// The page to load next.
    next_page: usize,
    /// What is still to be listed of the page before that one, from `word` on.
    bits: Box<[u64; WORDS]>,
    word: usize,
}

const WORDS: usize = 1024;

// === impl Iter ===

impl<'a> Iter<'a> {
    pub(super) fn new(set: &'a Ipv4Set) -> Self {
        Self { set, next_page: 0, bits: Box::new([0; WORDS]), word: WORDS }
    }

    /// Loads the next page that has addresses; whether there is one.
    fn load(&mut self) -> bool {
        while self.next_page < PAGES {
            let page = self.next_page;
            self.next_page += 1;
            if self.copy(page) {
                self.word = 0;
                return true;
            }
        }
        false
    }

    fn copy(&mut self, page: usize) -> bool {
        let entry = &self.set.entries[page];
        loop {
            let seen = Entry(entry.load(Ordering::Acquire));
            match seen.page() {
                Page::Vacant => return false,
                Page::Bitmap(block) => {
                    let words = self.set.arena.lines(block).iter().flat_map(|line| &line.0);
                    self.bits.iter_mut().zip(words).for_each(|(bits, word)| *bits = word.load(Ordering::Relaxed));
                    return true;
                }
                Page::Table(block) => {
                    self.bits.fill(0);
                    self.bits[0] = seen.has_zero().into();
                    for suffix in table::suffixes(self.set.arena.lines(block)) {
                        self.bits[usize::from(suffix) / 64] |= 1 << (suffix % 64);
                    }
                    if still_in(entry, block) {
                        return true;
                    }
                }
            }
        }
    }
}

impl Iterator for Iter<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            while self.word < WORDS {
                let bits = &mut self.bits[self.word];
                if *bits != 0 {
                    let suffix = self.word * 64 + bits.trailing_zeros() as usize;
                    *bits &= *bits - 1;
                    return Some((((self.next_page - 1) << 16) | suffix) as u32);
                }
                self.word += 1;
            }
            if !self.load() {
                return None;
            }
        }
    }
}
