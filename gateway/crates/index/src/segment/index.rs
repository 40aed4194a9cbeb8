//! Where the block of each /16 lies.

use super::SegmentError;
use super::bytes::Bytes;
use super::container::{Container, Kind};
use super::footer::{self, Footer};
use super::keys::Keys;
use super::masks::Form;

/// The index of a segment: an offset of 64 bits for each 32 blocks, an entry of 32 bits for each block, then the keys (upper
/// halves of the addresses) as a container, then one entry for each group of IPv6 addresses.
///
/// The keys are a container like any other, of which there is a form in memory that is quicker to ask ([`Keys`]) if there are
/// many; the rank of a key is the number of the entry. The offsets are few enough to stay in the cache.
pub(super) struct Index {
    bases: usize,
    entries: usize,
    keys_at: usize,
    keys: Kind,
    /// The same in memory, if there are many.
    quick: Option<Keys>,
    pub(super) blocks: usize,
    pub(super) v6: V6Index,
}

/// Where the groups of IPv6 addresses lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct V6Index {
    pub(super) at: usize,
    pub(super) groups: usize,
    /// Offset of the end of the last group.
    pub(super) end: usize,
    pub(super) len: u64,
}

/// Where a block lies and what it is.
///
/// As it is written: 24 bits of distance from the offset of its 32 blocks, 5 bits of shape, 3 bits of the masks' form.
/// The shape is 0 for Elias-Fano, 1 for runs, 2 for a bitmap, before all of which the block has its length less one in 16
/// bits; and 2 + n for an array of n suffixes.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Offset of the container.
    pub(super) at: usize,
    /// How many addresses there are: 1 to 65,536.
    pub(super) len: usize,
    pub(super) kind: Kind,
    pub(super) form: Form,
}

const BASE: usize = 8;
const ENTRY: usize = 4;
/// Blocks that share a base. With the largest masks, they take half of the distance that an entry has room for.
const SHARE: usize = 32;
const DISTANCE: u32 = 24;
const HEAD: usize = 2;
/// How much of a block is asked for at once.
const FETCH: usize = 1024;
const LINE: usize = 64;
const SHAPE_ARRAY: u32 = 3;
/// First address, and offset of the others.
pub(super) const V6_ENTRY: usize = 16 + 8;
/// IPv6 addresses of a group.
pub(super) const V6_GROUP: u64 = 64;

/// What a writer keeps for the index.
#[derive(Default)]
pub(super) struct IndexWriter {
    bases: Vec<u64>,
    entries: Vec<u32>,
}

// === impl IndexWriter ===

impl IndexWriter {
    /// Begins a block of `len` addresses: appends what stands before its container.
    pub(super) fn begin_block(out: &mut Vec<u8>, len: usize, kind: Kind) {
        if kind != Kind::Array {
            out.extend_from_slice(&((len - 1) as u16).to_le_bytes());
        }
    }

    /// Adds a block that begins at an offset.
    pub(super) fn push(&mut self, offset: u64, len: usize, kind: Kind, form: Form) {
        if self.entries.len().is_multiple_of(SHARE) {
            self.bases.push(offset);
        }
        let shape = match kind {
            Kind::EliasFano => 0,
            Kind::Runs => 1,
            Kind::Bitmap => 2,
            Kind::Array => SHAPE_ARRAY + len as u32 - 1,
        };
        let distance = (offset - self.bases.last().copied().unwrap_or_default()) as u32;
        self.entries.push(distance | (shape | form.code() << 5) << DISTANCE);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.bases.iter().for_each(|base| out.extend_from_slice(&base.to_le_bytes()));
        self.entries.iter().for_each(|entry| out.extend_from_slice(&entry.to_le_bytes()));
    }
}

// === impl Index ===

impl Index {
    /// Finds the parts of a segment, and checks that they lie where they can and that their sums are right.
    pub(super) fn open(content: &[u8], footer: &Footer) -> Result<Self, SegmentError> {
        let data = Bytes(content);
        let end = content.len().saturating_sub(footer::SIZE);
        let place = |offset: u64| usize::try_from(offset).ok().filter(|offset| *offset <= end);
        let (Some(v6_at), Some(bases)) = (place(footer.v6_at), place(footer.index_at)) else {
            return Err(SegmentError::Structure("the offsets in the footer"));
        };
        let blocks = footer.blocks as usize;
        let size = blocks.div_ceil(SHARE).saturating_mul(BASE).saturating_add(blocks.saturating_mul(ENTRY));
        if v6_at > bases || blocks > 1 << 16 || size > end - bases {
            return Err(SegmentError::Structure("the sizes in the footer"));
        }
        let (entries, keys_at) = (bases + blocks.div_ceil(SHARE) * BASE, bases + size);
        let keys = Kind::of_code(footer.keys as u8);
        let v6 = V6Index { at: keys_at, groups: 0, end: bases, len: footer.v6 };
        let mut index = Self { bases, entries, keys_at, keys, quick: None, blocks, v6 };
        index.quick = Keys::new(&index.check_blocks(data, v6_at, footer.v4)?);
        let keys_size = if blocks == 0 { 0 } else { index.container(data).size() };
        index.v6.at = keys_at + keys_size;
        let groups = usize::try_from(footer.v6.div_ceil(V6_GROUP)).ok();
        let groups = groups.filter(|groups| groups.checked_mul(V6_ENTRY) == end.checked_sub(index.v6.at));
        index.v6.groups = groups.ok_or(SegmentError::Structure("the size of the index"))?;
        index.v6.check(data, v6_at)?;
        Ok(index)
    }

    /// How many blocks stand before the one with this key, if there is one. It is asked for, and need not be close yet.
    #[inline]
    pub(super) fn find(&self, data: Bytes<'_>, key: u16) -> Option<usize> {
        let rank = match &self.quick {
            Some(keys) => keys.rank(key),
            None if self.blocks == 0 => None,
            None => self.container(data).rank(key),
        };
        rank.inspect(|rank| self.fetch(data, *rank))
    }

    /// The keys of all blocks, ascending.
    pub(super) fn keys(&self, data: Bytes<'_>) -> Vec<u16> {
        let mut keys = Vec::with_capacity(self.blocks);
        if self.blocks > 0 {
            self.container(data).for_each(|key| keys.push(key));
        }
        keys
    }

    /// The entry of the block before which `rank` others stand.
    #[inline]
    pub(super) fn entry(&self, data: Bytes<'_>, rank: usize) -> Entry {
        let word = data.u32(self.entries + rank * ENTRY);
        let at = self.offset(data, rank);
        let form = Form::of_code(word >> (DISTANCE + 5));
        let kind = match word >> DISTANCE & 31 {
            0 => Kind::EliasFano,
            1 => Kind::Runs,
            2 => Kind::Bitmap,
            array => return Entry { at, len: (array - SHAPE_ARRAY) as usize + 1, kind: Kind::Array, form },
        };
        Entry { at: at.saturating_add(HEAD), len: usize::from(data.u16(at)) + 1, kind, form }
    }

    /// Asks for the lines of a block that a lookup may need, so that their cache misses overlap: all of them, unless there
    /// are many.
    #[inline]
    fn fetch(&self, data: Bytes<'_>, rank: usize) {
        let start = self.offset(data, rank);
        let end = if rank + 1 < self.blocks { self.offset(data, rank + 1) } else { self.bases };
        let end = end.min(start.saturating_add(FETCH));
        for at in (start..end).step_by(LINE) {
            data.prefetch(at);
        }
    }

    /// Offset of a block.
    #[inline]
    fn offset(&self, data: Bytes<'_>, rank: usize) -> usize {
        let distance = data.u32(self.entries + rank * ENTRY) & ((1 << DISTANCE) - 1);
        // On a machine of 32 bits, what is too far is damage as well.
        let base = usize::try_from(data.u64(self.bases + rank / SHARE * BASE)).unwrap_or(usize::MAX);
        base.saturating_add(distance as usize)
    }

    #[inline]
    fn container<'a>(&self, data: Bytes<'a>) -> Container<'a> {
        Container::new(data, self.keys_at, self.blocks, self.keys)
    }

    /// Returns the keys of all blocks.
    fn check_blocks(&self, data: Bytes<'_>, end: usize, len: u64) -> Result<Vec<u16>, SegmentError> {
        let keys = self.keys(data);
        if keys.len() != self.blocks || !keys.is_sorted_by(|one, next| one < next) {
            return Err(SegmentError::Structure("the keys of the blocks"));
        }
        let (mut last, mut sum) = (0, 0);
        for rank in 0..self.blocks {
            let entry = self.entry(data, rank);
            if entry.at < last || entry.at >= end {
                return Err(SegmentError::Structure("the offset of a block"));
            }
            last = entry.at;
            sum += entry.len as u64;
        }
        if sum == len { Ok(keys) } else { Err(SegmentError::Structure("the number of IPv4 addresses")) }
    }
}
