//! Why a log cannot be read or written.

use std::error::Error;
use std::io;

/// Nothing can be committed at the moment.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Unwritable {
    /// Which log, what failed, and why.
    pub reason: String,
}

/// Why a log cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// The folder cannot be listed.
    #[error("cannot list the files of the {log}")]
    List {
        /// The log's name.
        log: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Something failed with a file.
    #[error("cannot {doing} {name}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version of this program wrote a file.
    #[error("{name} is of format version {version} and this program reads {known}: start a newer tallygate")]
    Newer {
        /// The file.
        name: String,
        /// Its version.
        version: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// A log is to begin with a number that is not above those of all its files.
    #[error("{file} is there already: start the {log} with the next number that a replay gives")]
    Taken {
        /// The log's name.
        log: &'static str,
        /// The file.
        file: String,
    },
    /// It is failing.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// There is no thread for it.
    #[error("cannot start the {log}'s thread")]
    Thread {
        /// The log's name.
        log: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// For `map_err`: something failed with a file.
pub(crate) fn failed(doing: &'static str, name: String) -> impl FnOnce(io::Error) -> WalError {
    move |source| WalError::Io { doing, name, source }
}

/// An error in one line, with what it comes from.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |error| (**error).source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
