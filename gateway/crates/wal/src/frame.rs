//! Frames, headers and marks: how payloads lie in a file.
//!
//! All numbers are little-endian. A file is a header and then frames and marks, one after the other. Version 2:
//!
//! | header | bytes | |
//! |---|---|---|
//! | magic | 8 | that of the [`Format`], `TALLYJNL` for visits |
//! | version | 4 | 2 |
//! | number | 8 | that of the file's name |
//! | whole below | 8 | files with a smaller number were synced as a whole, those from it on perhaps not |
//! | check | 4 | CRC32C of all before |
//! | file before | 8 | the number of the last file before this one that had entries when this one was begun; 0: none |
//! | its extent | 24 | how far that file was synced, see below |
//! | check | 4 | CRC32C of the two before |
//!
//! | frame | bytes | |
//! |---|---|---|
//! | magic | 4 | `af 7a 11 e5` |
//! | length | 4 | of the payload, at most [`Format::most_payload`] |
//! | check | 4 | CRC32C of length and payload |
//! | payload | length | what the log's owner makes of it |
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
//! | entries | 8 | in the frames within these bytes, as [`Format::measure`] counts them |
//! | first key, last key | 4, 4 | of these entries |
//!
//! A mark follows each sync and is not synced itself. Entries are acknowledged only after a sync, so a file whose bytes before
//! a mark are not all there has lost acknowledged entries, and how many. What is behind the last mark may be the torn end of a
//! commit that nobody was promised.
//!
//! Version 1 had a header of 32 bytes, up to the first check, and no marks. Every version has magic, version and the first
//! check at these places, so that an older program knows a newer file.

use crate::{Format, Measure};
use crc32c::{crc32c, crc32c_append};

/// A file's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) whole_below: u64,
    /// The last file before it that had entries, and how far it was synced.
    pub(super) before: Option<(u64, Extent)>,
}

/// How much of a file was synced, and what it had by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) entries: u64,
    /// The first and the last key of the entries. Without entries, the first is above the last.
    pub(super) first: u32,
    pub(super) last: u32,
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
pub(super) struct Reader<'a> {
    format: &'static Format,
    /// What has not been looked at, and where in the file it begins.
    rest: &'a [u8],
    at: u64,
    /// Bytes that belong to no frame and no mark.
    pub(super) cut: u64,
    /// Bytes of whole frames so far, and the entries in them.
    pub(super) frame_bytes: u64,
    pub(super) entries: u64,
    /// What the header of a later file says that this one has, until that place is reached.
    expected: Option<Extent>,
    /// What was synced last of all that is known to have been, and how many of its entries were found.
    synced: Option<(Extent, u64)>,
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
const FRAME_MAGIC: [u8; 4] = [0xaf, 0x7a, 0x11, 0xe5];
/// Bytes of a frame before its payload.
pub(super) const HEAD: usize = 12;

/// Writes the head of a frame whose payload is there: magic, length and check.
#[inline]
pub(super) fn fill_in_head(frame: &mut [u8]) {
    let Some((head, payload)) = frame.split_first_chunk_mut::<HEAD>() else { return };
    let length = (payload.len() as u32).to_le_bytes();
    head[..4].copy_from_slice(&FRAME_MAGIC);
    head[4..8].copy_from_slice(&length);
    head[8..].copy_from_slice(&check(&length, payload).to_le_bytes());
}

fn check(length: &[u8], payload: &[u8]) -> u32 {
    crc32c_append(crc32c(length), payload)
}

// === impl Header ===

impl Header {
    pub(super) fn encode(self, format: &Format) -> [u8; HEADER] {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&format.magic);
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
    /// So many bytes, without an entry in them.
    pub(super) fn empty(bytes: u64) -> Self {
        Self { bytes, entries: 0, first: u32::MAX, last: 0 }
    }

    /// Adds frames, which are whole.
    pub(super) fn add(&mut self, format: &Format, mut frames: &[u8]) {
        self.bytes += frames.len() as u64;
        while let Some((head, rest)) = frames.split_first_chunk::<HEAD>() {
            let length = u32_at(head, 4).expect("a head has a length") as usize;
            let (payload, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            if let Some(Measure { entries, key }) = (format.measure)(payload) {
                self.entries += entries;
                (self.first, self.last) = (self.first.min(key), self.last.max(key));
            }
            frames = rest;
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
        out[8..16].copy_from_slice(&self.entries.to_le_bytes());
        out[16..20].copy_from_slice(&self.first.to_le_bytes());
        out[20..].copy_from_slice(&self.last.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (first, last) = (u32_at(bytes, 16)?, u32_at(bytes, 20)?);
        Some(Self { bytes: u64_at(bytes, 0)?, entries: u64_at(bytes, 8)?, first, last })
    }
}

// === impl Start ===

impl Start {
    /// Reads the beginning of a file; the rest of it are frames.
    pub(super) fn of<'a>(format: &Format, file: &'a [u8]) -> (Self, &'a [u8]) {
        match Self::header(format, file) {
            Some((found, rest)) => (found, rest),
            None => (Self::Damaged, file),
        }
    }

    fn header<'a>(format: &Format, file: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, rest) = file.split_first_chunk::<HEADER_1>()?;
        let (checked, check) = header.split_last_chunk::<4>()?;
        if checked.get(..8)? != format.magic || crc32c(checked) != u32::from_le_bytes(*check) {
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

// === impl Reader ===

impl<'a> Reader<'a> {
    /// The frames of a file that lie in `bytes`, which are the end of it. `expected` is what the header of a later file says of
    /// this one.
    pub(super) fn new(format: &'static Format, file: &'a [u8], bytes: &'a [u8], expected: Option<Extent>) -> Self {
        let at = (file.len() - bytes.len()) as u64;
        Self { format, rest: bytes, at, cut: 0, frame_bytes: 0, entries: 0, expected, synced: None }
    }

    /// The payload of the next frame that is whole.
    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            self.note_expected();
            if let Some(found) = frame(self.format, self.rest) {
                self.go_to(found.rest);
                self.entries += found.measure.entries;
                self.frame_bytes += (HEAD + found.payload.len()) as u64;
                return Some(found.payload);
            }
            self.pass_mark().or_else(|| self.skip())?;
        }
    }

    /// The bytes of the next frames that are whole and follow each other.
    pub(super) fn next_run(&mut self) -> Option<&'a [u8]> {
        while frame(self.format, self.rest).is_none() {
            self.pass_mark().or_else(|| self.skip())?;
        }
        let start = self.rest;
        while let Some(found) = frame(self.format, self.rest) {
            self.go_to(found.rest);
        }
        start.get(..start.len() - self.rest.len())
    }

    /// When all was read: what is known to have been synced, and how many of its entries are not there any more, if any.
    pub(super) fn lost(&self) -> Option<(Extent, u64)> {
        // The file ends before it.
        let expected = self.expected.map(|expected| (expected, self.entries));
        let (extent, found) = expected.or(self.synced)?;
        let lost = extent.entries.saturating_sub(found);
        (lost > 0).then_some((extent, lost))
    }

    /// Notes what was found up to the place that a later file's header tells of.
    fn note_expected(&mut self) {
        if let Some(expected) = self.expected.take_if(|expected| self.at >= expected.bytes) {
            self.synced = Some((expected, self.entries));
        }
    }

    /// Passes a mark, if there is one here.
    fn pass_mark(&mut self) -> Option<()> {
        let (mark, rest) = self.rest.split_first_chunk::<MARK>()?;
        let extent = Extent::decode(mark.get(4..)?)?;
        // A mark tells where it lies: one that somebody put into a payload lies elsewhere.
        if extent.bytes != self.at || *mark != extent.mark() {
            return None;
        }
        self.synced = Some((extent, self.entries));
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

/// A frame that is whole.
struct Found<'a> {
    payload: &'a [u8],
    measure: Measure,
    /// What follows it.
    rest: &'a [u8],
}

/// The frame that the bytes begin with.
fn frame<'a>(format: &Format, bytes: &'a [u8]) -> Option<Found<'a>> {
    let (magic, after) = bytes.split_first_chunk::<4>()?;
    if *magic != FRAME_MAGIC {
        return None;
    }
    let (length, after) = after.split_first_chunk::<4>()?;
    let (checked, after) = after.split_first_chunk::<4>()?;
    let payload_bytes = u32::from_le_bytes(*length);
    if payload_bytes > format.most_payload {
        return None;
    }
    let (payload, rest) = after.split_at_checked(payload_bytes as usize)?;
    // The check is left for last: who wanted to could send what looks like the beginnings of long frames.
    let measure = (format.measure)(payload)?;
    (check(length, payload) == u32::from_le_bytes(*checked)).then_some(Found { payload, measure, rest })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
