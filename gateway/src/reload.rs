//! Where the configuration comes from, and what of it can change while the gateway runs.

use std::path::PathBuf;

use crate::config::{Config, Override, Problems};

/// What a configuration is read from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) file: Option<PathBuf>,
    pub(crate) overrides: Vec<Override>,
}

// === impl Source ===

impl Source {
    pub(crate) fn load(&self) -> Result<Config, Problems> {
        Config::load(self.file.as_deref(), &self.overrides)
    }

    /// Logs what a configuration from here allows itself and probably does not mean.
    pub(crate) fn warn(&self, config: &Config) {
        config.warnings(self.file.as_deref()).iter().for_each(|warning| tracing::warn!("{warning}"));
    }
}

/// Tells what a new configuration changes that stays as it is until the next start.
pub(crate) fn warn_of_what_needs_a_restart(old: &Config, new: &Config) {
    let changed = [
        ("data_dir", old.data_dir != new.data_dir),
        ("log_level", old.log_level != new.log_level),
        ("ingest.listen", old.ingest.listen != new.ingest.listen),
        ("ingest.workers", old.ingest.workers != new.ingest.workers),
        ("ops.listen", old.ops.listen != new.ops.listen),
        ("addresses", old.addresses != new.addresses),
        ("durability", old.visits.durability != new.visits.durability),
        ("count_since", old.visits.since_start != new.visits.since_start),
        ("swap.compile_time", old.swap.compile_time != new.swap.compile_time),
        ("swap.compile_memory", old.swap.compile_memory != new.swap.compile_memory),
        ("history.retention", old.visits.retention != new.visits.retention),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("{key} was changed; that takes effect at the next start");
    }
}
