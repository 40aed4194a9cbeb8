//! Rust, by cargo: its target for components needs no further step.

use std::path::PathBuf;

use serde_json::Value;

use super::{Build, BuildError, Output};

const TARGET: &str = "wasm32-wasip2";

pub(super) struct Cargo {
    cargo: PathBuf,
}

// === impl Cargo ===

impl Cargo {
    pub(super) fn find(build: &mut Build<'_>) -> Result<Self, BuildError> {
        let Some(cargo) = build.environment.find("cargo") else {
            return Err(build.missing("there is no `cargo`", "install Rust with rustup, from https://rustup.rs"));
        };
        if let Some(rustc) = build.environment.find("rustc") {
            let libraries = build.ask(build.command(&rustc).args(["--print", "target-libdir", "--target", TARGET]));
            if !libraries.is_some_and(|folder| PathBuf::from(folder).is_dir()) {
                let what = format!("Rust has no target {TARGET}");
                return Err(build.missing(what, format!("run `rustup target add {TARGET}` in the folder")));
            }
        }
        Ok(Self { cargo })
    }

    pub(super) fn run(&self, build: &mut Build<'_>) -> Result<Output, BuildError> {
        let mut command = build.command(&self.cargo);
        command.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
        if let Some(folder) = &build.environment.cargo_target {
            // Cargo runs in the project, where a relative path would mean another folder than our caller's.
            let folder = std::path::absolute(folder).map_err(|error| build.system("find", folder, error))?;
            command.env("CARGO_TARGET_DIR", folder);
        }
        let messages = build.run_for_output(&mut command)?;
        match component(&messages) {
            Some(path) => Ok(Output::Component(path)),
            None => {
                let problem = "cargo made no WebAssembly: Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`";
                Err(BuildError::NotAPlugin { name: build.project.name().to_owned(), problem: problem.to_owned() })
            }
        }
    }
}

/// The component among what cargo says that it has made: the last one, since dependencies come before.
fn component(messages: &[u8]) -> Option<PathBuf> {
    let messages = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let artifacts = messages.filter(|message| message["reason"] == "compiler-artifact");
    let is_component = |file: &&str| file.ends_with(".wasm");
    let mut found = None;
    for artifact in artifacts {
        let files = artifact["filenames"].as_array().into_iter().flatten();
        found = files.filter_map(Value::as_str).find(is_component).map(PathBuf::from).or(found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_last_that_cargo_made() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","filenames":["/target/libdependency.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["/target/my_plugin.wasm"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n"
        );
        assert_eq!(component(messages.as_bytes()), Some(PathBuf::from("/target/my_plugin.wasm")));
        assert_eq!(component(b"{\"reason\":\"build-finished\"}\n"), None);
    }
}
