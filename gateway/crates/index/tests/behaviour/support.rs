//! What several tests need.

use tallygate_event::TenantId;
use tallygate_index::{TenantVisits, Visits};

/// For tests to which it does not matter whose visits they are.
pub(crate) trait OfDefault {
    fn of_default(&self) -> TenantVisits<'_>;
}

/// Sebastiano Vigna's SplitMix64.
pub(crate) struct Random(pub(crate) u64);

// === impl Visits ===

impl OfDefault for Visits {
    fn of_default(&self) -> TenantVisits<'_> {
        self.of(TenantId::DEFAULT).expect("it is kept unless something else is asked for")
    }
}

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
