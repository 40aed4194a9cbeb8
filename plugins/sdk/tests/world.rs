//! `src/world.bin` is what tells the linker which world a plugin is for. It must be what the interface's text gives.

use std::path::Path;

use wit_component::{StringEncoding, metadata};
use wit_parser::Resolve;

/// Set to anything, it makes the test write the file instead.
const UPDATE: &str = "UPDATE_WORLD";

#[test]
fn the_committed_world_is_that_of_the_interface() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wit = here.join("../../wit/1.0.0");
    if !wit.exists() {
        eprintln!("SKIPPED: this copy of the crate lies apart from the interface's text");
        return;
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&wit).expect("the interface is valid");
    let world = resolve.select_world(&[package], Some("plugin")).expect("the interface has the world");
    let expect = metadata::encode(&resolve, world, StringEncoding::UTF8, None).expect("the world can be encoded");
    let file = here.join("src/world.bin");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&file, &expect).expect("the file can be written");
    }
    let found = std::fs::read(&file).unwrap_or_default();
    assert!(found == expect, "src/world.bin is not what wit/1.0.0 gives: run this test with {UPDATE}=1");
}
