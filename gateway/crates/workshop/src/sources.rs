//! Which files of a project are its author's, and whether they are newer than the component.

use std::io;
use std::path::{Path, PathBuf};

use crate::Project;

/// Folders that builds and package managers fill. Those whose name begins with a dot are left out as well.
const NOT_SOURCES: [&str; 3] = ["target", "node_modules", "__pycache__"];
/// Cargo puts this into its target folder, whatever that is called (https://bford.info/cachedir): what lies beside it can be
/// made again.
const MARK_OF_CACHES: &str = "CACHEDIR.TAG";
/// Tools write these in the course of a build.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

// === impl Project ===

impl Project {
    /// Every file that the author may change, in order: what to watch. What builds leave behind is left out.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn sources(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        gather(self.folder(), &mut found)?;
        let component = self.component();
        found.retain(|path| *path != component && !is_unfinished(path));
        found.sort();
        Ok(found)
    }

    /// Whether a build would make something else than what is there: there is no component, or a source has changed since
    /// the build of it began. Tests and what is there to be read do not count.
    ///
    /// # Errors
    /// If the files cannot be looked at.
    pub fn is_stale(&self) -> io::Result<bool> {
        let built = match std::fs::metadata(self.component()) {
            Ok(metadata) => metadata.modified()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        for path in self.sources()?.iter().filter(|path| self.is_built_from(path)) {
            match std::fs::metadata(path) {
                Ok(metadata) if metadata.modified()? > built => return Ok(true),
                // An editor may have replaced it since the folder was listed.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(false)
    }

    fn is_built_from(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        !path.starts_with(self.folder().join("tests"))
            && path.extension().is_none_or(|extension| extension != "md")
            && !LOCKS.iter().any(|lock| name == *lock)
    }
}

/// What a component is called while it is written.
pub(crate) fn unfinished(component: &Path) -> PathBuf {
    let name = component.file_name().unwrap_or_default().to_string_lossy();
    component.with_file_name(format!(".{name}.unfinished"))
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "unfinished")
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !entry.file_type()?.is_dir() {
            found.push(entry.path());
        } else if !name.to_string_lossy().starts_with('.')
            && !NOT_SOURCES.iter().any(|other| name == *other)
            && !entry.path().join(MARK_OF_CACHES).is_file()
        {
            gather(&entry.path(), found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
