//! Gives one time too many where there is poison.

use sins::{Outcome, POISON, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn extract(data: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        let mut outcome = Outcome { status: vec![], v4: vec![], v6: vec![], times: vec![] };
        let mut poisoned = false;
        for [start, end] in bounds.as_chunks().0 {
            let record = &data[*start as usize..*end as usize];
            poisoned |= record == POISON;
            judge(record, &mut outcome);
        }
        if poisoned {
            outcome.times = vec![1; outcome.v4.len() + 1];
        }
        outcome
    }
}

sins::export!(Guest with_types_in sins);
