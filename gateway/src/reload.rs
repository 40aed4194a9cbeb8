//! Where the configuration comes from, and what of it can change while the gateway runs.

use std::path::PathBuf;

use prometheus::IntCounterVec;

use crate::config::{Config, Override, Problems};
use crate::metrics::Registry;

/// What a configuration is read from.
#[derive(Clone)]
pub(crate) struct ConfigSource {
    pub(crate) file: Option<PathBuf>,
    pub(crate) overrides: Vec<Override>,
}

/// How attempts to change the configuration ended.
pub(crate) struct ReloadMetrics {
    reloads: IntCounterVec,
}

// === impl ConfigSource ===

impl ConfigSource {
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
    for key in old.until_restart.changed(&new.until_restart) {
        tracing::warn!("{key} was changed; that takes effect at the next start");
    }
}

// === impl ReloadMetrics ===

impl ReloadMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let reloads = registry.counters(
            "tallygate_config_reloads_total",
            "Tries to reload the configuration: `ok`, `refused`.",
            &["result"],
        );
        // Zero is an answer too.
        for result in ["ok", "refused"] {
            reloads.with_label_values(&[result]);
        }
        Self { reloads }
    }

    /// Counts an attempt.
    pub(crate) fn ended(&self, result: &'static str) {
        self.reloads.with_label_values(&[result]).inc();
    }
}
