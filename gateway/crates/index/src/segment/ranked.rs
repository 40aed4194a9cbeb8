//! Bits that can tell how many of them are set before a place.

use super::bytes::{Bytes, bytes_of};

/// At most 65,536 bits, before them 16-bit counts of the ones before each 512 bits (the first, always 0, is left out).
///
/// Guy Jacobson's rank directory ("Space-efficient static trees and graphs", 1989) with one level: within 65,536 bits,
/// 16-bit counts are all it takes.
#[derive(Clone, Copy)]
pub(super) struct Ranked<'a> {
    data: Bytes<'a>,
    counts: usize,
    bits: usize,
}

/// Bits between two counts: a cache line of them.
const STRIDE: usize = 512;
const WORD: usize = 64;

// === impl Ranked ===

impl<'a> Ranked<'a> {
    /// Those that begin at a byte.
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize) -> Self {
        Self { data, counts: at, bits: at + 2 * counts(len) }
    }

    /// Bytes that so many bits take with their counts.
    #[inline]
    pub(super) fn size(len: usize) -> usize {
        2 * counts(len) + bytes_of(len)
    }

    #[inline]
    pub(super) fn get(self, index: usize) -> bool {
        self.data.0.get(self.bits + index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// How many bits before `index` are set.
    #[inline]
    pub(super) fn rank(self, index: usize) -> usize {
        let line = index / STRIDE;
        let before = if line == 0 { 0 } else { self.data.u16(self.counts + 2 * (line - 1)) };
        let (mut ones, mut at) = (usize::from(before), self.bits + line * (STRIDE / 8));
        for _ in 0..index % STRIDE / WORD {
            ones += self.data.u64(at).count_ones() as usize;
            at += 8;
        }
        ones + (self.data.u64(at) & ((1 << (index % WORD)) - 1)).count_ones() as usize
    }

    /// The byte that the bits begin at.
    #[inline]
    pub(super) fn bits_at(self) -> usize {
        self.bits
    }

    /// Appends the first `len` bits of `words`; the bits after them are zero.
    pub(super) fn encode(out: &mut Vec<u8>, words: &[u64], len: usize) {
        let mut ones = 0;
        for line in words.chunks(STRIDE / WORD).take(counts(len)) {
            ones += line.iter().map(|word| word.count_ones()).sum::<u32>();
            out.extend_from_slice(&(ones as u16).to_le_bytes());
        }
        let end = out.len() + bytes_of(len);
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out.truncate(end);
    }
}

/// How many counts there are.
#[inline]
fn counts(len: usize) -> usize {
    len.saturating_sub(1) / STRIDE
}
