//! Frames and headers: how visits lie in a journal file.
//!
//! All numbers are little-endian. A file is a header and then frames and marks, one after the other. Version 2:
//!
//! | header | bytes | |
//! |---|---|---|
//! | magic | 8 | `TALLYJNL` |
//! | version | 4 | 2 |
//! | number | 8 | that of the file's name |
//! | whole below | 8 | files with a smaller number were synced as a whole, those from it on perhaps not |
//! | check | 4 | CRC32C of all before |
//! | file before | 8 | the number of the last file before this one that had visits when this one was begun; 0: none |
//! | its extent | 24 | how far that file was synced, see below |
//! | check | 4 | CRC32C of the two before |
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
//! | mark | bytes | |
//! |---|---|---|
//! | magic | 4 | `af 7a 11 ed` |
//! | extent | 24 | of this file when it was synced; its bytes are those before the mark |
//! | check | 4 | CRC32C of the extent |
//!
//! | extent | bytes | |
//! |---|---|---|
//! | bytes | 8 | from the beginning of the file |
//! | visits | 8 | in the frames within these bytes |
//! | first hour, last hour | 4, 4 | of these visits |
//!
//! A mark follows each sync and is not synced itself. Visits are acknowledged only after a sync, so a file whose bytes before a
//! mark are not all there has lost acknowledged visits, and how many. What is behind the last mark may be the torn end of a
//! batch that nobody was promised.
//!
//! Version 1 had a header of 32 bytes, up to the first check, and no marks. Every version has magic, version and the first
//! check at these places, so that an older program knows a newer file.

use super::Visits;
use crate::{Day, Hour};
use crc32c::{crc32c, crc32c_append};

/// A file's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) whole_below: u64,
    /// The last file before it that had visits, and how far it was synced.
    pub(super) before: Option<(u64, Extent)>,
}

/// How much of a file was synced, and what it had by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) visits: u64,
    /// The first and the last hour of the visits. Without visits, the first is after the last.
    pub(super) first: Hour,
    pub(super) last: Hour,
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
    /// What has not been looked at, and where in the file it begins.
    rest: &'a [u8],
    at: u64,
    /// Bytes that belong to no frame and no mark.
    pub(super) cut: u64,
    /// Visits of whole frames so far.
    visits: u64,
    /// What the header of a later file says that this one has, until that place is reached.
    expected: Option<Extent>,
    /// What was synced last of all that is known to have been, and how many of its visits were found.
    synced: Option<(Extent, u64)>,
    v4: Vec<u32>,
    v6: Vec<u128>,
}

pub(super) const VERSION: u32 = 2;
/// Bytes of a header of version 1, which is the first part of every later one.
const HEADER_1: usize = 32;
pub(super) const HEADER: usize = HEADER_1 + 8 + EXTENT + 4;
const EXTENT: usize = 24;
const MARK: usize = 4 + EXTENT + 4;
const MARK_MAGIC: [u8; 4] = [0xaf, 0x7a, 0x11, 0xed];
/// What frames and marks begin with.
const COMMON_MAGIC: [u8; 3] = [0xaf, 0x7a, 0x11];
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

// === impl Visits ===

impl Visits<'_> {
    /// What they take as one frame.
    pub(super) fn frame_bytes(&self) -> u64 {
        (FRAME + PAYLOAD + self.v4.len() * 4 + self.v6.len() * 16) as u64
    }
}

// === impl Header ===

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER] {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.whole_below.to_le_bytes());
        out.extend_from_slice(&crc32c(&out).to_le_bytes());
        let (number, extent) = self.before.unwrap_or((0, Extent::empty(0)));
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&extent.encode());
        let check = crc32c(&out[HEADER_1..]);
        out.extend_from_slice(&check.to_le_bytes());
        out.try_into().expect("the parts take that many bytes")
    }
}

// === impl Extent ===

impl Extent {
    /// So many bytes, without a visit in them.
    pub(super) fn empty(bytes: u64) -> Self {
        Self { bytes, visits: 0, first: Hour(u32::MAX), last: Hour(0) }
    }

    /// Adds frames, which are whole.
    pub(super) fn add(&mut self, mut frames: &[u8]) {
        self.bytes += frames.len() as u64;
        while let Some((head, rest)) = frames.split_first_chunk::<{ FRAME + PAYLOAD }>() {
            let number = |at| u32_at(head, at).expect("a head has these numbers");
            let (length, hour) = (number(4) as usize, Hour(number(FRAME + 4)));
            self.visits += u64::from(number(FRAME + 8)) + u64::from(number(FRAME + 12));
            (self.first, self.last) = (self.first.min(hour), self.last.max(hour));
            frames = rest.get(length.saturating_sub(PAYLOAD)..).unwrap_or_default();
        }
    }

    /// The mark that says that a file was synced up to here.
    pub(super) fn mark(self) -> [u8; MARK] {
        let mut out = [0; MARK];
        let extent = self.encode();
        out[..4].copy_from_slice(&MARK_MAGIC);
        out[4..4 + EXTENT].copy_from_slice(&extent);
        out[4 + EXTENT..].copy_from_slice(&crc32c(&extent).to_le_bytes());
        out
    }

    pub(super) fn encode(self) -> [u8; EXTENT] {
        let mut out = [0; EXTENT];
        out[..8].copy_from_slice(&self.bytes.to_le_bytes());
        out[8..16].copy_from_slice(&self.visits.to_le_bytes());
        out[16..20].copy_from_slice(&self.first.0.to_le_bytes());
        out[20..].copy_from_slice(&self.last.0.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let hour = |at| Some(Hour(u32_at(bytes, at)?));
        Some(Self { bytes: u64_at(bytes, 0)?, visits: u64_at(bytes, 8)?, first: hour(16)?, last: hour(20)? })
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
        let (header, rest) = file.split_first_chunk::<HEADER_1>()?;
        let (checked, check) = header.split_last_chunk::<4>()?;
        if checked.get(..8)? != MAGIC || crc32c(checked) != u32::from_le_bytes(*check) {
            return None;
        }
        let version = u32_at(checked, 8)?;
        let header = Header { number: u64_at(checked, 12)?, whole_below: u64_at(checked, 20)?, before: None };
        match version {
            0 => None,
            1 => Some((Self::Header(header), rest)),
            VERSION => {
                let (more, rest) = rest.split_first_chunk::<{ HEADER - HEADER_1 }>()?;
                let (checked, check) = more.split_last_chunk::<4>()?;
                if crc32c(checked) != u32::from_le_bytes(*check) {
                    return None;
                }
                let before = (u64_at(checked, 0)?, Extent::decode(checked.get(8..)?)?);
                Some((Self::Header(Header { before: Some(before).filter(|(file, _)| *file > 0), ..header }), rest))
            }
            _ => Some((Self::Newer(version), rest)),
        }
    }
}

// === impl Frames ===

impl<'a> Frames<'a> {
    /// The frames of a file that lie in `bytes`, which are the end of it. `expected` is what the header of a later file says of
    /// this one.
    pub(super) fn new(file: &'a [u8], bytes: &'a [u8], expected: Option<Extent>) -> Self {
        let at = (file.len() - bytes.len()) as u64;
        Self { rest: bytes, at, cut: 0, visits: 0, expected, synced: None, v4: Vec::new(), v6: Vec::new() }
    }

    /// The visits of the next frame that is whole.
    pub(super) fn next(&mut self) -> Option<Visits<'_>> {
        let payload = loop {
            self.note_expected();
            if let Some((payload, rest)) = frame(self.rest) {
                self.go_to(rest);
                break payload;
            }
            self.pass_mark().or_else(|| self.skip())?;
        };
        self.v4.clear();
        self.v4.extend(payload.v4.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        self.v6.clear();
        self.v6.extend(payload.v6.as_chunks().0.iter().map(|bytes| u128::from_le_bytes(*bytes)));
        self.visits += (self.v4.len() + self.v6.len()) as u64;
        Some(Visits { tenant: payload.tenant, hour: payload.hour, v4: &self.v4, v6: &self.v6 })
    }

    /// The bytes of the next frames that are whole and follow each other.
    pub(super) fn next_run(&mut self) -> Option<&'a [u8]> {
        while frame(self.rest).is_none() {
            self.pass_mark().or_else(|| self.skip())?;
        }
        let start = self.rest;
        while let Some((_, rest)) = frame(self.rest) {
            self.go_to(rest);
        }
        start.get(..start.len() - self.rest.len())
    }

    /// When all was read: what is known to have been synced, and how many of its visits are not there any more, if any.
    pub(super) fn lost(&self) -> Option<(Extent, u64)> {
        // The file ends before it.
        let expected = self.expected.map(|expected| (expected, self.visits));
        let (extent, found) = expected.or(self.synced)?;
        let lost = extent.visits.saturating_sub(found);
        (lost > 0).then_some((extent, lost))
    }

    /// Notes what was found up to the place that a later file's header tells of.
    fn note_expected(&mut self) {
        if let Some(expected) = self.expected.take_if(|expected| self.at >= expected.bytes) {
            self.synced = Some((expected, self.visits));
        }
    }

    /// Passes a mark, if there is one here.
    fn pass_mark(&mut self) -> Option<()> {
        let (mark, rest) = self.rest.split_first_chunk::<MARK>()?;
        let extent = Extent::decode(mark.get(4..)?)?;
        // A mark tells where it lies: one that somebody put into addresses lies elsewhere.
        if extent.bytes != self.at || *mark != extent.mark() {
            return None;
        }
        self.synced = Some((extent, self.visits));
        self.go_to(rest);
        Some(())
    }

    /// Goes to the next place where a frame may begin: in the midst of this one, perhaps, if it was not written to its end.
    fn skip(&mut self) -> Option<()> {
        let (_, after) = self.rest.split_first()?;
        let distance = after.windows(3).position(|bytes| bytes == COMMON_MAGIC).unwrap_or(after.len());
        self.cut += 1 + distance as u64;
        self.go_to(after.get(distance..)?);
        Some(())
    }

    fn go_to(&mut self, rest: &'a [u8]) {
        self.at += (self.rest.len() - rest.len()) as u64;
        self.rest = rest;
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
