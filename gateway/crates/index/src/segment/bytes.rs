//! Numbers in bytes that nobody vouches for, and the bits that are written.

use crate::prefetch::prefetch;

/// Little-endian numbers and bit fields. What lies outside is zero, so that no damage can make a reader panic.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

// === impl Bytes ===

impl<'a> Bytes<'a> {
    #[inline]
    pub(super) fn array<const N: usize>(self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    #[inline]
    pub(super) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    #[inline]
    pub(super) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    #[inline]
    pub(super) fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    /// The field of at most 32 bits that begins at a bit. Reads up to seven bytes more than the field: a segment ends with
    /// its footer, so that they are there.
    #[inline]
    pub(super) fn field(self, bit: usize, width: u32) -> u32 {
        let word = self.u64(bit / 8) >> (bit % 8);
        (word & ((1 << width) - 1)) as u32
    }

    /// Asks the processor to bring a byte's cache line close.
    #[inline]
    pub(super) fn prefetch(self, at: usize) {
        if let Some(byte) = self.0.get(at) {
            prefetch(byte);
        }
    }

    /// The slice of these bytes, shorter where they end.
    #[inline]
    pub(super) fn slice(self, at: usize, len: usize) -> &'a [u8] {
        let rest = self.0.get(at..).unwrap_or_default();
        rest.get(..len).unwrap_or(rest)
    }
}

/// Appends bit fields, the first one in the lowest bits of the first byte.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

// === impl BitWriter ===

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, count: 0 }
    }

    /// Appends a value that fits into `width` bits, which are at most 32.
    #[inline]
    pub(super) fn put(&mut self, value: u32, width: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += width;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// Fills up the last byte with zeros.
    pub(super) fn finish(self) {
        let bytes = self.held.to_le_bytes();
        self.out.extend_from_slice(&bytes[..self.count.div_ceil(8) as usize]);
    }
}

/// Bytes that a number of bits takes.
#[inline]
pub(super) fn bytes_of(bits: usize) -> usize {
    bits.div_ceil(8)
}
