//! Measurements of swaps, and of plugins that sin.

mod cost;
mod pair;
mod sins;
mod soak;

use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::Gateway;

pub(crate) use cost::cost;
pub(crate) use sins::sins;
pub(crate) use soak::soak;

/// Connections of a load.
const CONNECTIONS: u32 = 8;

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

/// Load for so many seconds, of requests with so many records.
fn start_bench(gateway: &Gateway, path: &str, seconds: u32, batch: u32) -> Child {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    bench.args(["bench", "--json", "--url", &gateway.url(path), "-c", &CONNECTIONS.to_string()]);
    bench.args(["-d", &seconds.to_string(), "-b", &batch.to_string()]);
    bench.stdout(Stdio::piped()).spawn().expect("the binary starts")
}

/// Its report, every request having been accepted.
fn wait_for_bench(bench: Child) -> Value {
    let output = bench.wait_with_output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
