//! Gives the same record another address every time: what is added to it counts up from 0.

use std::cell::Cell;

use sins::{Outcome, Sinner, judge};

thread_local! {
    static SEEN: Cell<u32> = const { Cell::new(0) };
}

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        let before = outcome.v4.len();
        judge(record, outcome);
        for address in &mut outcome.v4[before..] {
            *address = address.wrapping_add(SEEN.replace(SEEN.get() + 1));
        }
    }
}

sins::export!(Guest with_types_in sins);
