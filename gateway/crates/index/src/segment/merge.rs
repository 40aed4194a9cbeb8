//! Putting segments together, one /16 at a time.

use super::container::Bitmap;
use super::writer::{SegmentWriter, Written};
use super::{Block, Segment};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::ops::RangeInclusive;

/// One of the segments that are put together.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Where the addresses come from.
    pub segment: &'a Segment,
    /// Bits of its masks that count: an address with none of them is left out.
    pub keep: u32,
    /// What becomes of its masks.
    pub project: Project,
}

/// What becomes of a mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Project {
    /// The bits that count, unchanged.
    AsIs,
    /// This one bit for everybody who is there: the hour of the day, the day of the month, or 0.
    Bit(u32),
}

/// Addresses to leave out, each family ascending.
#[derive(Clone, Default, Debug)]
pub struct Without {
    /// IPv4 addresses.
    pub v4: Vec<u32>,
    /// IPv6 addresses.
    pub v6: Vec<u128>,
}

/// What an input adds to the mask of an address.
#[derive(Clone, Copy)]
pub(super) enum Adds {
    /// This, whatever its own mask: no need to read that.
    Same(u32),
    /// What becomes of its own mask.
    Own,
}

/// The inputs, each with its next block.
pub(super) struct Sweep<'a, I> {
    cursors: Vec<Cursor<'a, I>>,
    /// The blocks of the current key and what their inputs add.
    blocks: Vec<(&'a Input<'a>, Block<'a>)>,
}

struct Cursor<'a, I> {
    input: &'a Input<'a>,
    next: Option<Block<'a>>,
    rest: I,
}

/// Where the addresses of one /16 come together.
struct Table {
    present: Bitmap,
    masks: Box<[u32; 1 << 16]>,
    suffixes: Vec<u16>,
    own_masks: Vec<u32>,
}

/// Merges segments: the mask of an address is the OR of what the inputs make of theirs. Calls `v4` for each /16 that has any
/// addresses, ascending, with their lower halves and masks; then `v6` for each IPv6 address, ascending. Addresses whose
/// mask comes to zero are left out.
pub fn merge<E>(
    inputs: &[Input<'_>],
    v4: impl FnMut(u16, &[u16], &[u32]) -> Result<(), E>,
    mut v6: impl FnMut(u128, u32) -> Result<(), E>,
) -> Result<(), E> {
    merge_v4(inputs, 0..=u16::MAX, v4)?;
    merge_v6(inputs, 0, &mut v6)
}

/// As [`merge`], of IPv4 addresses within some /16s, without reading the others.
pub fn merge_v4<E>(
    inputs: &[Input<'_>],
    keys: RangeInclusive<u16>,
    mut v4: impl FnMut(u16, &[u16], &[u32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut table = Table::new();
    let (mut suffixes, mut masks) = (Vec::new(), Vec::new());
    let mut sweep = sweep(inputs, keys);
    while let Some((key, blocks)) = sweep.next() {
        table.merge(blocks, &mut suffixes, &mut masks);
        if !suffixes.is_empty() {
            v4(key, &suffixes, &masks)?;
        }
    }
    Ok(())
}

/// Merges segments into a new one, leaving out some addresses.
pub fn write_merged<W: Write>(
    inputs: &[Input<'_>],
    without: &Without,
    writer: SegmentWriter<W>,
) -> io::Result<(W, Written)> {
    // Two closures write to it, one after the other.
    let writer = std::cell::RefCell::new(writer);
    let (mut left_v4, mut left_v6) = (without.v4.as_slice(), without.v6.iter().peekable());
    let (mut kept, mut kept_masks) = (Vec::new(), Vec::new());
    let push_v4 = |key: u16, suffixes: &[u16], masks: &[u32]| {
        let start = left_v4.partition_point(|address| address >> 16 < u32::from(key));
        let end = left_v4.partition_point(|address| address >> 16 <= u32::from(key));
        let (here, later) = (&left_v4[start..end.max(start)], &left_v4[end.max(start)..]);
        left_v4 = later;
        if here.is_empty() {
            return writer.borrow_mut().push_v4(key, suffixes, masks);
        }
        kept.clear();
        kept_masks.clear();
        let mut here = here.iter().map(|address| *address as u16).peekable();
        for (suffix, mask) in suffixes.iter().zip(masks) {
            while here.next_if(|out| out < suffix).is_some() {}
            if here.peek() != Some(suffix) {
                kept.push(*suffix);
                kept_masks.push(*mask);
            }
        }
        writer.borrow_mut().push_v4(key, &kept, &kept_masks)
    };
    let push_v6 = |address: u128, mask: u32| {
        while left_v6.next_if(|out| **out < address).is_some() {}
        if left_v6.peek() == Some(&&address) { Ok(()) } else { writer.borrow_mut().push_v6(address, mask) }
    };
    merge(inputs, push_v4, push_v6)?;
    writer.into_inner().finish()
}

// === impl Input ===

impl Input<'_> {
    /// What it adds to the masks of IPv4 addresses, as far as that is the same for all of them.
    pub(super) fn adds(&self) -> Adds {
        match self.project {
            _ if self.segment.bits() & self.keep == 0 => Adds::Same(0),
            Project::Bit(bit) if self.keeps_all() => Adds::Same(bit_of(bit)),
            Project::AsIs if self.segment.span().bits() == 1 => Adds::Same(1),
            _ => Adds::Own,
        }
    }

    /// Whether every address of it counts, whatever its mask.
    pub(super) fn keeps_all(&self) -> bool {
        self.segment.bits() & !self.keep == 0
    }

    /// The same, with a mask for everybody who counts.
    pub(super) fn as_presence(&self) -> Self {
        Self { project: Project::Bit(0), ..*self }
    }

    /// What becomes of a mask.
    #[inline]
    pub(super) fn mask(&self, own: u32) -> u32 {
        match self.project {
            Project::AsIs => own & self.keep,
            Project::Bit(bit) if own & self.keep != 0 => bit_of(bit),
            Project::Bit(_) => 0,
        }
    }
}

/// A mask with this one bit. No mask has more than 31 bits, so one beyond those adds nothing.
#[inline]
fn bit_of(bit: u32) -> u32 {
    1_u32.checked_shl(bit).unwrap_or_default()
}

// === impl Sweep ===

/// Begins to go through the blocks of all inputs that have one of the keys, key by key.
pub(super) fn sweep<'a>(
    inputs: &'a [Input<'a>],
    keys: RangeInclusive<u16>,
) -> Sweep<'a, impl Iterator<Item = Block<'a>>> {
    let cursor = |input: &'a Input<'a>| {
        let mut rest = input.segment.blocks_within(keys.clone());
        Cursor { input, next: rest.next(), rest }
    };
    Sweep { cursors: inputs.iter().map(cursor).collect(), blocks: Vec::new() }
}

impl<'a, I: Iterator<Item = Block<'a>>> Sweep<'a, I> {
    /// The next key, and the blocks that have it.
    pub(super) fn next(&mut self) -> Option<(u16, &[(&'a Input<'a>, Block<'a>)])> {
        let heads = self.cursors.iter().filter_map(|cursor| cursor.next.as_ref());
        let key = heads.map(Block::key).min()?;
        self.blocks.clear();
        for cursor in &mut self.cursors {
            if let Some(block) = cursor.next.take_if(|block| block.key() == key) {
                self.blocks.push((cursor.input, block));
                cursor.next = cursor.rest.next();
            }
        }
        Some((key, &self.blocks))
    }
}

// === impl Table ===

impl Table {
    fn new() -> Self {
        let masks = vec![0; 1 << 16].into_boxed_slice();
        let masks = masks.try_into().expect("it was made with that length");
        Self { present: Bitmap::new(), masks, suffixes: Vec::new(), own_masks: Vec::new() }
    }

    /// Puts the union of some blocks in place of what `suffixes` and `masks` held.
    fn merge(&mut self, blocks: &[(&Input<'_>, Block<'_>)], suffixes: &mut Vec<u16>, masks: &mut Vec<u32>) {
        suffixes.clear();
        masks.clear();
        if let [(input, block)] = blocks {
            return copy(input, block, suffixes, masks);
        }
        if let Some(mask) = same_for_all(blocks) {
            if mask != 0 {
                blocks.iter().for_each(|(_, block)| block.container().union_into(&mut self.present));
                self.present.drain(|suffix| suffixes.push(suffix));
                masks.resize(suffixes.len(), mask);
            }
            return;
        }
        for (input, block) in blocks {
            match input.adds() {
                Adds::Same(0) => (),
                Adds::Same(mask) => {
                    block.container().union_into(&mut self.present);
                    block.container().for_each(|suffix| self.masks[usize::from(suffix)] |= mask);
                }
                Adds::Own => self.add(input, block),
            }
        }
        self.present.drain(|suffix| {
            suffixes.push(suffix);
            masks.push(std::mem::take(&mut self.masks[usize::from(suffix)]));
        });
    }

    fn add(&mut self, input: &Input<'_>, block: &Block<'_>) {
        block.read(&mut self.suffixes, &mut self.own_masks);
        for (suffix, own) in self.suffixes.iter().zip(&self.own_masks) {
            let mask = input.mask(*own);
            if mask != 0 {
                self.present.insert(*suffix);
                self.masks[usize::from(*suffix)] |= mask;
            }
        }
    }
}

/// What all addresses of these blocks get, if it is the same.
fn same_for_all(blocks: &[(&Input<'_>, Block<'_>)]) -> Option<u32> {
    let mut all = blocks.iter().map(|(input, _)| match input.adds() {
        Adds::Same(mask) => Some(mask),
        Adds::Own => None,
    });
    let first = all.next()??;
    all.all(|mask| mask == Some(first)).then_some(first)
}

/// A block that no other input has.
fn copy(input: &Input<'_>, block: &Block<'_>, suffixes: &mut Vec<u16>, masks: &mut Vec<u32>) {
    match input.adds() {
        Adds::Same(0) => (),
        Adds::Same(mask) => {
            block.read_suffixes(suffixes);
            masks.resize(suffixes.len(), mask);
        }
        Adds::Own => {
            block.read(suffixes, masks);
            let mut kept = 0;
            for index in 0..suffixes.len() {
                let mask = input.mask(masks[index]);
                (suffixes[kept], masks[kept]) = (suffixes[index], mask);
                kept += usize::from(mask != 0);
            }
            suffixes.truncate(kept);
            masks.truncate(kept);
        }
    }
}

/// As [`merge`], of the IPv6 addresses from one on.
pub fn merge_v6<E>(
    inputs: &[Input<'_>],
    first: u128,
    each: &mut impl FnMut(u128, u32) -> Result<(), E>,
) -> Result<(), E> {
    let mut entries: Vec<_> = inputs.iter().map(|input| input.segment.v6_entries_from(first)).collect();
    let heads = entries.iter_mut().enumerate().filter_map(|(from, entries)| Some((Reverse(entries.next()?), from)));
    let mut heads: BinaryHeap<_> = heads.collect();
    while let Some(&(Reverse((address, _)), _)) = heads.peek() {
        let mut mask = 0;
        while let Some(mut head) = heads.peek_mut().filter(|head| head.0.0.0 == address) {
            let (Reverse((_, own)), from) = *head;
            mask |= inputs[from].mask(own);
            match entries[from].next() {
                Some(next) => head.0 = Reverse(next),
                None => drop(std::collections::binary_heap::PeekMut::pop(head)),
            }
        }
        if mask != 0 {
            each(address, mask)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
