//! Go: a module for WASI's first preview, which is then made a component. It needs nothing but Go itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Build, BuildError, Output};

/// The first version that can export functions under any name.
const OLDEST: (u32, u32) = (1, 24);

pub(super) struct Go {
    go: PathBuf,
}

// === impl Go ===

impl Go {
    pub(super) fn find(build: &mut Build<'_>) -> Result<Self, BuildError> {
        const REMEDY: &str = "install Go 1.24 or newer, from https://go.dev/dl or by `apt-get install golang`";
        let Some(go) = build.environment.find("go") else {
            return Err(build.missing("there is no `go`", REMEDY));
        };
        let version = build.ask(command(build, &go).args(["env", "GOVERSION"]));
        let version = version.unwrap_or_default();
        match numbers(&version) {
            Some(found) if found < OLDEST => {
                let what = format!("it needs Go 1.24 or newer, yours is {}", version.trim_start_matches("go"));
                Err(build.missing(what, REMEDY))
            }
            // A version without numbers is one of Go's developers.
            _ => Ok(Self { go }),
        }
    }

    pub(super) fn run(&self, build: &mut Build<'_>) -> Result<Output, BuildError> {
        let module = build.scratch.join("module.wasm");
        let mut command = command(build, &self.go);
        command.env("GOOS", "wasip1").env("GOARCH", "wasm");
        // Without what only a debugger reads; functions keep their names, so that the gateway can say where a plugin failed.
        command.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o"]).arg(&module).arg(".");
        build.run(&mut command)?;
        Ok(Output::Module(module))
    }
}

/// Go in the project alone: not another version that it would fetch, and not the workspace of a folder above, which does not
/// name the project.
fn command(build: &Build<'_>, go: &Path) -> Command {
    let mut command = build.command(go);
    command.env("GOTOOLCHAIN", "local").env("GOWORK", "off");
    command
}

/// The first two numbers of `go1.26.8`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("go")?.split('.');
    let major = parts.next()?.parse().ok()?;
    // A release candidate is `go1.27rc1`.
    let minor = parts.next()?;
    let digits = minor.find(|character: char| !character.is_ascii_digit()).unwrap_or(minor.len());
    Some((major, minor.get(..digits)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(numbers("go1.26.8"), Some((1, 26)));
        assert_eq!(numbers("go1.27rc1"), Some((1, 27)));
        assert_eq!(numbers("devel +abc"), None);
        assert!(numbers("go1.9.2").is_some_and(|old| old < OLDEST));
    }
}
