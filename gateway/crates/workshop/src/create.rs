//! New projects.

use std::path::{Path, PathBuf};

use crate::Language;

/// What projects are made of: set, path within the project, content. A set is `common`, a language's name, `rust-sdk` or
/// `wit`.
static TEMPLATES: &[(&str, &str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// What stands in templates for the name of the project.
const NAME: &str = "{{name}}";
/// As long as the gateway takes names of plugins.
const LONGEST_NAME: usize = 64;

/// Why a project was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is none that a plugin can have.
    #[error(
        "`{0}` cannot be the name of a plugin: it needs a lower-case letter, then lower-case letters, digits and hyphens, \
         {LONGEST_NAME} characters at most"
    )]
    Name(String),
    /// There is something already.
    #[error("{} is there already and is not empty: choose another name, or remove it", .0.display())]
    NotEmpty(PathBuf),
    /// The file system said no.
    #[error("cannot write {}", .path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

/// Makes a project called `name` in `folder`, which is made, too, unless it is there and empty.
///
/// # Errors
/// If the name is none, the folder has something in it, or cannot be written to.
pub fn create(folder: &Path, name: &str, language: Language) -> Result<(), CreateError> {
    if !is_name(name) {
        return Err(CreateError::Name(name.to_owned()));
    }
    let write = |path: &Path, source| CreateError::Write { path: path.to_owned(), source };
    let is_empty = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(write(folder, error)),
    };
    if !is_empty {
        return Err(CreateError::NotEmpty(folder.to_owned()));
    }
    for (path, content) in files(name, language) {
        let path = folder.join(path);
        let parent = path.parent().expect("a file of a template lies in a folder");
        std::fs::create_dir_all(parent).map_err(|error| write(parent, error))?;
        std::fs::write(&path, content).map_err(|error| write(&path, error))?;
    }
    Ok(())
}

/// Whether a plugin can be called that: it becomes a file's name, a package's name, and a label of metrics.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The files of a new project.
fn files(name: &str, language: Language) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let own = language.name();
    let is_wanted = move |set: &str| match set {
        "common" => true,
        // The SDK for Rust has the interface built in.
        "rust-sdk" => language == Language::Rust,
        "wit" => language != Language::Rust,
        _ => set == own,
    };
    let wanted = TEMPLATES.iter().filter(move |(set, _, _)| is_wanted(set));
    wanted.map(move |(set, path, content)| match std::str::from_utf8(content) {
        // What is written in Rust may say `{{name}}` itself.
        Ok(text) if *set != "rust-sdk" => (*path, text.replace(NAME, name).into_bytes()),
        _ => (*path, content.to_vec()),
    })
}

#[cfg(test)]
mod tests;
