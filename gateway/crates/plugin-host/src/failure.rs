//! How a call can go wrong, in words for whoever wrote the plugin.

use std::fmt::Write;
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use crate::guest::{Guest, printable};

/// How a call can go wrong, other than by rejecting records.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The guest trapped, or the runtime refused what it did.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// The guest computed for longer than it may.
    #[error(
        "the plugin did not answer within {} ms of processor time{place}; make it faster, or raise limits.time",
        .limit.as_millis()
    )]
    Deadline {
        /// What it had.
        limit: Duration,
        /// Where it was then, as far as that is known.
        place: String,
    },
    /// The answer does not fit the question.
    #[error("the plugin broke its contract: {0}; the lists of an outcome hold what its status bytes announce")]
    Contract(String),
}

/// Bound on what a trap is called.
const TRAP_BYTES: usize = 256;
/// Functions of a backtrace that are named, innermost first.
const NAMED: usize = 6;
/// Longer names of functions are cut.
const NAME_BYTES: usize = 100;

// === impl Failure ===

impl Failure {
    /// What the runtime's error says of a guest.
    pub(crate) fn of(error: &wasmtime::Error, guest: &mut Guest) -> Self {
        let place = place(error);
        let words = guest.last_words();
        let what = match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => return Self::Deadline { limit: guest.deadline.limit(), place },
            Some(trap) => printable(&trap.to_string(), TRAP_BYTES),
            None => printable(&error.root_cause().to_string(), TRAP_BYTES),
        };
        let mut message = format!("{}{place}", what.strip_prefix("wasm trap: ").unwrap_or(&what));
        if let Some(words) = words {
            write!(message, "; in its own words: {words}").expect("writing to a string cannot fail");
        }
        match guest.meter.take_refusal() {
            Some(limit) => {
                let hint = "make it use less, or raise limits.memory";
                write!(message, "; it asked for more memory than the {limit} bytes that it may have: {hint}")
                    .expect("writing to a string cannot fail");
            }
            None => message.push_str("; try it with `tallygate plugin run`"),
        }
        Self::Trap(message)
    }

    /// The value of the metric label `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Contract(_) => "contract",
        }
    }
}

/// Where a guest was, in its own functions' names.
fn place(error: &wasmtime::Error) -> String {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let all: Vec<_> = frames.iter().filter_map(|frame| frame.func_name()).map(readable).collect();
    let own: Vec<_> = all.iter().filter(|name| !is_of_toolchain(name)).collect();
    let names = if own.is_empty() { all.iter().collect() } else { own };
    let Some((first, callers)) = names.split_first() else { return String::new() };
    let mut place = format!(" in {first}");
    for caller in callers.iter().take(NAMED - 1) {
        write!(place, ", called by {caller}").expect("writing to a string cannot fail");
    }
    if callers.len() >= NAMED {
        place.push_str(", …");
    }
    place
}

/// Whether a function is on the way from a panic to the trap, or from the host to the plugin, and nothing its author wrote.
fn is_of_toolchain(name: &str) -> bool {
    let name = name.trim_start_matches(['<', '&']);
    let exits = ["abort", "exit", "_Exit", "exit_exit", "syscall.Exit", "os.Exit"];
    let prefixes =
        ["std::", "core::", "alloc::", "__rust", "rust_panic", "runtime.", "wasi_", "__wasi", "_start", "dlmalloc"];
    exits.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// A function's name as its author wrote it.
fn readable(name: &str) -> String {
    // What the interface calls its functions is long, and says no more than the last word of it.
    let name = name.rsplit_once('#').map_or(name, |(_, function)| function);
    // Without the hash that tells versions of a crate apart.
    printable(&format!("{:#}", rustc_demangle::demangle(name)), NAME_BYTES)
}
