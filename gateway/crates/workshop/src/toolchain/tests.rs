use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::create;

/// A project, and a folder that stands for all of `PATH`.
struct Sample {
    folder: tempfile::TempDir,
    project: Project,
}

// === impl Sample ===

impl Sample {
    fn new(language: Language) -> Self {
        let folder = tempfile::tempdir().unwrap();
        create(&folder.path().join("sample"), "sample", language).unwrap();
        std::fs::create_dir(folder.path().join("programs")).unwrap();
        let project = Project::open(&folder.path().join("sample")).unwrap();
        Self { folder, project }
    }

    /// A program that does what the script says, with nothing in its own path.
    fn program(&self, name: &str, script: &str) -> &Self {
        let path = self.folder.path().join("programs").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    fn build(&self) -> Result<Built, BuildError> {
        let environment = Environment { path: self.folder.path().join("programs").into(), cargo_target: None };
        self.project.build(&environment, &mut |_| {})
    }

    fn problem(&self) -> String {
        let error = self.build().unwrap_err();
        assert!(!self.project.component().exists());
        assert!(!unfinished(&self.project.component()).exists(), "nothing half-made stays");
        error.to_string()
    }
}

#[test]
fn a_missing_toolchain_is_told_with_the_command_that_gets_it() {
    for (language, message) in [
        (
            Language::C,
            "cannot build sample: there is no `clang`; run `apt-get install clang lld`, or what gets clang and lld on this \
             machine",
        ),
        (
            Language::Go,
            "cannot build sample: there is no `go`; install Go 1.24 or newer, from https://go.dev/dl or by `apt-get install \
             golang`",
        ),
        (Language::Rust, "cannot build sample: there is no `cargo`; install Rust with rustup, from https://rustup.rs"),
        (
            Language::JavaScript,
            "cannot build sample: there is no `node`; install Node.js 20 or newer with npm, from https://nodejs.org or by \
             `apt-get install nodejs npm`",
        ),
        (
            Language::Python,
            "cannot build sample: there is no `python3`; install Python 3.10 or newer, from https://python.org or by \
             `apt-get install python3-venv`",
        ),
    ] {
        assert_eq!(Sample::new(language).problem(), message);
    }
}

#[test]
fn clang_without_its_linker_is_not_enough() {
    let sample = Sample::new(Language::C);
    sample.program("clang", "echo wasm-ld");
    assert!(sample.problem().contains("there is no `wasm-ld`, which clang needs; run `apt-get install clang lld`"));
}

#[test]
fn rust_without_the_target_is_not_enough() {
    let sample = Sample::new(Language::Rust);
    sample.program("cargo", "exit 1").program("rustc", "echo /nowhere");
    assert!(
        sample
            .problem()
            .ends_with("Rust has no target wasm32-wasip2; run `rustup target add wasm32-wasip2` in the folder")
    );
}

#[test]
fn an_old_go_is_told_with_its_version() {
    let sample = Sample::new(Language::Go);
    sample.program("go", "echo go1.19.8");
    assert!(
        sample.problem().starts_with("cannot build sample: it needs Go 1.24 or newer, yours is 1.19.8; install Go")
    );
}

#[test]
fn a_toolchain_that_says_no_is_told_with_its_status() {
    let sample = Sample::new(Language::Go);
    sample.program("go", "[ $1 = env ] && echo go1.26.0 || exit 3");
    let problem = sample.problem();
    assert_eq!(problem, "cannot build sample: `go build` failed with exit status: 3, what it said stands above");
}

#[test]
fn what_is_no_plugin_is_told_and_the_last_component_stays() {
    let sample = Sample::new(Language::Go);
    // The smallest module: it exports nothing.
    sample.program("go", "[ $1 = env ] && echo go1.26.0 || printf '\\0asm\\1\\0\\0\\0' > .build/module.wasm");
    let problem = sample.problem();
    assert!(problem.starts_with("cannot make a component of sample: "), "{problem}");
    assert!(problem.contains("tallygate:plugin/extractor@1.0.0"), "it says what is not exported: {problem}");

    std::fs::write(sample.project.component(), "the last that was good").unwrap();
    sample.build().unwrap_err();
    assert_eq!(std::fs::read_to_string(sample.project.component()).unwrap(), "the last that was good");
}

#[test]
fn what_a_manifest_names_is_installed_once() {
    let sample = Sample::new(Language::JavaScript);
    let npm = "mkdir -p node_modules/.bin && echo npm >> calls && : > node_modules/.package-lock.json
        printf '#!/bin/sh\\necho tool >> calls; exit 1' > node_modules/.bin/componentize-js
        chmod +x node_modules/.bin/componentize-js";
    sample.program("npm", npm).program("node", "exit 1");
    for tool in ["mkdir", "chmod"] {
        sample.program(tool, &format!("PATH=/usr/bin:/bin exec {tool} \"$@\""));
    }
    for _ in 0..2 {
        let problem = sample.problem();
        assert!(problem.starts_with("cannot build sample: `componentize-js` failed with exit status: 1"), "{problem}");
    }
    let calls = || std::fs::read_to_string(sample.project.folder().join("calls")).unwrap();
    assert_eq!(calls(), "npm\ntool\ntool\n");

    let manifest = sample.project.folder().join("package.json");
    let later = std::fs::metadata(&manifest).unwrap().modified().unwrap() + Duration::from_secs(3600);
    std::fs::File::options().append(true).open(manifest).unwrap().set_modified(later).unwrap();
    sample.problem();
    assert_eq!(calls(), "npm\ntool\ntool\nnpm\ntool\n");
}

#[test]
fn a_relative_target_folder_begins_where_the_caller_works() {
    let sample = Sample::new(Language::Rust);
    sample.program("cargo", "echo \"$CARGO_TARGET_DIR\" > target-folder; exit 1");
    let cargo_target = Some(PathBuf::from("some/target"));
    let environment = Environment { path: sample.folder.path().join("programs").into(), cargo_target };
    sample.project.build(&environment, &mut |_| {}).unwrap_err();
    let told = std::fs::read_to_string(sample.project.folder().join("target-folder")).unwrap();
    let expected = std::env::current_dir().unwrap().join("some/target");
    assert_eq!(Path::new(told.trim_end()), expected);
}
