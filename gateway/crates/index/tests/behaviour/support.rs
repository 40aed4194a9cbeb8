//! What several tests need.

use std::time::Duration;

use tallygate_index::journal::{Observer, Progress};

/// Sebastiano Vigna's SplitMix64.
pub(crate) struct Random(pub(crate) u64);

/// Nobody who looks at the journal.
pub(crate) struct Quiet;

// === impl Random ===

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

impl Observer for Quiet {
    fn written(&self, _: u64) {}
    fn synced(&self, _: Duration) {}
    fn progress(&self, _: Progress) {}
}
