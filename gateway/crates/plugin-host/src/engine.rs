//! The engine, set up alike in the gateway and in the process that compiles for it: what one emits, the other runs.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, OptLevel, Strategy, WasmBacktraceDetails, WasmFeatures};

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

/// Functions of a backtrace; more than are named, as some belong to the toolchain.
const FRAMES: NonZeroUsize = NonZeroUsize::new(32).expect("it is not zero");

/// An engine that compiles for this machine, and runs what it compiled.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// An engine whose code counts the instructions that it runs: slower, and of no use to what [`engine`] compiled.
pub(crate) fn counting_engine() -> wasmtime::Result<Engine> {
    Engine::new(config().consume_fuel(true))
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_features(features().complement(), false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .wasm_backtrace_max_frames(Some(FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false);
    config
}
