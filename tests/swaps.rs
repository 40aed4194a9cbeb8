//! What swaps cost, and what ten thousand of them leave behind: measured on the real binary, like the tests, but too long
//! for them. `gateway/benches/soak` and `gateway/benches/swap-cost` run this against the release build.

#[allow(dead_code, unused_imports, reason = "the tests need more of it")]
mod harness;
mod measure;

use std::panic::catch_unwind;
use std::process::ExitCode;

const USAGE: &str = "usage: swaps soak [SWAPS] | swaps cost [ROUNDS] [SECONDS] | swaps sins [ROUNDS] [SECONDS]";

fn main() -> ExitCode {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((what, numbers)) = arguments.split_first() else {
        // All benches are being run, and this one takes longer than anybody expects of that.
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let Ok(numbers) = numbers.iter().map(|number| number.parse::<u32>()).collect::<Result<Vec<_>, _>>() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let number = |at: usize, default: u32| numbers.get(at).copied().unwrap_or(default);
    // What goes wrong panics, as in tests; the message has been printed then.
    let done = match what.as_str() {
        "soak" => catch_unwind(|| measure::soak(number(0, 10_000))),
        "cost" => catch_unwind(|| {
            measure::cost(number(0, 5), number(1, 5));
            true
        }),
        "sins" => catch_unwind(|| measure::sins(number(0, 3), number(1, 3))),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if done.unwrap_or(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
