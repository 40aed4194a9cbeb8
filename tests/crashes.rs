//! Hundreds of `kill -9` under load on one data directory: measured on the real binary, like the tests, but too long for them.
//! `gateway/benches/crashes` runs this against the release build.

#[allow(dead_code, unused_imports, reason = "the tests need more of it")]
mod durability;
#[allow(dead_code, unused_imports, reason = "the tests need more of it")]
mod harness;

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: crashes ROUNDS [SEED]";

fn main() -> ExitCode {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Ok(numbers) = arguments.iter().map(|number| number.parse::<u64>()).collect::<Result<Vec<_>, _>>() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Some(rounds) = numbers.first() else {
        // All benches are being run, and this one takes longer than anybody expects of that.
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let tell = |line: &str| writeln!(std::io::stdout(), "{line}").expect("somebody reads the result");
    // What goes wrong panics, as in tests.
    durability::killing::kill_rounds(*rounds, numbers.get(1).copied().unwrap_or(1), tell);
    ExitCode::SUCCESS
}
