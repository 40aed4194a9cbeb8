//! Measurements of swaps.

mod cost;
mod pair;
mod soak;

use std::io::Write;

pub(crate) use cost::cost;
pub(crate) use soak::soak;

/// A line of the result.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads the result");
}

/// The middle of what was measured, and the largest.
fn median_and_worst(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let worst = values.last().copied().expect("something was measured");
    (values[values.len() / 2], worst)
}
