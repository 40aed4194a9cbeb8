//! Rules about the code itself that a machine can check.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::root;

/// The crates below the gateway's own, and which of the others each may stand on. All may use `tallygate-event`.
const LAYERS: [(&str, &[&str]); 6] = [
    ("tallygate-connect", &[]),
    ("tallygate-disk", &[]),
    ("tallygate-index", &["tallygate-disk", "tallygate-wal"]),
    ("tallygate-plugin-host", &[]),
    ("tallygate-wal", &["tallygate-disk"]),
    ("tallygate-workshop", &[]),
];

/// Normal dependencies of each package of the workspace.
fn dependencies() -> Vec<(String, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let normal = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies");
        let normal = all.iter().filter(|one| one["kind"].is_null());
        normal.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    packages.iter().map(|package| (package["name"].as_str().expect("a name").to_owned(), normal(package))).collect()
}

#[test]
fn crates_stand_on_those_below_them_alone() {
    let all = dependencies();
    for (layer, below) in LAYERS {
        let (_, known) = all.iter().find(|(name, _)| name == layer).unwrap_or_else(|| panic!("there is no {layer}"));
        let own = known.iter().map(String::as_str).filter(|name| name.starts_with("tallygate"));
        let beyond: Vec<_> = own.filter(|name| *name != "tallygate-event" && !below.contains(name)).collect();
        assert!(beyond.is_empty(), "{layer} depends on {beyond:?}");
    }
}

#[test]
fn only_the_plugin_host_names_wasmtime() {
    let all = dependencies();
    let naming: Vec<_> = all.iter().filter(|(_, known)| known.contains("wasmtime")).map(|(name, _)| name).collect();
    assert_eq!(naming, ["tallygate-plugin-host"]);
}

/// Modules of the gateway from the way in to the way out: none names one that stands before it, so that there is no circle.
const MODULES: [&str; 6] = ["app", "acceptor", "worker", "source", "pipeline", "serving"];

#[test]
fn modules_name_only_those_behind_them() {
    let mut found = Vec::new();
    let gateway = root().join("gateway/src");
    sources(&gateway, &mut found);
    let mut looked_at = 0;
    for path in found {
        let place = path.strip_prefix(&gateway).expect("it is in there").with_extension("");
        let module = place.iter().next().expect("a first part").to_string_lossy().into_owned();
        let Some(at) = MODULES.iter().position(|layer| **layer == *module) else { continue };
        let text = std::fs::read_to_string(&path).expect("readable");
        for before in &MODULES[..at] {
            let named = format!("crate::{before}::");
            assert!(!text.contains(&named), "{} names {before}, which stands before it", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 15, "only {looked_at} files");
}

/// The Rust files of the project.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_are_files_of_bearable_length() {
    let mut found = Vec::new();
    for folder in ["gateway", "plugins", "tests"] {
        sources(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50);
    for path in found {
        assert!(!path.ends_with("mod.rs"), "{}: modules are foo.rs and foo/", path.display());
        let lines = std::fs::read_to_string(&path).expect("readable").lines().count();
        assert!(lines <= 450, "{} has {lines} lines: what in it is a part of its own?", path.display());
    }
}
