//! Where plugins are compiled: in a process of their own, which runs this very program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tallygate_plugin_host::{Apart, CompileLimits, Compiler};

/// The hidden command that the process runs; `cli.rs` has it.
pub(crate) const COMMAND: &str = "compile-plugin";

/// What compiling a plugin may use.
pub(crate) const LIMITS: CompileLimits = CompileLimits { time: Duration::from_secs(60), memory: 2 << 30 };

/// The global allocator reserves a gibibyte at the start of a process. Reserved in a way that allows no access until there
/// is need, it does not count against the bound on memory.
const ALLOCATOR: [(&str, &str); 1] = [("MIMALLOC_ARENA_EAGER_COMMIT", "0")];

/// On Linux, the program that this process runs, even if its file has been replaced since: the code of another version
/// would be refused.
const RUNNING: &str = "/proc/self/exe";

/// A compiler that goes no further than the limits.
pub(crate) fn apart(limits: CompileLimits) -> Result<Compiler> {
    let program = if Path::new(RUNNING).exists() { PathBuf::from(RUNNING) } else { own_file()? };
    let environment = ALLOCATOR.map(|(name, value)| (name.into(), value.into())).into();
    Ok(Compiler::Apart(Apart { program, arguments: vec![COMMAND.into()], environment, limits }))
}

fn own_file() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file, which compiles plugins")
}
