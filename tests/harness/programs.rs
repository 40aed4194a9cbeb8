//! Programs that are not ours: real clients and proxies.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Where the program is. `None` if the machine lacks it: then the test says so and is over, except where the suite
/// is run for good (`CI` is set), where nothing may be missing.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is missing");
        say_loudly(&format!("{name} is missing, a test that needs it was skipped"));
    }
    found
}

/// A Python that has a module. `tests/run` installs both and names it. `None` if the machine lacks it, as with [`program`].
pub(crate) fn python_with(module: &str) -> Option<String> {
    let named = std::env::var("TALLYGATE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = format!("import {module}");
    let has = Command::new(&named).args(["-c", &import]).output().is_ok_and(|output| output.status.success());
    if !has {
        assert!(std::env::var_os("CI").is_none(), "{named} has no {module}; tests/run installs it");
        say_loudly(&format!("{module} is missing, a test that needs it was skipped; tests/run installs it"));
    }
    has.then_some(named)
}

/// Tells whoever watches the test run, whatever the test harness captures.
pub(crate) fn say_loudly(what: &str) {
    // The print macros are captured in tests that pass. If standard error is closed, nobody watches.
    drop(writeln!(std::io::stderr(), "\n*** {what} ***"));
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}
