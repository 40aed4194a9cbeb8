//! The engine, set up alike in the gateway and in the process that compiles for it: what one emits, the other runs.

use wasmtime::{Config, Engine, OptLevel, Strategy, WasmFeatures};

/// The guest's stack. Recursion beyond it traps.
const STACK: usize = 512 << 10;

/// What a component may use of WebAssembly: version 3 without what would widen the sandbox for nobody's good (garbage
/// collection, exceptions, threads), and components without async.
pub(crate) fn features() -> WasmFeatures {
    let left_out = WasmFeatures::GC
        | WasmFeatures::GC_TYPES
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::THREADS;
    WasmFeatures::WASM3.difference(left_out) | WasmFeatures::COMPONENT_MODEL
}

/// An engine that compiles for this machine, and runs what it compiled.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_features(features().complement(), false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    Engine::new(&config)
}
