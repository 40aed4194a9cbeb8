//! Builds: a toolchain for each language, and what all have in common.

mod c;
mod go;
mod javascript;
mod python;
mod run;
mod rust;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::component;
use crate::sources::unfinished;
use crate::{Environment, Language, Project};

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long the build took, installations included.
    pub took: Duration,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The toolchain is not there, or too old.
    #[error("cannot build {name}: {what}; {remedy}")]
    Missing {
        /// The plugin.
        name: String,
        /// What is missing.
        what: String,
        /// The command that gets it.
        remedy: String,
    },
    /// The toolchain did not like the sources. It has said why on standard error.
    #[error("cannot build {name}: `{program}` failed with {status}, what it said stands above")]
    Failed {
        /// The plugin.
        name: String,
        /// What was run.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It was built, but what came out is no plugin.
    #[error("cannot make a component of {name}: {problem}")]
    NotAPlugin {
        /// The plugin.
        name: String,
        /// Why not.
        problem: String,
    },
    /// A file or a program could not be used.
    #[error("cannot build {name}: cannot {action} {}", .path.display())]
    System {
        /// The plugin.
        name: String,
        /// What could not be done with it.
        action: &'static str,
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a toolchain left: where, and of which kind.
enum Output {
    Component(PathBuf),
    Module(PathBuf),
}

/// One build under way.
struct Build<'a> {
    project: &'a Project,
    environment: &'a Environment,
    say: &'a mut dyn FnMut(&str),
    /// Where toolchains put what nobody shall see.
    scratch: PathBuf,
}

// === impl Project ===

impl Project {
    /// Builds the plugin: runs its toolchain, whose output goes to standard error as it comes, and puts the component
    /// into the folder, whole or not at all. Tools that the project's own manifest names (`package.json`,
    /// `requirements.txt`) are installed into the folder first, where they are missing. `say` is told what happens.
    ///
    /// # Errors
    /// If the toolchain is missing, says no, or what it makes is no plugin.
    pub fn build(&self, environment: &Environment, say: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
        let start = Instant::now();
        let scratch = self.folder().join(".build");
        let mut build = Build { project: self, environment, say, scratch };
        let system = |action, path: &Path| {
            let (name, path) = (self.name().to_owned(), path.to_owned());
            move |source| BuildError::System { name, action, path, source }
        };
        std::fs::create_dir_all(&build.scratch).map_err(system("make", &build.scratch))?;
        let toolchain = build.prepare()?;

        let component = self.component();
        let unfinished = unfinished(&component);
        // The file gets the time at which the build began, so that what is saved while it runs is newer.
        let began = std::fs::write(&unfinished, []).and_then(|()| std::fs::metadata(&unfinished)?.modified());
        let began = began.map_err(system("write", &unfinished))?;

        let content = toolchain.run(&mut build).and_then(|output| build.component(output));
        let content = content.inspect_err(|_| {
            // The error that is already known is the one to tell.
            let _ = std::fs::remove_file(&unfinished);
        })?;
        let put = || {
            std::fs::write(&unfinished, &content)?;
            std::fs::File::options().append(true).open(&unfinished)?.set_modified(began)?;
            std::fs::rename(&unfinished, &component)
        };
        put().map_err(system("write", &component))?;
        Ok(Built { path: component, bytes: content.len() as u64, took: start.elapsed() })
    }
}

/// A toolchain that is there.
enum Toolchain {
    Rust(rust::Cargo),
    Go(go::Go),
    JavaScript(javascript::ComponentizeJs),
    Python(python::ComponentizePy),
    C(c::Compiler),
}

// === impl Toolchain ===

impl Toolchain {
    fn run(&self, build: &mut Build<'_>) -> Result<Output, BuildError> {
        match self {
            Self::Rust(cargo) => cargo.run(build),
            Self::Go(go) => go.run(build),
            Self::JavaScript(tool) => tool.run(build),
            Self::Python(tool) => tool.run(build),
            Self::C(compiler) => compiler.run(build),
        }
    }
}

// === impl Build ===

impl Build<'_> {
    /// Looks for the toolchain, and installs what the project itself says that it needs.
    fn prepare(&mut self) -> Result<Toolchain, BuildError> {
        Ok(match self.project.language() {
            Language::Rust => Toolchain::Rust(rust::Cargo::find(self)?),
            Language::Go => Toolchain::Go(go::Go::find(self)?),
            Language::JavaScript => Toolchain::JavaScript(javascript::ComponentizeJs::find(self)?),
            Language::Python => Toolchain::Python(python::ComponentizePy::find(self)?),
            Language::C => Toolchain::C(c::Compiler::find(self)?),
        })
    }

    /// The component of what a toolchain left.
    fn component(&mut self, output: Output) -> Result<Vec<u8>, BuildError> {
        let (path, is_component) = match output {
            Output::Component(path) => (path, true),
            Output::Module(path) => (path, false),
        };
        let bytes = std::fs::read(&path).map_err(|source| self.system("read", &path, source))?;
        if is_component {
            return Ok(bytes);
        }
        (self.say)("making a component of the module");
        let name = || self.project.name().to_owned();
        component::from_module(bytes).map_err(|problem| BuildError::NotAPlugin { name: name(), problem })
    }

    /// Whether a manifest has changed since what it names was installed, or it never was.
    fn is_newer(&self, manifest: &str, installed: &str) -> bool {
        let modified = |path| std::fs::metadata(self.project.folder().join(path)).and_then(|file| file.modified()).ok();
        match (modified(manifest), modified(installed)) {
            (Some(manifest), Some(installed)) => manifest > installed,
            (manifest, _) => manifest.is_some(),
        }
    }

    fn system(&self, action: &'static str, path: &Path, source: std::io::Error) -> BuildError {
        BuildError::System { name: self.project.name().to_owned(), action, path: path.to_owned(), source }
    }

    fn missing(&self, what: impl Into<String>, remedy: impl Into<String>) -> BuildError {
        BuildError::Missing { name: self.project.name().to_owned(), what: what.into(), remedy: remedy.into() }
    }
}

#[cfg(test)]
mod tests;
