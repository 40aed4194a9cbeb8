use super::bitmap::Bitmap;
use crate::segment::bytes::Bytes;

/// Neighbours without a gap, as (first suffix, how many suffixes stand before the run): 32 bits for each run. A run ends
/// where the next one's count says that it does.
///
/// Before them, 16 bits for the number of runs less one, and the first suffixes of each 16th run (that of the very first is
/// left out): a search looks at these, which lie close together, and at one cache line or two of runs.
#[derive(Clone, Copy)]
pub(in crate::segment) struct Runs<'a> {
    data: Bytes<'a>,
    tops: usize,
    at: usize,
    len: usize,
    runs: usize,
}

const HEAD: usize = 2;
const TOP: usize = 2;
const RUN: usize = 4;
/// Runs that share a top.
const GROUP: usize = 16;

// === impl Runs ===

impl<'a> Runs<'a> {
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize) -> Self {
        let (tops, runs) = (at + HEAD, usize::from(data.u16(at)) + 1);
        Self { data, tops, at: tops + TOP * tops_of(runs), len, runs }
    }

    pub(super) fn size_of(runs: usize) -> usize {
        HEAD + TOP * tops_of(runs) + RUN * runs
    }

    #[inline]
    pub(super) fn size(self) -> usize {
        Self::size_of(self.runs)
    }

    #[inline]
    pub(super) fn rank(self, suffix: u16) -> Option<usize> {
        let group = partition(0, tops_of(self.runs), |top| self.data.u16(self.tops + TOP * top) <= suffix);
        let (first, end) = (group * GROUP, (group * GROUP + GROUP).min(self.runs));
        // The runs of a group may lie in two lines.
        self.data.prefetch(self.at + RUN * end - 1);
        let run = partition(first, end, |run| self.first(run) <= suffix).checked_sub(1)?;
        let rank = self.before(run) + usize::from(suffix - self.first(run).min(suffix));
        (rank < self.before(run + 1)).then_some(rank)
    }

    #[inline]
    pub(super) fn for_each(self, mut each: impl FnMut(u16)) {
        self.for_each_run(|first, last| (first..=last).for_each(&mut each));
    }

    pub(super) fn union_into(self, target: &mut Bitmap) {
        self.for_each_run(|first, last| target.insert_run(first, last));
    }

    pub(super) fn encode(out: &mut Vec<u8>, suffixes: &[u16]) {
        let starts = |rank: &usize| *rank == 0 || suffixes[*rank].wrapping_sub(suffixes[*rank - 1]) != 1;
        let firsts: Vec<_> = (0..suffixes.len()).filter(starts).map(|rank| (suffixes[rank], rank as u16)).collect();
        out.extend_from_slice(&((firsts.len() - 1) as u16).to_le_bytes());
        let tops = firsts.iter().step_by(GROUP).skip(1);
        tops.for_each(|(first, _)| out.extend_from_slice(&first.to_le_bytes()));
        for (first, rank) in firsts {
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&rank.to_le_bytes());
        }
    }

    /// Calls `each` with the first and the last suffix of every run, as far as the runs together have no more than `len`.
    #[inline]
    fn for_each_run(self, mut each: impl FnMut(u16, u16)) {
        let mut before = 0;
        for run in 0..self.runs {
            let (first, end) = (self.first(run), self.before(run + 1));
            if end <= before || end > self.len {
                return;
            }
            each(first, first.saturating_add((end - before - 1) as u16));
            before = end;
        }
    }

    #[inline]
    fn first(self, run: usize) -> u16 {
        self.data.u16(self.at + RUN * run)
    }

    #[inline]
    fn before(self, run: usize) -> usize {
        if run < self.runs { usize::from(self.data.u16(self.at + RUN * run + 2)) } else { self.len }
    }
}

/// How many tops there are.
#[inline]
fn tops_of(runs: usize) -> usize {
    runs.saturating_sub(1) / GROUP
}

/// The first number of a range for which `before` is false, as it then is for all after it.
#[inline]
fn partition(mut low: usize, mut high: usize, before: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
