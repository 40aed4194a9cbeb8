//! Where the block of each /16 lies.

use super::SegmentError;
use super::bytes::Bytes;
use super::container::{Container, Kind};
use super::footer::{self, Footer};
use super::masks::Form;

/// The index of a segment: one entry for each block, then the keys (upper halves of the addresses) as a container, then one
/// entry for each group of IPv6 addresses.
///
/// The keys being a container like any other, a lookup takes two cache lines of it at most if there are many, and it is
/// small if there are few; its rank is the number of the entry, which takes one more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index {
    entries: usize,
    keys_at: usize,
    keys: Kind,
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

/// One block: 40 bits of offset, 16 of length less one, 3 of the container's kind, 5 of the masks' form.
#[derive(Clone, Copy)]
pub(super) struct Entry(pub(super) u64);

const ENTRY: usize = 8;
/// First address, and offset of the others.
pub(super) const V6_ENTRY: usize = 16 + 8;
/// IPv6 addresses of a group.
pub(super) const V6_GROUP: u64 = 64;

// === impl Entry ===

impl Entry {
    /// How far into a segment a block may lie.
    pub(super) const MAX_OFFSET: u64 = (1 << 40) - 1;

    pub(super) fn new(offset: u64, len: usize, kind: Kind, form: Form) -> Self {
        let len = (len as u64 - 1) << 40;
        Self(offset | len | u64::from(kind.code()) << 56 | u64::from(form.code()) << 59)
    }

    #[inline]
    pub(super) fn offset(self) -> usize {
        (self.0 & Self::MAX_OFFSET) as usize
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        usize::from((self.0 >> 40) as u16) + 1
    }

    #[inline]
    pub(super) fn kind(self) -> Kind {
        Kind::of_code((self.0 >> 56) as u8)
    }

    #[inline]
    pub(super) fn form(self) -> Form {
        Form::of_code((self.0 >> 59) as u8)
    }
}

// === impl Index ===

impl Index {
    /// Finds the parts of a segment, and checks that they lie where they can and that their sums are right.
    pub(super) fn open(content: &[u8], footer: &Footer) -> Result<Self, SegmentError> {
        let data = Bytes(content);
        let end = content.len().saturating_sub(footer::SIZE);
        let place = |offset: u64| usize::try_from(offset).ok().filter(|offset| *offset <= end);
        let (Some(v6_at), Some(entries)) = (place(footer.v6_at), place(footer.index_at)) else {
            return Err(SegmentError::Structure("the offsets in the footer"));
        };
        let blocks = footer.blocks as usize;
        if v6_at > entries || blocks > 1 << 16 || blocks * ENTRY > end - entries {
            return Err(SegmentError::Structure("the sizes in the footer"));
        }
        let keys_at = entries + blocks * ENTRY;
        let keys = Kind::of_code(footer.keys as u8);
        let v6 = V6Index { at: keys_at, groups: 0, end: entries, len: footer.v6 };
        let mut index = Self { entries, keys_at, keys, blocks, v6 };
        index.check_blocks(data, v6_at, footer.v4)?;
        let keys_size = if blocks == 0 { 0 } else { index.container(data).size() };
        index.v6.at = keys_at + keys_size;
        let groups = usize::try_from(footer.v6.div_ceil(V6_GROUP)).ok();
        let groups = groups.filter(|groups| groups.checked_mul(V6_ENTRY) == end.checked_sub(index.v6.at));
        index.v6.groups = groups.ok_or(SegmentError::Structure("the size of the index"))?;
        index.v6.check(data, v6_at)?;
        Ok(index)
    }

    /// The entry of the block with this key.
    #[inline]
    pub(super) fn find(&self, data: Bytes<'_>, key: u16) -> Option<Entry> {
        let rank = if self.blocks == 0 { None } else { self.container(data).rank(key) };
        rank.map(|rank| self.entry(data, rank))
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
        Entry(data.u64(self.entries + rank * ENTRY))
    }

    #[inline]
    fn container<'a>(&self, data: Bytes<'a>) -> Container<'a> {
        Container::new(data, self.keys_at, self.blocks, self.keys)
    }

    fn check_blocks(&self, data: Bytes<'_>, end: usize, len: u64) -> Result<(), SegmentError> {
        let keys = self.keys(data);
        if keys.len() != self.blocks || !keys.is_sorted_by(|one, next| one < next) {
            return Err(SegmentError::Structure("the keys of the blocks"));
        }
        let (mut last, mut sum) = (0, 0);
        for rank in 0..self.blocks {
            let entry = self.entry(data, rank);
            if entry.offset() < last || entry.offset() >= end {
                return Err(SegmentError::Structure("the offset of a block"));
            }
            last = entry.offset();
            sum += entry.len() as u64;
        }
        if sum == len { Ok(()) } else { Err(SegmentError::Structure("the number of IPv4 addresses")) }
    }
}
