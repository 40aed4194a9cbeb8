//! Gives poison two answers.

use sins::{MALFORMED, Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            outcome.status.push(MALFORMED);
        }
        judge(record, outcome);
    }
}

sins::export!(Guest with_types_in sins);
