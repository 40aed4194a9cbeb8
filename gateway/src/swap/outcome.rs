//! What is asked of the swap, and what becomes of it.

use std::fmt;

use tallygate_plugin_host::Stage;

use super::shadow::Report;
use crate::serving::Active;

/// What the administrator asks for beside the component.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Wish {
    /// Show what would happen, and change nothing.
    pub(crate) dry_run: bool,
    /// Accept a shadow difference, and what was rolled back lately.
    pub(crate) force: bool,
}

/// What became of an upload.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) generation: u64,
    pub(crate) digest: String,
    pub(crate) published: bool,
    /// These very bytes serve already, with these settings.
    pub(crate) unchanged: bool,
    pub(crate) report: Report,
}

/// What a rollback returned to.
#[derive(Debug)]
pub(crate) struct RolledBack {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) digest: String,
}

/// A candidate that does not serve, and why.
#[derive(Clone, Debug)]
pub(crate) struct NotServed {
    pub(crate) stage: Stage,
    pub(crate) message: String,
    /// The difference that was too large.
    pub(crate) report: Option<Box<Report>>,
}

/// Why the administrator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    #[error("no plugin {name} serves; those that do: {serving}")]
    NoSuchPlugin { name: String, serving: String },
    #[error("plugin {0} has no previous generation to return to")]
    NoPrevious(String),
    #[error("{}: {}", .0.stage, .0.message)]
    Refused(Box<NotServed>),
    #[error("the component cannot be kept, so it would not survive a restart: {0}; make room, or data_dir writable")]
    NotStored(#[source] std::io::Error),
}

// === impl Deployed ===

impl Deployed {
    /// Nothing yet: this serves.
    pub(crate) fn new(current: &Active, bound: f64) -> Self {
        Self {
            generation: current.generation,
            digest: current.plugin.digest().to_owned(),
            published: false,
            unchanged: false,
            report: Report { bound, ..Report::default() },
        }
    }
}

// === impl NotServed ===

impl NotServed {
    pub(crate) fn new(stage: Stage, message: impl Into<String>) -> Self {
        Self { stage, message: message.into(), report: None }
    }
}

impl fmt::Display for NotServed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.stage, self.message)
    }
}
