//! A page with few addresses: an open-addressing table of 16-bit suffixes, four to a word. 0 marks a free slot, so
//! suffix 0 is kept elsewhere. Slots of a word fill from the lowest and are never emptied.

use super::arena::{Line, WORDS_PER_LINE};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the search for a suffix ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Probe {
    /// It is there.
    Found,
    /// It is not, and its place would be in this word, which read `value`.
    Free { word: usize, value: u64 },
    /// It is not, and no slot is free. Only a table that was being left, or reused, looks like this.
    Full,
}

/// How many suffixes a table may hold before it must grow: seven slots of eight, as words of four keep searches short.
#[inline]
pub(super) const fn capacity(order: u8) -> u32 {
    28 << order
}

/// Searches a table for a suffix other than 0.
///
/// Bounded by the table's size even if others change it meanwhile; then the answer is void and the caller finds out.
#[inline]
pub(super) fn probe(lines: &[Line], suffix: u16) -> Probe {
    let mut at = home(lines.len(), suffix);
    let last = lines.len() * WORDS_PER_LINE - 1;
    for _ in 0..=last {
        let value = word(lines, at).load(Ordering::Relaxed);
        if has_slot(value, suffix) {
            return Probe::Found;
        }
        if value >> 48 == 0 {
            return Probe::Free { word: at, value };
        }
        at = (at + 1) & last;
    }
    Probe::Full
}

/// The line where the search for a suffix starts, in a table of `1 << order` lines.
#[inline]
pub(super) fn home_line(order: u8, suffix: u16) -> usize {
    home(1 << order, suffix) / WORDS_PER_LINE
}

/// Puts a suffix into the free slot that [`probe`] found. Only for who holds the page.
#[inline]
pub(super) fn fill(lines: &[Line], at: usize, value: u64, suffix: u16) {
    let slot = (64 - value.leading_zeros()).div_ceil(16) * 16;
    word(lines, at).store(value | u64::from(suffix) << slot, Ordering::Release);
}

/// All suffixes of a table, in no order.
pub(super) fn suffixes(lines: &[Line]) -> impl Iterator<Item = u16> + '_ {
    lines
        .iter()
        .flat_map(|line| &line.0)
        .flat_map(|word| {
            let value = word.load(Ordering::Relaxed);
            (0..64).step_by(16).map(move |slot| (value >> slot) as u16)
        })
        .filter(|suffix| *suffix != 0)
}

/// Fibonacci hashing: runs of neighbours, the usual content of a /16, spread evenly. It has no secret, as the worst that
/// chosen addresses can do is to make a search walk the 512 words of the largest table, once per address.
#[inline]
fn home(lines: usize, suffix: u16) -> usize {
    let words = lines * WORDS_PER_LINE;
    let hash = u32::from(suffix).wrapping_mul(0x9e37_79b1);
    (hash >> (32 - words.trailing_zeros())) as usize
}

#[inline]
fn word(lines: &[Line], at: usize) -> &AtomicU64 {
    &lines[at / WORDS_PER_LINE].0[at % WORDS_PER_LINE]
}

/// Whether one of the four slots is `suffix`: the classic test for a zero among the lanes of a word.
#[inline]
fn has_slot(value: u64, suffix: u16) -> bool {
    const ONES: u64 = 0x0001_0001_0001_0001;
    const TOPS: u64 = ONES << 15;
    let zero_where_equal = value ^ (u64::from(suffix) * ONES);
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & TOPS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(order: u8) -> Vec<Line> {
        (0..1 << order).map(|_| Line::default()).collect()
    }

    fn add(lines: &[Line], suffix: u16) -> bool {
        match probe(lines, suffix) {
            Probe::Found => false,
            Probe::Free { word, value } => {
                fill(lines, word, value, suffix);
                true
            }
            Probe::Full => panic!("the table is full"),
        }
    }

    #[test]
    fn a_table_filled_to_the_last_slot_still_answers() {
        let lines = empty(0);
        let stored: Vec<u16> = (0..32).map(|n| 0xffff - n * 0x801).collect();
        assert!(stored.iter().all(|suffix| add(&lines, *suffix)));
        assert!(stored.iter().all(|suffix| probe(&lines, *suffix) == Probe::Found));
        assert_eq!(probe(&lines, 1), Probe::Full);
        let mut listed: Vec<u16> = suffixes(&lines).collect();
        listed.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(listed, stored);
    }

    #[test]
    fn neighbouring_bits_in_a_word_are_not_mistaken() {
        for (stored, asked) in [(0x8000_u16, 0x0001_u16), (0x0001, 0x8000), (0x0100, 0x0001), (0xffff, 0xfffe)] {
            let value = u64::from(stored) * 0x0001_0000_0001;
            assert!(has_slot(value, stored));
            assert!(!has_slot(value, asked), "{stored:x} is not {asked:x}");
        }
    }

    #[test]
    fn slots_fill_from_the_lowest_whatever_their_top_bits() {
        let lines = empty(0);
        for suffix in [0x0001, 0x8000, 0x00ff, 0xffff] {
            let Probe::Free { value, .. } = probe(&lines, suffix) else { panic!("not there yet") };
            fill(&lines, 0, word(&lines, 0).load(Ordering::Relaxed), suffix);
            assert!(value >> 48 == 0);
        }
        assert_eq!(word(&lines, 0).load(Ordering::Relaxed), 0xffff_00ff_8000_0001);
    }
}
