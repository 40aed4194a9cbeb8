//! The templates of all languages, built by their real toolchains. What the plugins then do is tried by `tallygate plugin
//! test`, in the tests of the binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tallygate_workshop::{Environment, Language, Project, create};
use wit_component::{DecodedWasm, decode};

/// A new project in a folder that is the same in every run, so that what package managers have installed is still there.
fn project(language: Language) -> Project {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workshop").join(language.name()).join("sample");
    std::fs::create_dir_all(&folder).expect("can be made");
    for entry in std::fs::read_dir(&folder).expect("can be listed") {
        let path = entry.expect("can be read").path();
        if path.is_file() {
            std::fs::remove_file(&path).expect("can be removed");
        } else if !["node_modules", ".venv"].iter().any(|kept| path.ends_with(kept)) {
            std::fs::remove_dir_all(&path).expect("can be removed");
        }
    }
    let fresh = folder.with_file_name("fresh");
    let _ = std::fs::remove_dir_all(&fresh);
    create(&fresh, "sample", language).expect("a project");
    for entry in std::fs::read_dir(&fresh).expect("can be listed") {
        let path = entry.expect("can be read").path();
        std::fs::rename(&path, folder.join(path.file_name().expect("a name"))).expect("can be moved");
    }
    Project::open(&folder).expect("a project")
}

/// Whether a toolchain is not on this machine: `cargo test` alone needs nothing but Rust.
fn lacks(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &&str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<_> = tools.iter().filter(|tool| !is_there(tool)).collect();
    if !missing.is_empty() {
        eprintln!("not tried, for there is no {missing:?}: tests/run installs it");
    }
    !missing.is_empty()
}

/// Builds the template; gives the project and what it imports.
fn build(language: Language) -> (Project, BTreeSet<String>) {
    let project = project(language);
    assert!(project.is_stale().expect("can be looked at"), "nothing is built yet");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo_target = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("workshop").join("target"));
    let environment = Environment { path, cargo_target };
    let mut said = Vec::new();
    let built = project.build(&environment, &mut |words| said.push(words.to_owned()));
    let built = built.unwrap_or_else(|error| panic!("{error} (tests/run installs toolchains)"));
    assert!(!said.is_empty());
    assert_eq!(built.path, project.component());
    assert!(!project.is_stale().expect("can be looked at"), "it has just been built");

    let component = std::fs::read(&built.path).expect("was built");
    assert_eq!(component.len() as u64, built.bytes);
    let (imports, exports) = surface(&component);
    assert!(exports.contains("tallygate:plugin/extractor@1.0.0"), "{exports:?}");
    (project, imports)
}

/// The names of the interfaces that a component imports and exports.
fn surface(component: &[u8]) -> (BTreeSet<String>, BTreeSet<String>) {
    let DecodedWasm::Component(resolve, world) = decode(component).expect("a component") else {
        panic!("a package");
    };
    let world = &resolve.worlds[world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    (imports, exports)
}

/// What every plugin may import.
fn own_interfaces() -> BTreeSet<String> {
    ["tallygate:plugin/log@1.0.0", "tallygate:plugin/types@1.0.0"].map(str::to_owned).into()
}

fn size(project: &Project) -> u64 {
    std::fs::metadata(project.component()).expect("was built").len()
}

#[test]
fn rust_is_small() {
    let (project, imports) = build(Language::Rust);
    let beyond: Vec<_> =
        imports.difference(&own_interfaces()).filter(|name| !name.starts_with("wasi:")).cloned().collect();
    assert!(beyond.is_empty(), "{beyond:?}");
    assert!(size(&project) < 256 << 10, "{}", size(&project));
}

#[test]
fn c_is_small_and_asks_for_the_log_alone() {
    if lacks(&["clang", "wasm-ld"]) {
        return;
    }
    let (project, imports) = build(Language::C);
    assert_eq!(imports, own_interfaces());
    assert!(size(&project) < 64 << 10, "{}", size(&project));
}

#[test]
fn go_asks_for_the_log_alone() {
    if lacks(&["go"]) {
        return;
    }
    let (project, imports) = build(Language::Go);
    assert_eq!(imports, own_interfaces());
    assert!(size(&project) < 8 << 20, "{}", size(&project));
}

#[test]
fn go_builds_below_a_workspace_that_does_not_name_it() {
    if lacks(&["go"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("go.work"), "go 1.24\n").expect("can be written");
    let project = folder.path().join("sample");
    create(&project, "sample", Language::Go).expect("a project");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let environment = Environment { path, cargo_target: None };
    Project::open(&project).expect("a project").build(&environment, &mut |_| {}).expect("it builds");
}

#[test]
fn javascript_asks_for_the_log_alone() {
    if lacks(&["node", "npm"]) {
        return;
    }
    let (project, imports) = build(Language::JavaScript);
    assert_eq!(imports, own_interfaces());
    assert!(size(&project) < 16 << 20, "{}", size(&project));
}

#[test]
fn python_asks_for_what_the_gateway_answers() {
    if lacks(&["python3"]) {
        return;
    }
    let (project, imports) = build(Language::Python);
    let beyond: Vec<_> =
        imports.difference(&own_interfaces()).filter(|name| !name.starts_with("wasi:")).cloned().collect();
    assert!(beyond.is_empty(), "{beyond:?}");
    assert!(size(&project) < 32 << 20, "{}", size(&project));
}

#[test]
fn a_mistake_in_the_source_leaves_the_last_component() {
    if lacks(&["clang", "wasm-ld"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder: PathBuf = folder.path().join("sample");
    create(&folder, "sample", Language::C).expect("a project");
    let project = Project::open(&folder).expect("a project");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let environment = Environment { path, cargo_target: None };
    project.build(&environment, &mut |_| {}).expect("it builds");
    let before = std::fs::read(project.component()).expect("was built");

    std::fs::write(folder.join("plugin.c"), "int main(").expect("can be written");
    assert!(project.is_stale().expect("can be looked at"));
    let error = project.build(&environment, &mut |_| {}).expect_err("it does not build").to_string();
    assert!(error.starts_with("cannot build sample: `clang` failed with exit status: 1"), "{error}");
    assert_eq!(std::fs::read(project.component()).expect("is still there"), before);
    assert!(project.is_stale().expect("can be looked at"));
}
