//! Computes for ever on poison.

use sins::{Outcome, POISON, Sinner, judge, spin};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            spin()
        }
        judge(record, outcome);
    }
}

sins::export!(Guest with_types_in sins);
