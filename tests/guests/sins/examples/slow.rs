//! Computes for a while at every call: a guest has no clock, so the setting `loops` says for how many rounds.

use std::cell::Cell;

use sins::{Outcome, Sinner, compute, judge};

thread_local! {
    static LOOPS: Cell<u64> = const { Cell::new(0) };
}

struct Guest;

impl Sinner for Guest {
    fn configure(settings: Vec<(String, String)>) -> Result<(), String> {
        for (name, value) in settings {
            match value.parse() {
                Ok(loops) if name == "loops" => LOOPS.set(loops),
                _ => return Err(format!("{name}: expected loops, and a number, found \"{value}\"")),
            }
        }
        Ok(())
    }

    fn extract(data: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        compute(LOOPS.get());
        let mut outcome = Outcome { status: vec![], v4: vec![], v6: vec![], times: vec![] };
        for [start, end] in bounds.as_chunks().0 {
            judge(&data[*start as usize..*end as usize], &mut outcome);
        }
        outcome
    }
}

sins::export!(Guest with_types_in sins);
