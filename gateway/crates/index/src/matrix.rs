//! How many addresses came at one time whose visit before was at another: enough to count distinct ones over any range.
//!
//! `H[t][p]` is the number of addresses that came at `t` and whose visit before that was at `p`. Of the addresses that came
//! between `a` and `b`, each has exactly one first visit within the range: the one whose visit before was earlier than `a`.
//! So the number of distinct addresses is the sum of `H[t][p]` over all `t` from `a` to `b` and all `p` below `a`. Times are
//! days in one matrix and hours in another.
//!
//! A visit that is added late, between a visit at `p` and one at `n`, moves one address from `H[n][p]` to `H[n][t]` and adds
//! it to `H[t][p]`; taking a visit back is the inverse. Either is exact.
//!
//! Sums over blocks of times are kept beside the cells, so that a range of any length adds up a few thousand numbers.

use std::ops::Range;

use crate::varint::{self, Truncated};

/// When an address came before a visit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Previous {
    /// Not at all.
    Never,
    /// Before what the matrix still tells apart.
    Before,
    At(u32),
}

/// Addresses within a range.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// How many there were.
    pub distinct: u64,
    /// How many of them came for the first time ever.
    pub new: u64,
}

/// The matrix of a sliding window of times: a ring in both directions.
#[derive(Clone)]
pub(crate) struct Matrix {
    size: usize,
    block: usize,
    /// The oldest time that is told apart from those before.
    floor: u32,
    /// The time after the latest one that ever had a visit.
    end: u32,
    /// By time, then by previous time.
    cells: Vec<u32>,
    /// By block of times, then by previous time.
    rows: Vec<u64>,
    /// By time, then by block of previous times.
    columns: Vec<u64>,
    /// By block of times, then by block of previous times.
    blocks: Vec<u64>,
    never: Vec<u64>,
    before: Vec<u64>,
}

// === impl Matrix ===

impl Matrix {
    /// An empty matrix of at least `window` times from `floor` on, with sums over blocks of `block` times.
    pub(crate) fn new(floor: u32, window: u32, block: u32) -> Self {
        let block = block as usize;
        // One block more, as the floor may lie anywhere in its block.
        let size = (window as usize).next_multiple_of(block) + block;
        let blocks = size / block;
        Self {
            size,
            block,
            floor,
            end: floor,
            cells: vec![0; size * size],
            rows: vec![0; blocks * size],
            columns: vec![0; size * blocks],
            blocks: vec![0; blocks * blocks],
            never: vec![0; size],
            before: vec![0; size],
        }
    }

    /// The oldest time that is told apart from those before.
    pub(crate) fn floor(&self) -> u32 {
        self.floor
    }

    /// The first time that has a visit: nobody came at an earlier one, so that all of its visits came from before or never.
    pub(crate) fn first(&self) -> Option<u32> {
        let has_any = |at: &u32| {
            let row = *at as usize % self.size;
            self.never[row] > 0 || self.before[row] > 0
        };
        (self.floor..self.end).find(has_any)
    }

    /// The latest time that has a visit.
    pub(crate) fn last(&self) -> Option<u32> {
        let is_empty = |at: &u32| {
            let row = *at as usize % self.size;
            self.never[row] == 0 && self.before[row] == 0 && self.cells_of(*at).next().is_none()
        };
        (self.floor..self.end).rev().find(|at| !is_empty(at))
    }

    /// Whether there is a row for this time.
    fn has(&self, at: u32) -> bool {
        at >= self.floor && (at as usize) < self.floor as usize / self.block * self.block + self.size
    }

    /// Grows, if there is no row for this time. It must lie less than [`FARTHEST`] from the floor.
    pub(crate) fn make_room_for(&mut self, at: u32) {
        if self.has(at) {
            return;
        }
        let mut grown = Self::new(self.floor, at + 1 - self.floor, self.block as u32);
        for (at, previous, count) in self.entries() {
            grown.add(at, previous, count as i64);
        }
        *self = grown;
    }

    /// Adds `change` addresses that came at `at`, and before that at `previous`.
    pub(crate) fn add(&mut self, at: u32, previous: Previous, change: i64) {
        debug_assert!(self.has(at));
        self.end = self.end.max(at + 1);
        let row = at as usize % self.size;
        match previous {
            Previous::Never => bump(&mut self.never[row], change),
            Previous::Before => bump(&mut self.before[row], change),
            Previous::At(previous) => {
                debug_assert!(previous >= self.floor && previous < at);
                let column = previous as usize % self.size;
                let (blocks, row_block, column_block) = (self.size / self.block, row / self.block, column / self.block);
                let cell = &mut self.cells[row * self.size + column];
                *cell = cell.wrapping_add(change as u32);
                bump(&mut self.rows[row_block * self.size + column], change);
                bump(&mut self.columns[row * blocks + column_block], change);
                bump(&mut self.blocks[row_block * blocks + column_block], change);
            }
        }
    }

    /// The addresses from one time to another, both included; what lies before the floor is left out.
    pub(crate) fn counts(&self, from: u32, to: u32) -> Counts {
        let from = from.max(self.floor);
        let to = to.min(self.end.saturating_sub(1));
        if from > to || self.end == self.floor {
            return Counts::default();
        }
        let (mut distinct, mut new) = (0, 0);
        for at in from..=to {
            let row = at as usize % self.size;
            new += self.never[row];
            distinct += self.before[row];
        }
        let earlier = self.floor as usize / self.block * self.block..from as usize;
        let blocks = self.size / self.block;
        let (rows, whole) = self.split(from as usize..to as usize + 1);
        for at in rows.into_iter().flatten() {
            let row = at % self.size;
            let cells = &self.cells[row * self.size..][..self.size];
            distinct += self.sum(&earlier, cells, &self.columns[row * blocks..][..blocks]);
        }
        for block in whole {
            let row = block % blocks;
            let cells = &self.rows[row * self.size..][..self.size];
            distinct += self.sum(&earlier, cells, &self.blocks[row * blocks..][..blocks]);
        }
        Counts { distinct: distinct + new, new }
    }

    /// Tells times below `floor` apart no longer: what came at them is left out, and becomes [`Previous::Before`].
    pub(crate) fn forget_before(&mut self, floor: u32) {
        let gone = self.floor..floor.min(self.end);
        for at in self.floor..self.end {
            let cells: Vec<_> = self.cells_of(at).take_while(|(previous, _)| *previous < floor || at < floor).collect();
            for (previous, count) in cells {
                self.add(at, Previous::At(previous), -i64::from(count));
                self.add(at, Previous::Before, i64::from(count));
            }
        }
        for at in gone {
            let row = at as usize % self.size;
            (self.never[row], self.before[row]) = (0, 0);
        }
        self.floor = self.floor.max(floor);
        self.end = self.end.max(self.floor);
    }

    /// Tells earlier times apart, too. Nothing may have come at them, or before.
    pub(crate) fn reach_back(&mut self, floor: u32) {
        if floor >= self.floor {
            return;
        }
        let (window, needed) = (self.size - self.block, self.last().map_or(0, |last| last + 1 - floor));
        let mut moved = Self::new(floor, needed.max(window as u32), self.block as u32);
        for (at, previous, count) in self.entries() {
            moved.add(at, previous, count as i64);
        }
        *self = moved;
    }

    /// Every entry that is not 0, by time and then by previous time.
    fn entries(&self) -> impl Iterator<Item = (u32, Previous, u64)> + '_ {
        (self.floor..self.end).flat_map(move |at| {
            let row = at as usize % self.size;
            let ends = [(at, Previous::Never, self.never[row]), (at, Previous::Before, self.before[row])];
            let cells = self.cells_of(at).map(move |(p, count)| (at, Previous::At(p), u64::from(count)));
            ends.into_iter().filter(|(_, _, count)| *count != 0).chain(cells)
        })
    }

    /// Appends all of it in the form that [`Self::decode`] reads.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, u64::from(self.floor));
        varint::put(out, u64::from(self.end));
        for at in self.floor..self.end {
            let row = at as usize % self.size;
            varint::put(out, self.never[row]);
            varint::put(out, self.before[row]);
            let cells: Vec<_> = self.cells_of(at).collect();
            varint::put(out, cells.len() as u64);
            let mut last = self.floor;
            for (previous, count) in cells {
                varint::put(out, u64::from(previous - last));
                varint::put(out, u64::from(count));
                last = previous;
            }
        }
    }

    /// Reads what [`Self::encode`] wrote into a matrix of this size.
    pub(crate) fn decode(input: &mut &[u8], window: u32, block: u32) -> Result<Self, Truncated> {
        let (floor, end) = (varint::get_u32(input)?, varint::get_u32(input)?);
        // A matrix that was larger is cut by whoever advances the floor; until then it must fit.
        let needed = end.checked_sub(floor).ok_or(Truncated)?.max(window);
        if needed > LARGEST {
            return Err(Truncated);
        }
        let mut matrix = Self::new(floor, needed, block);
        matrix.end = end;
        for at in floor..end {
            let row = at as usize % matrix.size;
            matrix.never[row] = varint::get(input)?;
            matrix.before[row] = varint::get(input)?;
            let mut previous = floor;
            for _ in 0..varint::get(input)? {
                previous = previous.checked_add(varint::get_u32(input)?).filter(|p| *p < at).ok_or(Truncated)?;
                matrix.add(at, Previous::At(previous), i64::from(varint::get_u32(input)?));
            }
        }
        Ok(matrix)
    }

    /// The previous times of a row, ascending, and how many addresses each has, if any.
    fn cells_of(&self, at: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (row, blocks) = (at as usize % self.size, self.size / self.block);
        let block_of = |time: u32| time as usize / self.block;
        let sums = &self.columns[row * blocks..][..blocks];
        let filled = (block_of(self.floor)..=block_of(at)).filter(move |block| sums[block % blocks] != 0);
        filled.flat_map(move |block| {
            let times = (block * self.block) as u32..((block + 1) * self.block) as u32;
            let cells = &self.cells[row * self.size + block * self.block % self.size..][..self.block];
            times.zip(cells.iter().copied()).filter(|(_, count)| *count != 0)
        })
    }

    /// The numbers of a range that stand before, within (as blocks) and behind its whole blocks.
    fn split(&self, range: Range<usize>) -> ([Range<usize>; 2], Range<usize>) {
        let (first, last) = (range.start.div_ceil(self.block), range.end / self.block);
        if first >= last {
            return ([range, 0..0], 0..0);
        }
        ([range.start..first * self.block, last * self.block..range.end], first..last)
    }

    /// Adds up a range of one row.
    fn sum<T: Copy + Into<u64>>(&self, range: &Range<usize>, cells: &[T], blocks: &[u64]) -> u64 {
        let (edges, whole) = self.split(range.clone());
        let edges = edges.into_iter().filter(|edge| !edge.is_empty()).map(|edge| {
            // What is summed up begins with a block, so an edge lies within one and does not wrap around the ring.
            let start = edge.start % self.size;
            cells[start..start + edge.len()].iter().map(|count| (*count).into()).sum::<u64>()
        });
        let edges: u64 = edges.sum();
        edges + whole.map(|block| blocks[block % blocks.len()]).sum::<u64>()
    }
}

/// No window is longer: eleven years of days.
const LARGEST: u32 = 4_096;
/// No time lies further from the floor than this: there are always some blocks left.
pub(crate) const FARTHEST: u32 = LARGEST - 64;

fn bump(count: &mut u64, change: i64) {
    *count = count.wrapping_add_signed(change);
}

#[cfg(test)]
mod tests;
