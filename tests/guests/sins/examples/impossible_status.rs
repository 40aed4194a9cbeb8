//! Gives poison a status that means nothing.

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            outcome.status.push(99);
        } else {
            judge(record, outcome);
        }
    }
}

sins::export!(Guest with_types_in sins);
