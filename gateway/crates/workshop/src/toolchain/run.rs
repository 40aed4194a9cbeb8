//! Programs that a build runs.

use std::io::stderr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{Build, BuildError};

// === impl Build ===

impl Build<'_> {
    /// A command in the project's folder that finds other programs where we found it.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.project.folder()).env("PATH", &self.environment.path).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; all that it prints goes to standard error, since standard output is our caller's.
    pub(super) fn run(&mut self, command: &mut Command) -> Result<(), BuildError> {
        let (program, name) = self.announce(command);
        let status = command.stdout(stderr()).stderr(Stdio::inherit()).status();
        let status = status.map_err(|source| self.system("run", Path::new(command.get_program()), source))?;
        if status.success() { Ok(()) } else { Err(BuildError::Failed { name, program, status }) }
    }

    /// As [`Self::run`], but keeps what it prints to standard output.
    pub(super) fn run_for_output(&mut self, command: &mut Command) -> Result<Vec<u8>, BuildError> {
        let (program, name) = self.announce(command);
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|source| self.system("run", Path::new(command.get_program()), source))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(BuildError::Failed { name, program, status: output.status })
        }
    }

    /// What a program answers to a question about itself; nothing if it does not answer.
    pub(super) fn ask(&self, command: &mut Command) -> Option<String> {
        let Output { status, stdout, .. } = command.stderr(Stdio::null()).output().ok()?;
        status.success().then(|| String::from_utf8_lossy(&stdout).trim().to_owned())
    }

    /// Says which command is run; what it is called in errors, and the plugin's name.
    fn announce(&mut self, command: &Command) -> (String, String) {
        let program = Path::new(command.get_program()).file_stem().unwrap_or_default().to_string_lossy();
        let verb = command.get_args().next().unwrap_or_default().to_string_lossy();
        let words = if verb.starts_with('-') || verb.contains('/') {
            program.into_owned()
        } else {
            format!("{program} {verb}")
        };
        (self.say)(&words);
        (words, self.project.name().to_owned())
    }
}
