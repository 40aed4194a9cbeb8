//! `tallygate compile-plugin`: what the gateway starts to have a plugin compiled. Hidden, since it is of no use to people.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tallygate_plugin_host::{CompileLimits, compile_for_parent};

/// The limits, in the order in which the plugin host hands them over.
#[derive(Args)]
pub(super) struct CompilePlugin {
    /// Processor time, in milliseconds
    milliseconds: u64,
    /// Memory, in bytes
    bytes: usize,
}

/// Compiles what comes on standard input. No logging and no signal handlers: it has nothing to tell but its result, and is
/// to end at any signal.
pub(super) fn run(arguments: &CompilePlugin) -> ExitCode {
    let time = Duration::from_millis(arguments.milliseconds);
    compile_for_parent(CompileLimits { time, memory: arguments.bytes })
}
