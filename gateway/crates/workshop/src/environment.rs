//! What a build may know of the process that it runs in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the command line read from the environment. This crate reads none of it itself, so that what a build depends on
/// is in one place and tests can say otherwise.
#[derive(Clone, Default, Debug)]
pub struct Environment {
    /// `PATH`: where programs are looked for.
    pub path: OsString,
    /// `CARGO_TARGET_DIR`, if it is set: where builds of Rust leave what they make. A relative one begins in the folder that
    /// this process works in.
    pub cargo_target: Option<PathBuf>,
}

// === impl Environment ===

impl Environment {
    /// Where the program `name` lies, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let mut places = std::env::split_paths(&self.path).filter(|folder| !folder.as_os_str().is_empty());
        places.find_map(|folder| program(&folder, name))
    }
}

/// The program `name` in `folder`, if there is one.
pub(crate) fn program(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    file.is_file().then_some(file)
}
