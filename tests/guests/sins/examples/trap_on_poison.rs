//! Traps on poison.

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        assert!(record != POISON, "poison");
        judge(record, outcome);
    }
}

sins::export!(Guest with_types_in sins);
