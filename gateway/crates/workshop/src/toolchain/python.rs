//! Python, by componentize-py, which puts the sources into a Python interpreter that is a component.

use std::path::PathBuf;

use crate::environment::program;

use super::{Build, BuildError, Output};

pub(super) struct ComponentizePy {
    tool: PathBuf,
    environment: PathBuf,
}

/// Where programs of a virtual environment lie.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

// === impl ComponentizePy ===

impl ComponentizePy {
    /// Makes the project's virtual environment, and installs what `requirements.txt` names, if that has not been done,
    /// or not since it changed: what whoever writes Python would do by hand.
    pub(super) fn find(build: &mut Build<'_>) -> Result<Self, BuildError> {
        let environment = build.project.folder().join(".venv");
        let programs = environment.join(PROGRAMS);
        let installed = ".venv/installed.txt";
        if build.is_newer("requirements.txt", installed) {
            let Some(python) = build.environment.find("python3") else {
                let remedy =
                    "install Python 3.10 or newer, from https://python.org or by `apt-get install python3-venv`";
                return Err(build.missing("there is no `python3`", remedy));
            };
            if build.ask(build.command(&python).args(["-c", "import ensurepip, venv"])).is_none() {
                return Err(
                    build.missing("`python3` cannot make virtual environments", "run `apt-get install python3-venv`")
                );
            }
            if program(&programs, "pip").is_none() {
                let mut command = build.command(&python);
                command.args(["-m", "venv"]).arg(&environment);
                build.run(&mut command)?;
            }
            let mut command = build.command(&programs.join("pip"));
            command.args(["install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"]);
            build.run(&mut command)?;
            let folder = build.project.folder();
            let noted = std::fs::copy(folder.join("requirements.txt"), folder.join(installed));
            noted.map_err(|source| build.system("write", &folder.join(installed), source))?;
        }
        match program(&programs, "componentize-py") {
            Some(tool) => Ok(Self { tool, environment }),
            None => {
                let remedy = "add the line `componentize-py==0.25.1` to requirements.txt";
                Err(build.missing(".venv has no `componentize-py`", remedy))
            }
        }
    }

    pub(super) fn run(&self, build: &mut Build<'_>) -> Result<Output, BuildError> {
        let component = build.scratch.join("component.wasm");
        let mut command = build.command(&self.tool);
        // Modules that the environment has are found there, and nowhere else.
        command.env("VIRTUAL_ENV", &self.environment);
        command.args(["--quiet", "--wit-path", "sdk/wit", "--world", "plugin", "componentize"]);
        command.args(["--python-path", ".", "--python-path", "sdk", "--output"]).arg(&component).arg("component");
        build.run(&mut command)?;
        Ok(Output::Component(component))
    }
}
