//! Bytes that can be read in wide steps without running off their end.

use alloc::vec::Vec;

use crate::{Bytes16, utf8};

/// How many readable bytes lie behind every record of a [`Text`].
pub const SLACK: usize = 64;

/// Some bytes, of which the last [`SLACK`] belong to no record and exist to be read over.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    bytes: &'a [u8],
    /// No read starts behind this place. Invariant: `last + SLACK == bytes.len()`.
    last: usize,
}

// === impl Text ===

impl<'a> Text<'a> {
    /// `None` if `bytes` is shorter than [`SLACK`].
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().checked_sub(SLACK).map(|last| Self { bytes, last })
    }

    /// Where the slack begins: no record ends behind this place.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.last
    }

    /// Whether there is nothing but slack.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.last == 0
    }

    /// All bytes, the slack included.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes from `start` to `end`; none if the places are out of order or beyond the text.
    #[must_use]
    #[inline]
    pub fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The byte at `at`.
    #[must_use]
    #[inline]
    pub fn byte(&self, at: usize) -> u8 {
        self.array::<1>(at)[0]
    }

    /// The four bytes from `at`, the first one lowest.
    #[must_use]
    #[inline]
    pub fn four(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.array(at))
    }

    /// The eight bytes from `at`, the first one lowest.
    #[must_use]
    #[inline]
    pub fn eight(&self, at: usize) -> u64 {
        u64::from_le_bytes(*self.array(at))
    }

    /// The sixteen bytes from `at`.
    #[must_use]
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn sixteen(&self, at: usize) -> Bytes16 {
        Bytes16::load(self.array(at))
    }

    /// The 64 bytes from `at`.
    #[must_use]
    #[inline]
    pub fn block(&self, at: usize) -> &'a [u8; SLACK] {
        self.array(at)
    }

    #[inline]
    fn array<const N: usize>(&self, at: usize) -> &'a [u8; N] {
        const { assert!(N <= SLACK) };
        if at > self.last {
            out_of_text();
        }
        // SAFETY: at + N <= last + SLACK == bytes.len(). One comparison instead of the two that
        // `bytes.get(at..at + N)` costs is measurable, since this is every read of the hot path.
        let start = unsafe { self.bytes.as_ptr().add(at) };
        // SAFETY: see above; bytes need no alignment.
        unsafe { &*start.cast::<[u8; N]>() }
    }
}

#[cold]
#[inline(never)]
fn out_of_text() -> ! {
    panic!("read behind the end of the text")
}

/// What a JSON string may hold.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Strings {
    /// What RFC 8259 says: UTF-8, and its escapes.
    #[default]
    Strict,
    /// Also bytes that are not UTF-8, and escapes that are none.
    Lenient,
}

/// One bit per byte of a text: set where a scan through a JSON string has to stop and look.
///
/// Those are `"`, `\`, control characters, and, where strings are strict and the text is not UTF-8 as a whole, every
/// byte above 0x7f. The index is made in one pass over all records of a call, because steps of 64 bytes without a
/// branch cost less than finding the end of each string on its own.
#[derive(Default)]
pub struct Stops {
    words: Vec<u64>,
    strings: Strings,
}

// === impl Stops ===

impl Stops {
    /// Indexes a text.
    #[must_use]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn new(text: Text<'_>, strings: Strings) -> Self {
        let blocks = text.len().div_ceil(64);
        let mut stops = Self { words: Vec::with_capacity(blocks + 2), strings };
        match strings {
            Strings::Lenient => {
                for at in (0..text.len()).step_by(64) {
                    stops.words.push(lenient_stops(text.block(at)));
                }
            }
            Strings::Strict => {
                let is_utf8 = stops.index(text, true);
                if !is_utf8 {
                    // Some record has to be rejected; the others are read with a stop at each character beyond ASCII.
                    stops.words.clear();
                    stops.index(text, false);
                }
            }
        }
        // Scans end here at the latest: everything behind the text is a stop.
        stops.words.extend([u64::MAX; 2]);
        stops
    }

    /// What strings may hold.
    #[must_use]
    #[inline]
    pub fn strings(&self) -> Strings {
        self.strings
    }

    /// Indexes all blocks, without the bytes above 0x7f if `check`, which then must be UTF-8: `false` if not.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn index(&mut self, text: Text<'_>, check: bool) -> bool {
        let mut before = false;
        for at in (0..text.len()).step_by(64) {
            let block = text.block(at);
            let mut word = stops(block);
            let wide = check && has_wide(block);
            if wide || before {
                // A character may reach from one block into the next.
                if !utf8::is_valid(text, at) {
                    return false;
                }
                word &= !wide_bytes(block);
            }
            before = wide;
            self.words.push(word);
        }
        true
    }

    /// The first stop from `at` on, or some place at or behind `end`.
    #[must_use]
    #[inline]
    pub fn next(&self, mut at: usize, end: usize) -> usize {
        while at < end {
            let window = self.window(at);
            if window != 0 {
                return at + window.trailing_zeros() as usize;
            }
            at += 64;
        }
        at
    }

    /// The bits of the 64 bytes from `at`.
    #[inline]
    fn window(&self, at: usize) -> u64 {
        let (word, bit) = (at / 64, at % 64);
        let (Some(low), Some(high)) = (self.words.get(word), self.words.get(word + 1)) else { return u64::MAX };
        // Shifting twice keeps the shift below 64 when `bit` is zero.
        low >> bit | (high << 1) << (63 - bit)
    }
}

#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn lenient_stops(block: &[u8; 64]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let mut mask = 0;
    for (part, bytes) in parts.iter().enumerate() {
        let bytes = Bytes16::load(bytes);
        let stop = bytes.equal(b'"').or(bytes.equal(b'\\')).or(bytes.below(0x20));
        mask |= u64::from(stop.mask()) << (part * 16);
    }
    mask
}

#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn stops(block: &[u8; 64]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let mut mask = 0;
    for (part, bytes) in parts.iter().enumerate() {
        let bytes = Bytes16::load(bytes);
        let stop = bytes.equal(b'"').or(bytes.equal(b'\\')).or(bytes.below_signed(0x20));
        mask |= u64::from(stop.mask()) << (part * 16);
    }
    mask
}

/// Whether a block holds a byte above 0x7f.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn has_wide(block: &[u8; 64]) -> bool {
    let (parts, _) = block.as_chunks::<16>();
    let mut all = Bytes16::load(&[0; 16]);
    for bytes in parts {
        all = all.or(Bytes16::load(bytes));
    }
    all.mask() != 0
}

/// One bit for each byte above 0x7f.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn wide_bytes(block: &[u8; 64]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let mut mask = 0;
    for (part, bytes) in parts.iter().enumerate() {
        mask |= u64::from(Bytes16::load(bytes).mask()) << (part * 16);
    }
    mask
}
