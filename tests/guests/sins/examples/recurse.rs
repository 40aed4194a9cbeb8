//! Recurses on poison until its stack has no room, which traps.

use std::hint::black_box;

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            black_box(descend(1));
        }
        judge(record, outcome);
    }
}

#[allow(unconditional_recursion, reason = "that is the sin")]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    descend(black_box(depth + 1)) + frame[(depth % 64) as usize]
}

sins::export!(Guest with_types_in sins);
