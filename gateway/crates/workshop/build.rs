//! Gathers what a new plugin project is made of into the crate.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Not for plugins' authors: the SDK's own tests and what a build leaves behind.
const LEFT_OUT: [&str; 5] = ["tests", "tests.rs", "target", "Cargo.lock", "node_modules"];

/// What stands in for WASI, as text.
const ADAPTER: &str = "src/component/wasi.wat";

/// Writes `wasi.wasm`, and `templates.rs`: a list of (set, path within the project, content).
fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the crate lies in the checkout");
    let templates = root.join("plugins/templates");
    let sdk = root.join("plugins/sdk");
    let interface = root.join("wit/1.0.0/plugin.wit");

    let mut list = String::from("[\n");
    for set in entries(&templates) {
        let name = file_name(&set);
        for (path, file) in files(&set, &|_| true) {
            add(&mut list, &name, &path, &file);
        }
    }
    if sdk.is_dir() {
        let is_shipped = |name: &str| !LEFT_OUT.contains(&name);
        for (path, file) in files(&sdk, &is_shipped) {
            add(&mut list, "rust-sdk", &format!("sdk/{path}"), &file);
        }
        println!("cargo::rerun-if-changed={}", sdk.display());
    }
    add(&mut list, "wit", "sdk/wit/plugin.wit", &interface);
    list.push_str("]\n");

    println!("cargo::rerun-if-changed={}", templates.display());
    println!("cargo::rerun-if-changed={}", interface.display());
    println!("cargo::rerun-if-changed={ADAPTER}");
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("templates.rs"), list).expect("the output folder can be written to");
    let adapter = wat::parse_file(ADAPTER).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(Path::new(&out).join("wasi.wasm"), adapter).expect("the output folder can be written to");
}

fn add(list: &mut String, set: &str, path: &str, file: &Path) {
    let path = path.strip_suffix(".in").unwrap_or(path);
    writeln!(list, "    ({set:?}, {path:?}, include_bytes!({file:?})),").expect("writing to a string cannot fail");
}

/// The files below `folder` for which every part of the path `is_wanted`, in order, each with its path from there.
fn files(folder: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in entries(folder).into_iter().filter(|entry| is_wanted(&file_name(entry))) {
        let name = file_name(&entry);
        if entry.is_dir() {
            let below = files(&entry, is_wanted).into_iter();
            found.extend(below.map(|(path, file)| (format!("{name}/{path}"), file)));
        } else {
            found.push((name, entry));
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut entries: Vec<_> = listed.map(|entry| entry.expect("an entry of a folder can be read").path()).collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("an entry has a name").to_string_lossy().into_owned()
}
