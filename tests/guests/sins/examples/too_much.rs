//! Answers poison with as many times as fit into its memory.

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            outcome.times = vec![1; 1 << 20];
        }
        judge(record, outcome);
    }
}

sins::export!(Guest with_types_in sins);
