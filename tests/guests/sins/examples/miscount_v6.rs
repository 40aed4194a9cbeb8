//! Gives half an IPv6 address for poison.

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            outcome.v6.push(1);
        }
        judge(record, outcome);
    }
}

sins::export!(Guest with_types_in sins);
