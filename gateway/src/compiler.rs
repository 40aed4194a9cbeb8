//! Where plugins are compiled: in a process of their own, which runs this very program.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tallygate_plugin_host::{Apart, CompileLimits, Compiler};

use crate::config::Swap;

/// The hidden command that the process runs; `cli.rs` has it.
pub(crate) const COMMAND: &str = "compile-plugin";

/// The global allocator reserves a gibibyte at the start of a process. Reserved in a way that allows no access until there
/// is need, it does not count against the bound on memory.
const ALLOCATOR: [(&str, &str); 1] = [("MIMALLOC_ARENA_EAGER_COMMIT", "0")];

/// On Linux, the program that this process runs, even if its file has been replaced since: the code of another version
/// would be refused.
const RUNNING: &str = "/proc/self/exe";

/// A compiler that goes no further than the configuration allows.
pub(crate) fn apart(config: &Swap) -> Result<Compiler> {
    let limits = CompileLimits { time: config.compile_time, memory: config.compile_memory };
    let program = if Path::new(RUNNING).exists() { PathBuf::from(RUNNING) } else { own_file()? };
    let environment = ALLOCATOR.map(|(name, value)| (name.into(), value.into())).to_vec();
    Ok(Compiler::Apart(Apart { program, arguments: vec![COMMAND.into()], environment, limits }))
}

fn own_file() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file, which compiles plugins")
}
