//! Frames and headers: how visits lie in a journal file.
//!
//! All numbers are little-endian. A file is a header and then frames, one after the other. Version 1:
//!
//! | header | bytes | |
//! |---|---|---|
//! | magic | 8 | `TALLYJNL` |
//! | version | 4 | 1 |
//! | number | 8 | that of the file's name |
//! | whole below | 8 | files with a smaller number were synced as a whole, those from it on perhaps not |
//! | check | 4 | CRC32C of all before |
//!
//! | frame | bytes | |
//! |---|---|---|
//! | magic | 4 | `af 7a 11 e5` |
//! | length | 4 | of the payload, at most 1 MiB |
//! | check | 4 | CRC32C of length and payload |
//! | payload: tenant | 4 | |
//! | payload: hour | 4 | since the Unix epoch |
//! | payload: IPv4 count | 4 | |
//! | payload: IPv6 count | 4 | |
//! | payload: IPv4 addresses | 4 each | `a.b.c.d` is `a<<24 \| b<<16 \| c<<8 \| d` |
//! | payload: IPv6 addresses | 16 each | |
//!
//! Every version has magic, version and check of the header at these places, so that an older program knows a newer file.

use super::Visits;
use crate::{Day, Hour};
use crc32c::{crc32c, crc32c_append};

/// A file's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) whole_below: u64,
}

/// What a file begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    Header(Header),
    /// A header that only a later version of this program can read.
    Newer(u32),
    /// No header, or a part of one.
    Damaged,
}

/// Finds the frames of a file, whatever lies between them.
pub(super) struct Frames<'a> {
    /// What has not been looked at.
    rest: &'a [u8],
    /// Bytes that belong to no frame.
    pub(super) cut: u64,
    v4: Vec<u32>,
    v6: Vec<u128>,
}

pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 32;
const MAGIC: [u8; 8] = *b"TALLYJNL";

const FRAME_MAGIC: [u8; 4] = [0xaf, 0x7a, 0x11, 0xe5];
/// Bytes of a frame before its payload.
const FRAME: usize = 12;
/// Bytes of a payload before its addresses.
const PAYLOAD: usize = 16;
/// A longer length is none: this bounds what a damaged one makes the reader look at.
const MOST_PAYLOAD: usize = 1 << 20;

/// Appends the frames of visits, which are none if there is no address, and several if they do not fit into one.
pub fn encode(visits: &Visits<'_>, out: &mut Vec<u8>) {
    let (mut v4, mut v6) = (visits.v4, visits.v6);
    while !v4.is_empty() || !v6.is_empty() {
        let room = MOST_PAYLOAD - PAYLOAD;
        let (first_v4, rest) = v4.split_at(v4.len().min(room / 4));
        v4 = rest;
        let (first_v6, rest) = v6.split_at(v6.len().min((room - first_v4.len() * 4) / 16));
        v6 = rest;
        encode_one(&Visits { v4: first_v4, v6: first_v6, ..*visits }, out);
    }
}

fn encode_one(visits: &Visits<'_>, out: &mut Vec<u8>) {
    let (v4_bytes, v6_bytes) = (visits.v4.len() * 4, visits.v6.len() * 16);
    let length = PAYLOAD + v4_bytes + v6_bytes;
    let start = out.len();
    out.reserve(FRAME + length);
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for number in [visits.tenant, visits.hour.0, visits.v4.len() as u32, visits.v6.len() as u32] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let at = out.len();
    out.resize(at + v4_bytes + v6_bytes, 0);
    let (v4_place, v6_place) = out[at..].split_at_mut(v4_bytes);
    for (place, address) in v4_place.chunks_exact_mut(4).zip(visits.v4) {
        place.copy_from_slice(&address.to_le_bytes());
    }
    for (place, address) in v6_place.chunks_exact_mut(16).zip(visits.v6) {
        place.copy_from_slice(&address.to_le_bytes());
    }
    let check = check(&out[start + 4..start + 8], &out[start + FRAME..]);
    out[start + 8..start + FRAME].copy_from_slice(&check.to_le_bytes());
}

fn check(length: &[u8], payload: &[u8]) -> u32 {
    crc32c_append(crc32c(length), payload)
}

// === impl Header ===

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..20].copy_from_slice(&self.number.to_le_bytes());
        out[20..28].copy_from_slice(&self.whole_below.to_le_bytes());
        let check = crc32c(&out[..28]);
        out[28..].copy_from_slice(&check.to_le_bytes());
        out
    }
}

// === impl Start ===

impl Start {
    /// Reads the beginning of a file; the rest of it are frames.
    pub(super) fn of(file: &[u8]) -> (Self, &[u8]) {
        match Self::header(file) {
            Some((found, rest)) => (found, rest),
            None => (Self::Damaged, file),
        }
    }

    fn header(file: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = file.split_first_chunk::<HEADER>()?;
        let (checked, check) = header.split_last_chunk::<4>()?;
        if checked.get(..8)? != MAGIC || crc32c(checked) != u32::from_le_bytes(*check) {
            return None;
        }
        let version = u32_at(checked, 8)?;
        match version {
            0 => None,
            VERSION => {
                let header = Header { number: u64_at(checked, 12)?, whole_below: u64_at(checked, 20)? };
                Some((Self::Header(header), rest))
            }
            _ => Some((Self::Newer(version), rest)),
        }
    }
}

// === impl Frames ===

impl<'a> Frames<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, cut: 0, v4: Vec::new(), v6: Vec::new() }
    }

    /// The visits of the next frame that is whole.
    pub(super) fn next(&mut self) -> Option<Visits<'_>> {
        let payload = loop {
            if let Some((payload, rest)) = frame(self.rest) {
                self.rest = rest;
                break payload;
            }
            self.skip()?;
        };
        self.v4.clear();
        self.v4.extend(payload.v4.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        self.v6.clear();
        self.v6.extend(payload.v6.as_chunks().0.iter().map(|bytes| u128::from_le_bytes(*bytes)));
        Some(Visits { tenant: payload.tenant, hour: payload.hour, v4: &self.v4, v6: &self.v6 })
    }

    /// The bytes of the next frames that are whole and follow each other.
    pub(super) fn next_run(&mut self) -> Option<&'a [u8]> {
        while frame(self.rest).is_none() {
            self.skip()?;
        }
        let start = self.rest;
        while let Some((_, rest)) = frame(self.rest) {
            self.rest = rest;
        }
        start.get(..start.len() - self.rest.len())
    }

    /// Goes to the next place where a frame may begin: in the midst of this one, perhaps, if it was not written to its end.
    fn skip(&mut self) -> Option<()> {
        let (_, after) = self.rest.split_first()?;
        let distance = after.windows(4).position(|bytes| bytes == FRAME_MAGIC).unwrap_or(after.len());
        self.cut += 1 + distance as u64;
        self.rest = after.get(distance..)?;
        Some(())
    }
}

struct Payload<'a> {
    tenant: u32,
    hour: Hour,
    v4: &'a [u8],
    v6: &'a [u8],
}

/// The frame that the bytes begin with, and what follows it.
fn frame(bytes: &[u8]) -> Option<(Payload<'_>, &[u8])> {
    let (magic, after) = bytes.split_first_chunk::<4>()?;
    if *magic != FRAME_MAGIC {
        return None;
    }
    let (length, after) = after.split_first_chunk::<4>()?;
    let (checked, after) = after.split_first_chunk::<4>()?;
    let payload_bytes = u32::from_le_bytes(*length) as usize;
    if payload_bytes > MOST_PAYLOAD {
        return None;
    }
    let (bytes, rest) = after.split_at_checked(payload_bytes)?;
    // The check is left for last: who wanted to could send addresses that look like the beginnings of long frames.
    let payload = payload(bytes)?;
    (check(length, bytes) == u32::from_le_bytes(*checked)).then_some((payload, rest))
}

fn payload(bytes: &[u8]) -> Option<Payload<'_>> {
    let hour = Hour(u32_at(bytes, 4)?);
    let (v4_count, v6_count) = (u32_at(bytes, 8)? as usize, u32_at(bytes, 12)? as usize);
    let addresses = bytes.get(PAYLOAD..)?;
    let (v4, v6) = addresses.split_at_checked(v4_count.checked_mul(4)?)?;
    let whole = v6_count.checked_mul(16)? == v6.len() && hour.day() <= Day::LAST;
    whole.then_some(Payload { tenant: u32_at(bytes, 0)?, hour, v4, v6 })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
