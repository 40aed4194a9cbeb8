//! What serves right now: plugins and routes, as one snapshot that is swapped whole.

mod load;
mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tallygate_plugin_host::Plugin;

use crate::config::{self, Config};
use crate::metrics::PluginMetrics;

pub(crate) use load::{LoadProblem, Loader};
pub(crate) use routes::{Refused, Routes};

/// A snapshot. Requests take it once and keep it to their end.
pub(crate) struct Serving {
    pub(crate) routes: Routes,
    pub(crate) plugins: Vec<Arc<Active>>,
    pub(crate) limits: config::Ingest,
}

/// A plugin in its place.
pub(crate) struct Active {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) metrics: PluginMetrics,
    /// What it was made from; as long as that stays, so does the plugin.
    config: config::Plugin,
    loaded: Instant,
    /// The second of its life in which it was last warned about, plus one.
    warned: AtomicU64,
}

// === impl Serving ===

impl Serving {
    fn new(config: &Config, plugins: Vec<Arc<Active>>) -> Self {
        let routes = Routes::new(config, &plugins);
        Self { routes, plugins, limits: config.ingest.clone() }
    }

    /// Whether a plugin, by its id, is among those that serve.
    pub(crate) fn has(&self, plugin: u64) -> bool {
        self.plugins.iter().any(|active| active.plugin.id() == plugin)
    }
}

// === impl Active ===

impl Active {
    fn new(plugin: Arc<Plugin>, metrics: PluginMetrics, config: config::Plugin) -> Self {
        Self { plugin, metrics, config, loaded: Instant::now(), warned: AtomicU64::new(0) }
    }

    /// Whether to log a failure of the plugin: one a second, however many there are. Metrics count them all.
    pub(crate) fn may_warn(&self) -> bool {
        let second = self.loaded.elapsed().as_secs() + 1;
        self.warned.swap(second, Ordering::Relaxed) != second
    }
}
