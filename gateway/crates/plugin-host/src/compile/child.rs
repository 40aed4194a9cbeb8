//! The process that compiles: it bounds itself, reads a component, writes an artifact, and ends.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit};

use super::{CompileLimits, here};
use crate::engine::engine;
use crate::host::MAX_COMPONENT;

/// Compiling yields to threads that serve.
const NICENESS: i32 = 10;

/// Compiles the component on standard input, and writes the code to standard output for the parent that asked for it.
/// Goes no further than the limits, runs at a low priority and ends when the parent does.
///
/// To be called at the very start of a process that does nothing else. What goes wrong is told on standard error.
#[must_use]
pub fn compile_for_parent(limits: CompileLimits) -> ExitCode {
    match bound(limits).map_err(|error| format!("the compiler cannot be bounded: {error}")).and_then(|()| compile()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The exit code says as much where nobody reads standard error any more.
            drop(writeln!(io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

fn bound(limits: CompileLimits) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let most = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::Core, most(0))?;
    // What is mapped privately and writable counts, which is what an allocator asks for. A bound on the address space
    // would also count reserved pages that nobody may touch, of which allocators and thread stacks have many.
    setrlimit(Resource::Data, most(limits.memory as u64))?;
    // At the first bound the kernel sends a signal that names the reason, at the second one that cannot be ignored.
    let seconds = limits.seconds();
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(1)) })?;
    // Not relative to the parent: its thread may be nice already.
    setpriority_process(None, NICENESS)?;
    Ok(())
}

fn compile() -> Result<(), String> {
    let mut wasm = Vec::new();
    let read = io::stdin().lock().take(MAX_COMPONENT as u64).read_to_end(&mut wasm);
    read.map_err(|error| format!("cannot read the component: {error}"))?;
    let engine = engine().map_err(|error| format!("{error:#}"))?;
    let artifact = here(&engine, &wasm)?;
    let mut output = io::stdout().lock();
    let written = output.write_all(artifact.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| format!("cannot hand over the code: {error}"))
}
