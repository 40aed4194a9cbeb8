//! Accepts poison, but gives no address for it.

use sins::{Outcome, POISON, Sinner, V4, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            outcome.status.push(V4);
        } else {
            judge(record, outcome);
        }
    }
}

sins::export!(Guest with_types_in sins);
