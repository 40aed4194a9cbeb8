//! Keeps 64 KiB more with every call.

use sins::{Outcome, Sinner, judge};

struct Guest;

impl Sinner for Guest {
    fn extract(data: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        std::hint::black_box(vec![1_u8; 64 << 10].leak());
        let mut outcome = Outcome { status: vec![], v4: vec![], v6: vec![], times: vec![] };
        for [start, end] in bounds.as_chunks().0 {
            judge(&data[*start as usize..*end as usize], &mut outcome);
        }
        outcome
    }
}

sins::export!(Guest with_types_in sins);
