//! The last 80 bytes of a segment, which say what is in it and where.

use super::bytes::Bytes;
use super::{SegmentError, Span};
use crate::time::{Day, Hour, Month};

/// What the footer says, all numbers little-endian:
///
/// | bytes | |
/// |---|---|
/// | 0..4, 4..8 | kind of the span (0 hour, 1 day, 2 month, 3 before) and its number (0 for "before") |
/// | 8..12 | tenant |
/// | 12..16 | OR of all masks |
/// | 16..24, 24..32 | how many IPv4 and IPv6 addresses |
/// | 32..40 | offset of the IPv6 groups, which is where the IPv4 blocks end |
/// | 40..48 | offset of the index, which is where the IPv6 groups end |
/// | 48..52, 52..56 | how many blocks (0 to 65,536), and the kind of the container of their keys |
/// | 56..64 | reserved, 0 |
/// | 64..68 | version |
/// | 68..76 | magic |
/// | 76..80 | CRC32C of all bytes of the segment before it |
#[derive(Clone, Copy, Debug)]
pub(super) struct Footer {
    pub(super) span: Span,
    pub(super) tenant: u32,
    pub(super) bits: u32,
    pub(super) v4: u64,
    pub(super) v6: u64,
    pub(super) v6_at: u64,
    pub(super) index_at: u64,
    pub(super) blocks: u32,
    pub(super) keys: u32,
}

pub(super) const SIZE: usize = 80;
/// The version of the format that is written and read.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"tallyseg";

// === impl Footer ===

impl Footer {
    /// All but the checksum.
    pub(super) fn encode(&self) -> [u8; SIZE - 4] {
        let (kind, number) = encode_span(self.span);
        let mut out = Vec::with_capacity(SIZE);
        [kind, number, self.tenant, self.bits].iter().for_each(|field| out.extend_from_slice(&field.to_le_bytes()));
        let wide = [self.v4, self.v6, self.v6_at, self.index_at];
        wide.iter().for_each(|field| out.extend_from_slice(&field.to_le_bytes()));
        [self.blocks, self.keys, 0, 0, VERSION].iter().for_each(|field| out.extend_from_slice(&field.to_le_bytes()));
        out.extend_from_slice(&MAGIC);
        out.try_into().expect("the fields take that many bytes")
    }

    pub(super) fn decode(content: &[u8]) -> Result<Self, SegmentError> {
        let short = SegmentError::Short { bytes: content.len() };
        let footer = Bytes(content.last_chunk::<SIZE>().ok_or(short)?);
        if footer.array::<8>(68) != MAGIC {
            return Err(SegmentError::Magic);
        }
        let version = footer.u32(64);
        if version != VERSION {
            return Err(SegmentError::Version { found: version, known: VERSION });
        }
        let (kind, number) = (footer.u32(0), footer.u32(4));
        Ok(Self {
            span: decode_span(kind, number).ok_or(SegmentError::Span { kind, number })?,
            tenant: footer.u32(8),
            bits: footer.u32(12),
            v4: footer.u64(16),
            v6: footer.u64(24),
            v6_at: footer.u64(32),
            index_at: footer.u64(40),
            blocks: footer.u32(48),
            keys: footer.u32(52),
        })
    }
}

/// Checks the CRC32C of all of a segment.
pub(super) fn check_crc(content: &[u8]) -> Result<(), SegmentError> {
    let (body, stored) = content.split_last_chunk().ok_or(SegmentError::Short { bytes: content.len() })?;
    let (stored, computed) = (u32::from_le_bytes(*stored), crc32c::crc32c(body));
    if stored == computed { Ok(()) } else { Err(SegmentError::Checksum { stored, computed }) }
}

fn encode_span(span: Span) -> (u32, u32) {
    match span {
        Span::Hour(hour) => (0, hour.0),
        Span::Day(day) => (1, day.0),
        Span::Month(month) => (2, month.0),
        Span::Before => (3, 0),
    }
}

fn decode_span(kind: u32, number: u32) -> Option<Span> {
    match kind {
        0 => Some(Span::Hour(Hour(number))),
        1 => Some(Span::Day(Day(number))),
        2 => Some(Span::Month(Month(number))),
        3 if number == 0 => Some(Span::Before),
        _ => None,
    }
}
