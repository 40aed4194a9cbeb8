use super::bitmap::Bitmap;
use crate::segment::bytes::Bytes;

/// Neighbours without a gap, as (first suffix, how many suffixes stand before the run): 32 bits for each run, and before
/// them 16 bits for the number of runs less one. A run ends where the next one's count says that it does.
#[derive(Clone, Copy)]
pub(in crate::segment) struct Runs<'a> {
    data: Bytes<'a>,
    at: usize,
    len: usize,
    runs: usize,
}

const HEAD: usize = 2;
const RUN: usize = 4;

// === impl Runs ===

impl<'a> Runs<'a> {
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize) -> Self {
        Self { data, at: at + HEAD, len, runs: usize::from(data.u16(at)) + 1 }
    }

    pub(super) fn size_of(runs: usize) -> usize {
        HEAD + RUN * runs
    }

    #[inline]
    pub(super) fn size(self) -> usize {
        Self::size_of(self.runs)
    }

    #[inline]
    pub(super) fn rank(self, suffix: u16) -> Option<usize> {
        let (mut low, mut high) = (0, self.runs);
        while low < high {
            let middle = low.midpoint(high);
            if self.first(middle) <= suffix {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let run = low.checked_sub(1)?;
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
        let head = out.len();
        out.extend_from_slice(&[0; HEAD]);
        let mut before = None;
        let mut runs = 0_u16;
        for (rank, suffix) in suffixes.iter().enumerate() {
            if before.is_none_or(|before: u16| before.wrapping_add(1) != *suffix) {
                out.extend_from_slice(&suffix.to_le_bytes());
                out.extend_from_slice(&(rank as u16).to_le_bytes());
                runs = runs.wrapping_add(1);
            }
            before = Some(*suffix);
        }
        out[head..head + HEAD].copy_from_slice(&runs.wrapping_sub(1).to_le_bytes());
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
