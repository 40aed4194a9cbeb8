//! What the gateway answers, as far as it is shown. What is missing in an answer, of an older gateway, is not shown.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Plugins {
    pub(super) plugins: Vec<Plugin>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) digest: String,
    pub(super) version: Option<String>,
    pub(super) source: Option<String>,
    pub(super) state: Option<String>,
    pub(super) since: Option<String>,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) traps: u64,
    pub(super) last_error: Option<LastError>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct LastError {
    pub(super) stage: String,
    pub(super) message: String,
    pub(super) at: Option<String>,
    pub(super) shadow: Option<Shadow>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Deployed {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) digest: String,
    pub(super) published: bool,
    pub(super) unchanged: bool,
    pub(super) dry_run: bool,
    pub(super) would_publish: Option<bool>,
    pub(super) shadow: Option<Shadow>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RolledBack {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) digest: String,
    pub(super) rolled_back: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: Error,
    pub(super) shadow: Option<Shadow>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Error {
    pub(super) code: String,
    pub(super) stage: Option<String>,
    pub(super) message: String,
}

/// How a new plugin did on past records, beside the one that serves.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Shadow {
    pub(super) replayed: u64,
    pub(super) different: u64,
    pub(super) bound: Option<f64>,
    pub(super) unstable: u64,
    pub(super) routes: Vec<Route>,
    pub(super) examples: Vec<Example>,
    /// Processor time per record.
    pub(super) old_nanoseconds: Option<f64>,
    pub(super) new_nanoseconds: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Route {
    pub(super) route: String,
    pub(super) replayed: u64,
    pub(super) different: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Example {
    pub(super) route: String,
    pub(super) record: String,
    pub(super) old: Answer,
    pub(super) new: Answer,
}

/// An address, or a code.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) ip: Option<String>,
    pub(super) time: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}
