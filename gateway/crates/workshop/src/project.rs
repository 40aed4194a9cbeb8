//! A plugin's folder, and what its `plugin.toml` says.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::Language;
use crate::create::is_name;

/// The file that makes a folder a project.
const FILE: &str = "plugin.toml";

/// A plugin's sources.
#[derive(Clone, Debug)]
pub struct Project {
    folder: PathBuf,
    name: String,
    language: Language,
    settings: Vec<(String, String)>,
    memory: Option<String>,
    time: Option<String>,
    isolated: bool,
}

/// Why a folder is no project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The file cannot be read.
    #[error("cannot read {}: is this the folder of a plugin, as `tallygate plugin new` makes it", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{} is not valid TOML", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: Box<toml::de::Error>,
    },
    /// A key is missing, unknown, or holds something else.
    #[error("{}: key `{key}` {problem}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key, with its section.
        key: String,
        /// What is wrong with it, and what it takes.
        problem: String,
    },
}

// === impl Project ===

impl Project {
    /// Reads the project in `folder`.
    ///
    /// # Errors
    /// If it has no `plugin.toml`, or what that says is not understood.
    pub fn open(folder: &Path) -> Result<Self, ProjectError> {
        // Toolchains run in the folder, where a relative path would mean something else.
        let folder = &std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ProjectError::Read { path, source }),
        };
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => return Err(ProjectError::Syntax { path, source: Box::new(error) }),
        };
        read(folder, table).map_err(|(key, problem)| ProjectError::Key { path, key, problem })
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the plugin is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is written in.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// The settings that tests and benches run it with: names and values, in the order of names.
    #[must_use]
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The memory that an instance may have in tests and benches, as it is written.
    #[must_use]
    pub fn memory(&self) -> Option<&str> {
        self.memory.as_deref()
    }

    /// The time that a call may take in tests and benches, as it is written.
    #[must_use]
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// Whether its author says that it takes too long for the threads that serve connections, so that a gateway should run it
    /// beside them. Tests and benches serve none: it is for whoever configures the gateway.
    #[must_use]
    pub fn isolated(&self) -> bool {
        self.isolated
    }

    /// The component that a build leaves.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }
}

/// A key, and what is wrong with it.
type Problem = (String, String);

fn read(folder: &Path, mut table: Table) -> Result<Project, Problem> {
    let name = take_text(&mut table, "", "name")?.ok_or_else(|| missing("name", "the name of the plugin"))?;
    if !is_name(&name) {
        let takes = "a lower-case letter, then lower-case letters, digits and hyphens, 64 characters at most";
        return Err(("name".to_owned(), format!("is `{name}`: it takes {takes}")));
    }
    let language = take_text(&mut table, "", "language")?.ok_or_else(|| missing("language", LANGUAGES))?;
    let language = Language::from_name(&language)
        .ok_or_else(|| ("language".to_owned(), format!("is `{language}`: it takes {LANGUAGES}")))?;

    let mut settings = Vec::new();
    for (key, value) in take_section(&mut table, "settings")? {
        let value = text(value).map_err(|problem| (format!("settings.{key}"), problem))?;
        settings.push((key, value));
    }
    let mut limits = take_section(&mut table, "limits")?;
    let memory = take_text(&mut limits, "limits.", "memory")?;
    let time = take_text(&mut limits, "limits.", "time")?;
    let isolated = take_flag(&mut limits, "limits.", "isolated")?;
    known_to_the_last(&limits, "limits.", "memory, time, isolated")?;
    known_to_the_last(&table, "", "name, language, settings, limits")?;
    Ok(Project { folder: folder.to_owned(), name, language, settings, memory, time, isolated })
}

/// What the key `language` takes.
const LANGUAGES: &str = "rust, go, js, python or c";

fn missing(key: &str, takes: &str) -> Problem {
    (key.to_owned(), format!("is missing: it takes {takes}"))
}

fn take_section(table: &mut Table, key: &str) -> Result<Table, Problem> {
    match table.remove(key) {
        None => Ok(Table::new()),
        Some(Value::Table(section)) => Ok(section),
        Some(other) => Err((key.to_owned(), format!("is {}: it takes a section, [{key}]", other.type_str()))),
    }
}

fn take_text(table: &mut Table, section: &str, key: &str) -> Result<Option<String>, Problem> {
    table.remove(key).map(text).transpose().map_err(|problem| (format!("{section}{key}"), problem))
}

/// False if the key is not there.
fn take_flag(table: &mut Table, section: &str, key: &str) -> Result<bool, Problem> {
    match table.remove(key) {
        None => Ok(false),
        Some(Value::Boolean(flag)) => Ok(flag),
        Some(other) => {
            Err((format!("{section}{key}"), format!("is of type {}: it takes true or false", other.type_str())))
        }
    }
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("is of type {}: it takes text in quotes", other.type_str())),
    }
}

/// Every known key has been taken out of the table.
fn known_to_the_last(table: &Table, section: &str, known: &str) -> Result<(), Problem> {
    match table.keys().next() {
        None => Ok(()),
        Some(key) => Err((format!("{section}{key}"), format!("is unknown: there are {known}"))),
    }
}

#[cfg(test)]
mod tests;
