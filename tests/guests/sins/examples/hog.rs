//! Takes memory on poison until there is none, which traps.

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        if record == POISON {
            take_all();
        }
        judge(record, outcome);
    }
}

fn take_all() -> ! {
    let mut all = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

sins::export!(Guest with_types_in sins);
