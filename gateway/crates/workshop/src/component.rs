//! Components from core modules, for the languages whose compilers know none.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interface that plugins are built for.
const INTERFACE: &str = include_str!("../../../../wit/1.0.0/plugin.wit");
/// What a module that imports WASI's first preview imports it as.
const WASI: &str = "wasi_snapshot_preview1";
/// What stands in for it: `component/wasi.wat`, made binary by the build script.
const WASI_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wasi.wasm"));
/// The adapter's own world.
const ADAPTER_WORLD: &str = "\nworld adapter { import log; }\n";

/// Makes the component of a core module that exports what a plugin exports. The error says what is wrong with it.
///
/// A module that imports WASI's first preview gets an adapter in its place, so that the component asks for nothing but the
/// gateway's log.
pub(crate) fn from_module(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    // All causes, in one line.
    let words = |error| format!("{error:#}");
    describe(&mut module, "plugin")?;
    let mut adapter = WASI_ADAPTER.to_vec();
    describe(&mut adapter, "adapter")?;
    let encoder = ComponentEncoder::default().validate(true).module(&module).map_err(words)?;
    let mut encoder = encoder.adapter(WASI, &adapter).map_err(words)?;
    encoder.encode().map_err(words)
}

/// Notes in a module which world its imports and exports are of.
fn describe(module: &mut Vec<u8>, world: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let text = format!("{INTERFACE}{ADAPTER_WORLD}");
    let package = resolve.push_str("plugin.wit", &text).expect("the interface is valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the interface has the world");
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(|error| format!("{error:#}"))
}
