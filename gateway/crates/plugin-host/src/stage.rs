use std::fmt;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::guest::printable;

/// What stands between a file and a serving plugin, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reading the file.
    Read,
    /// Is it a valid component, of bearable size?
    Parse,
    /// Does it ask for more than it may have?
    Imports,
    /// Does it speak a version of the interface that is served?
    Version,
    /// Machine code for it.
    Compile,
    /// Does it start, and who is it?
    Describe,
    /// Does it accept its settings?
    Configure,
    /// Does it keep its contract on nothing and on an empty record?
    SelfTest,
    /// Does it judge recent records as the plugin does that serves?
    Shadow,
    /// It serves.
    Publish,
}

/// Why a component did not become a plugin.
#[derive(Debug, thiserror::Error)]
#[error("{stage}: {message}")]
pub struct LoadError {
    /// Where it failed.
    pub stage: Stage,
    /// What failed and what to do, for people.
    pub message: String,
}

/// Tells of each stage passed and of the time since the one before.
pub(crate) struct Progress<'a> {
    heard: &'a mut dyn FnMut(Stage, Duration),
    since: Instant,
}

/// Bound on a message that quotes what others wrote.
const MESSAGE_BYTES: usize = 1024;

// === impl Stage ===

impl Stage {
    /// The name that metrics, logs and errors use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Imports => "imports",
            Self::Version => "version",
            Self::Compile => "compile",
            Self::Describe => "describe",
            Self::Configure => "configure",
            Self::SelfTest => "self-test",
            Self::Shadow => "shadow",
            Self::Publish => "publish",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

// === impl LoadError ===

impl LoadError {
    /// An error at a stage.
    pub fn new(stage: Stage, message: impl Into<String>) -> Self {
        Self { stage, message: message.into() }
    }

    /// An error whose message quotes what the component or its compiler wrote.
    pub(crate) fn quoting(stage: Stage, message: &str) -> Self {
        Self::new(stage, printable(message, MESSAGE_BYTES))
    }

    pub(crate) fn wasmtime(stage: Stage, error: &wasmtime::Error) -> Self {
        Self::quoting(stage, &format!("{error:#}"))
    }

    pub(crate) fn failure(stage: Stage, failure: &Failure) -> Self {
        Self::new(stage, failure.to_string())
    }
}

// === impl Progress ===

impl<'a> Progress<'a> {
    pub(crate) fn new(heard: &'a mut dyn FnMut(Stage, Duration)) -> Self {
        Self { heard, since: Instant::now() }
    }

    pub(crate) fn passed(&mut self, stage: Stage) {
        let now = Instant::now();
        (self.heard)(stage, now - self.since);
        self.since = now;
    }
}
