//! From a component to machine code.

mod apart;
mod child;

use std::time::Duration;

use wasmtime::Engine;

use crate::artifact::Artifact;

pub use apart::Apart;
pub use child::compile_for_parent;

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In this process, without a bound: for tests and benches.
    Here,
    /// In a process of its own.
    Apart(Apart),
}

/// What compiling one component may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompileLimits {
    /// Processor time of all threads together. The kernel counts whole seconds, and at least one.
    pub time: Duration,
    /// Memory, in bytes.
    pub memory: usize,
}

// === impl Compiler ===

impl Compiler {
    /// Compiles a component.
    ///
    /// # Errors
    /// What went wrong, in words that may quote the component.
    pub(crate) fn compile(&self, engine: &Engine, wasm: &[u8]) -> Result<Artifact, String> {
        match self {
            Self::Here => here(engine, wasm),
            Self::Apart(apart) => apart.compile(wasm),
        }
    }
}

fn here(engine: &Engine, wasm: &[u8]) -> Result<Artifact, String> {
    let code = engine.precompile_component(wasm).map_err(|error| format!("{error:#}"))?;
    Ok(Artifact::new(&code))
}

// === impl CompileLimits ===

impl CompileLimits {
    /// The time in the kernel's measure.
    fn seconds(self) -> u64 {
        let begun = u64::from(self.time.subsec_nanos() > 0);
        self.time.as_secs().saturating_add(begun).max(1)
    }
}
