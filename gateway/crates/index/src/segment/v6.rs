//! IPv6 addresses: groups of 64, each address by what differs from the one before.

use super::SegmentError;
use super::bytes::Bytes;
use super::index::{V6_ENTRY, V6_GROUP, V6Index};

/// The addresses of one group after the other, with their masks.
///
/// A group's first address stands in the index. Every other one has a byte that says how many leading bytes it shares with
/// the one before (0 to 15), then the bytes that it does not. A mask follows each address where the span has more than one
/// bit: a byte with the place of its only bit, or 255 and the mask in 4 bytes.
pub(super) struct V6Entries<'a> {
    data: Bytes<'a>,
    index: V6Index,
    masked: bool,
    group: usize,
    left: u64,
    in_group: u64,
    at: usize,
    address: u128,
}

const FULL_MASK: u8 = 255;

// === impl V6Index ===

impl V6Index {
    /// The mask of an address, 0 if it is not there.
    pub(super) fn find(&self, data: Bytes<'_>, address: u128, masked: bool) -> u32 {
        let Some(group) = self.group_of(data, address) else {
            return 0;
        };
        let mut entries = self.group_entries(data, group, masked);
        entries.left = entries.left.min(V6_GROUP);
        let mut entries = entries.skip_while(|(found, _)| *found < address);
        entries.next().map_or(0, |(found, mask)| if found == address { mask } else { 0 })
    }

    /// The addresses from one on.
    pub(super) fn entries_from<'a>(
        &self,
        data: Bytes<'a>,
        first: u128,
        masked: bool,
    ) -> impl Iterator<Item = (u128, u32)> + use<'a> {
        let group = self.group_of(data, first).unwrap_or(0);
        self.group_entries(data, group, masked).skip_while(move |(found, _)| *found < first)
    }

    /// The only group that can have an address.
    fn group_of(&self, data: Bytes<'_>, address: u128) -> Option<usize> {
        let (mut low, mut high) = (0, self.groups);
        while low < high {
            let middle = low.midpoint(high);
            if self.first(data, middle) <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }

    fn group_entries<'a>(&self, data: Bytes<'a>, group: usize, masked: bool) -> V6Entries<'a> {
        let left = self.len.saturating_sub(group as u64 * V6_GROUP);
        V6Entries { data, index: *self, masked, group, left, in_group: 0, at: 0, address: 0 }
    }

    /// Checks that the groups ascend and lie where they can.
    pub(super) fn check(&self, data: Bytes<'_>, start: usize) -> Result<(), SegmentError> {
        for group in 0..self.groups {
            let next = if group + 1 < self.groups { self.offset(data, group + 1) } else { Some(self.end) };
            let offset = self.offset(data, group);
            if offset.is_none_or(|offset| offset < start) || offset > next || next.is_none_or(|next| next > self.end) {
                return Err(SegmentError::Structure("the offset of a group of IPv6 addresses"));
            }
            if group > 0 && self.first(data, group - 1) >= self.first(data, group) {
                return Err(SegmentError::Structure("the order of the IPv6 addresses"));
            }
        }
        Ok(())
    }

    fn first(&self, data: Bytes<'_>, group: usize) -> u128 {
        u128::from_le_bytes(data.array(self.at + group * V6_ENTRY))
    }

    fn offset(&self, data: Bytes<'_>, group: usize) -> Option<usize> {
        usize::try_from(data.u64(self.at + group * V6_ENTRY + 16)).ok()
    }
}

// === impl V6Entries ===

impl Iterator for V6Entries<'_> {
    type Item = (u128, u32);

    fn next(&mut self) -> Option<(u128, u32)> {
        self.left = self.left.checked_sub(1)?;
        if self.in_group == 0 {
            self.address = self.index.first(self.data, self.group);
            self.at = self.index.offset(self.data, self.group)?;
            self.group += 1;
        } else {
            let [shared] = self.data.array(self.at);
            // More than 15 is damage, which may give a wrong answer only.
            let shared = u32::from(shared % 16);
            let kept = if shared == 0 { 0 } else { u128::MAX << (128 - 8 * shared) };
            let other = u128::from_be_bytes(self.data.array(self.at + 1)) >> (8 * shared);
            self.address = self.address & kept | other;
            self.at += 17 - shared as usize;
        }
        self.in_group = (self.in_group + 1) % V6_GROUP;
        Some((self.address, self.mask()))
    }
}

impl V6Entries<'_> {
    fn mask(&mut self) -> u32 {
        if !self.masked {
            return 1;
        }
        let [place] = self.data.array(self.at);
        self.at += 1;
        if place != FULL_MASK {
            return 1 << (place % 32);
        }
        self.at += 4;
        self.data.u32(self.at - 4)
    }
}

/// Appends an address after the one before it in its group, if it is not the first.
pub(super) fn encode(out: &mut Vec<u8>, before: Option<u128>, address: u128) {
    let Some(before) = before else {
        return;
    };
    let shared = (before ^ address).leading_zeros().min(127) / 8;
    out.push(shared as u8);
    out.extend_from_slice(&address.to_be_bytes()[shared as usize..]);
}

/// Appends the mask of the address that was just written.
pub(super) fn encode_mask(out: &mut Vec<u8>, mask: u32) {
    if mask.is_power_of_two() {
        out.push(mask.trailing_zeros() as u8);
    } else {
        out.push(FULL_MASK);
        out.extend_from_slice(&mask.to_le_bytes());
    }
}
