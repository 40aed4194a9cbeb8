//! Sealed sets of addresses: those that visited one tenant in an hour, a day or a month, and in which hours or on which days.
//!
//! A segment is written once, from its beginning to its end ([`SegmentWriter`]), and then only read, where it lies: in a
//! mapped file or in memory ([`Segment`]). Several are put together /16 by /16 ([`merge`], [`write_merged`],
//! [`count_union`]).
//!
//! # Format, version 1
//!
//! ```text
//! +--------------------+--------------------+-----------------------------------------+--------+
//! | one block for each | groups of 64       | index: 64 bits for each 32 blocks       | footer |
//! | /16 that has any   | IPv6 addresses     |        32 bits for each block           | 80     |
//! | address            | with their masks   |        keys of the blocks, a container  | bytes  |
//! |                    |                    |        24 bytes for each IPv6 group     |        |
//! +--------------------+--------------------+-----------------------------------------+--------+
//! 0                    v6                   index                                     end - 80
//!
//! block:  [length less one, 16 bits, unless an array] [container: which suffixes] [masks: by rank]
//! ```
//!
//! All numbers are little-endian, bit fields begin in the lowest bits, nothing is aligned. The tables of the parts are
//! where they are read: `segment/footer.rs`, `index.rs`, `masks.rs`, `v6.rs`, and for each kind of container `container/`.
//!
//! A container has the lower halves of a /16's addresses, in whichever form is smallest: an array of 16 bits each, Elias-Fano
//! (log2(65,536 / n) + 2 bits each, for what is spread evenly), runs (32 bits for each), a bitmap (8 KiB). All of them
//! find a suffix together with its rank, and by that its mask. Where the span has one bit, there are no masks.
//!
//! The last 16 bytes (version, magic, checksum) stay where they are in every version to come.
//!
//! # Trust
//!
//! [`Segment::open`] checks the CRC32C of everything, and that the index makes sense. Behind that, every access is checked:
//! damaged bytes with a right checksum can make an answer wrong, but nothing panics, runs on, or takes more memory than
//! a block may have.
//!
//! # Figures
//!
//! Sizes under a made-up load of clients that come in runs, from 20,000 /16s of very different size
//! (`benches/load/clients.rs` says more; `cargo run --release -p tallygate-index --example sizes`):
//!
//! | | addresses | bits per address | bytes per (address, hour or day) |
//! |---|---|---|---|
//! | plain set of all clients | 1,000,000 | 5.63 | |
//! | plain set of all clients | 20,000,000 | 3.74 | |
//! | plain set of one day's visitors | 19,986,312 | 7.08 | |
//! | plain set, spread evenly over all addresses | 20,000,000 | 9.91 | |
//! | hour of a site with 5 M clients in a month | 59,627 | 24.77 | 3.10 |
//! | its day, with hours | 908,310 | 23.54 | 1.88 |
//! | its month, with days | 4,988,453 | 23.02 | 0.53 |
//! | month of a site with 20 M clients, with days | 19,954,000 | 22.51 | 0.52 |
//!
//! Time of one thread on a virtual machine with 2 cores of an AMD EPYC (family 26), which two to three times as many busy
//! threads shared. A chain of random reads from 24 or 64 MB took 160 or 200 ns a read then, so that this is what to compare
//! with. Each lookup waits for the one before:
//!
//! | `v4`, 20 M addresses | size | known | mostly unknown |
//! |---|---|---|---|
//! | plain set of all clients | 9 MB | 0.14 µs | 0.14 µs |
//! | plain set of one day's visitors | 18 MB | 0.21 µs | 0.20 µs |
//! | plain set, spread evenly | 25 MB | 0.19 µs | 0.23 µs |
//! | days of a month | 56 MB | 0.33 µs | 0.21 µs |
//!
//! From the 30 days of those 20 M clients, 109 M addresses (`cargo bench -p tallygate-index --bench segments`), millions of
//! them per second: [`count_union`] 171, of one hour of each day 41, [`merge`] 72 to 103, [`write_merged`] into a month 55.

mod bytes;
mod container;
mod footer;
mod index;
mod keys;
mod masks;
mod merge;
mod ranked;
mod union;
mod v6;
mod writer;

pub use self::merge::{Input, Project, Without, merge, merge_v4, merge_v6, write_merged};
pub use self::union::count_union;
pub use self::writer::{SegmentWriter, Written};

use self::bytes::Bytes;
use self::container::Container;
use self::footer::Footer;
use self::index::{Entry, Index};
use self::masks::Masks;
use crate::time::{Day, Hour, Month};
use std::ops::RangeInclusive;
use tallygate_disk::Content;

/// What time a segment is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Span {
    /// One hour; each address was there.
    Hour(Hour),
    /// One day; a mask says in which of its 24 hours an address was there.
    Day(Day),
    /// One month; a mask says on which of its up to 31 days an address was there.
    Month(Month),
    /// Addresses whose visits have expired.
    Before,
}

/// The addresses of one tenant in one span. Of it, nothing is kept in memory but what the content keeps there, and 10 KiB to
/// find /16s by if there are many.
pub struct Segment {
    content: Content,
    footer: Footer,
    index: Index,
}

/// The IPv4 addresses of one /16.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    data: Bytes<'a>,
    entry: Entry,
    key: u16,
    /// How many bits a mask has.
    bits: u32,
}

/// Why something is not a segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Not even a footer.
    #[error("the segment has {bytes} bytes, too few for its footer; restore the file from a backup or remove it")]
    Short {
        /// All that there is.
        bytes: usize,
    },
    /// Another kind of file.
    #[error("the segment does not end as one; it was cut off or is another kind of file: restore it or remove it")]
    Magic,
    /// Written by another version of this program.
    #[error("the segment has version {found} of its format, of which only {known} is known here; use a newer program")]
    Version {
        /// Its version.
        found: u32,
        /// The version that can be read.
        known: u32,
    },
    /// A span that does not exist.
    #[error("the footer of the segment names kind {kind} and number {number}, which is no span; restore the file")]
    Span {
        /// The number that stands for hour, day, month or before.
        kind: u32,
        /// Which of them.
        number: u32,
    },
    /// Damaged, most likely by the disk.
    #[error("the segment's checksum is {computed:08x} instead of {stored:08x}; its disk may fail: restore the file")]
    Checksum {
        /// As it was written.
        stored: u32,
        /// As it is.
        computed: u32,
    },
    /// The checksum holds, but what it covers makes no sense: an error of the program that wrote it.
    #[error("{0} in the segment cannot be right although its checksum is; report this and restore the file")]
    Structure(&'static str),
}

// === impl Span ===

impl Span {
    /// How many bits a mask has: 1, 24 or 31.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Hour(_) | Self::Before => 1,
            Self::Day(_) => 24,
            Self::Month(_) => 31,
        }
    }

    /// Its first and last hour, if it is told apart from earlier times.
    #[must_use]
    pub fn hours(self) -> Option<(Hour, Hour)> {
        match self {
            Self::Hour(hour) => Some((hour, hour)),
            Self::Day(day) => Some((day.first_hour(), day.last_hour())),
            Self::Month(month) => Some((month.first_day().first_hour(), month.last_day().last_hour())),
            Self::Before => None,
        }
    }
}

// === impl Segment ===

impl Segment {
    /// Opens a segment. Reads all of it, to check the CRC32C; and checks that its parts lie where the footer says.
    pub fn open(content: Content) -> Result<Self, SegmentError> {
        let footer = Footer::decode(&content)?;
        footer::check_crc(&content)?;
        Self::open_parts(content, &footer)
    }

    /// As [`Self::open`], but whatever the checksum is. For tests of what damage can do.
    #[doc(hidden)]
    pub fn open_unchecked(content: Content) -> Result<Self, SegmentError> {
        let footer = Footer::decode(&content)?;
        Self::open_parts(content, &footer)
    }

    /// What time it is about.
    #[must_use]
    pub fn span(&self) -> Span {
        self.footer.span
    }

    /// Whose addresses it has.
    #[must_use]
    pub fn tenant(&self) -> u32 {
        self.footer.tenant
    }

    /// OR of all masks.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.footer.bits
    }

    /// How many IPv4 addresses it has.
    #[must_use]
    pub fn v4_len(&self) -> u64 {
        self.footer.v4
    }

    /// How many IPv6 addresses it has.
    #[must_use]
    pub fn v6_len(&self) -> u64 {
        self.footer.v6
    }

    /// Whether it has no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.footer.v4 == 0 && self.footer.v6 == 0
    }

    /// Its size.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.content.len() as u64
    }

    /// Its checksum, as [`Written::crc`] has it.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.content.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc))
    }

    /// The mask of an IPv4 address, 0 if it is not there.
    #[must_use]
    #[inline]
    pub fn v4(&self, address: u32) -> u32 {
        self.block_of(address).map_or(0, |block| self.v4_in(block, address))
    }

    /// The number of the block that an IPv4 address is in, if it is there. It is asked for, and need not be close yet.
    #[inline]
    pub(crate) fn block_of(&self, address: u32) -> Option<usize> {
        self.index.find(self.data(), (address >> 16) as u16)
    }

    /// As [`Self::v4`], of an address in a block.
    #[inline]
    pub(crate) fn v4_in(&self, block: usize, address: u32) -> u32 {
        let (data, key) = (self.data(), (address >> 16) as u16);
        self.block(data, key, self.index.entry(data, block)).mask(address as u16)
    }

    /// The mask of an IPv6 address, 0 if it is not there.
    #[must_use]
    pub fn v6(&self, address: u128) -> u32 {
        self.index.v6.find(self.data(), address, self.span().bits() > 1)
    }

    /// The IPv4 addresses, one block for each /16 that has any, ascending.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.blocks_within(0..=u16::MAX)
    }

    /// The IPv4 addresses with some upper halves.
    pub(crate) fn blocks_within(&self, within: RangeInclusive<u16>) -> impl Iterator<Item = Block<'_>> {
        let data = self.data();
        let single = within.start() == within.end();
        // One is looked up; for more of them, all keys are read.
        let one = if single { self.index.find(data, *within.start()) } else { None };
        let one = one.map(|rank| self.block(data, *within.start(), self.index.entry(data, rank)));
        let keys = if single { Vec::new() } else { self.index.keys(data) };
        let keys = keys.into_iter().enumerate().filter(move |(_, key)| within.contains(key));
        one.into_iter().chain(keys.map(move |(rank, key)| self.block(data, key, self.index.entry(data, rank))))
    }

    /// The IPv6 addresses and their masks, ascending.
    pub fn v6_entries(&self) -> impl Iterator<Item = (u128, u32)> {
        self.v6_entries_from(0)
    }

    /// The IPv6 addresses from one on.
    pub(crate) fn v6_entries_from(&self, first: u128) -> impl Iterator<Item = (u128, u32)> {
        self.index.v6.entries_from(self.data(), first, self.span().bits() > 1)
    }

    fn open_parts(content: Content, footer: &Footer) -> Result<Self, SegmentError> {
        let index = Index::open(&content, footer)?;
        Ok(Self { content, footer: *footer, index })
    }

    #[inline]
    fn data(&self) -> Bytes<'_> {
        Bytes(&self.content)
    }

    #[inline]
    fn block<'a>(&self, data: Bytes<'a>, key: u16, entry: Entry) -> Block<'a> {
        Block { data, entry, key, bits: self.span().bits() }
    }
}

// === impl Block ===

impl<'a> Block<'a> {
    /// The upper half of its addresses.
    #[must_use]
    pub fn key(&self) -> u16 {
        self.key
    }

    /// How many addresses it has: 1 to 65,536.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> u32 {
        self.entry.len as u32
    }

    /// Puts the lower halves of its addresses, ascending, and their masks in place of what the two held. All masks are 1
    /// where the span has one bit.
    pub fn read(&self, suffixes: &mut Vec<u16>, masks: &mut Vec<u32>) {
        self.read_suffixes(suffixes);
        masks.clear();
        if self.bits == 1 {
            masks.resize(suffixes.len(), 1);
            return;
        }
        self.masks().read(masks);
        // They differ only if the bytes are damaged.
        masks.resize(suffixes.len(), 0);
    }

    /// As [`Self::read`], without the masks.
    fn read_suffixes(&self, suffixes: &mut Vec<u16>) {
        suffixes.clear();
        suffixes.reserve(self.entry.len);
        self.container().for_each(|suffix| suffixes.push(suffix));
    }

    #[inline]
    fn mask(&self, suffix: u16) -> u32 {
        match self.container().rank(suffix) {
            None => 0,
            Some(_) if self.bits == 1 => 1,
            Some(rank) => self.masks().get(rank),
        }
    }

    #[inline]
    fn container(&self) -> Container<'a> {
        Container::new(self.data, self.entry.at, self.entry.len, self.entry.kind)
    }

    #[inline]
    fn masks(&self) -> Masks<'a> {
        let at = self.entry.at + self.container().size();
        Masks::new(self.data, at, self.entry.len, self.bits, self.entry.form)
    }
}

#[cfg(test)]
mod tests;
