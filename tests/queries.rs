//! Questions about visits: over HTTP, on the command line, and what is forgotten.

mod access;
mod clients;
mod command;
mod counts;
mod export;
mod forget;
mod list;
mod visited;

use std::process::{Command, Output};

use jiff::{Timestamp, ToSpan, tz::TimeZone};

use crate::harness::{Connection, Gateway, Reply, Request, forget_own_variables};

/// A day so many days ago, in UTC, as it is written. Tests that ask for it once do not mind midnight.
fn day(ago: i64) -> String {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    now.checked_sub(ago.days()).expect("not long ago").strftime("%Y-%m-%d").to_string()
}

/// An hour of a day.
fn hour(day: &str, hour: u32) -> String {
    format!("{day}T{hour:02}")
}

/// Sends one visit for each address and time.
fn visit(gateway: &Gateway, visits: &[(&str, String)]) {
    let records: Vec<_> =
        visits.iter().map(|(ip, hour)| format!("{{\"ip\":\"{ip}\",\"timestamp\":\"{hour}:12:34Z\"}}")).collect();
    let count = visits.len() as u64;
    gateway.post(records.join("\n")).expect_tally(count, count);
}

/// Sends a list, with what the question's URL says besides.
fn ask_list(gateway: &Gateway, query: &str, list: impl AsRef<[u8]>) -> Reply {
    Connection::to(gateway.ops()).exchange(&Request::post(&format!("/v1/visited{query}")).body(list))
}

/// A line of the command `tallygate`.
fn tallygate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    command.args(arguments);
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
