//! What serves right now: plugins and routes, as one snapshot that is swapped whole.

mod counts;
mod routes;
mod samples;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tallygate_plugin_host::Plugin;

use crate::config::{self, Config};
use crate::metrics::PluginMetrics;

pub(crate) use counts::{Counts, Total};
pub(crate) use routes::{NoRoute, Route, Routes};
pub(crate) use samples::{Capture, CoarseInstant};

/// A snapshot. Requests take it once and keep it to their end.
pub(crate) struct Serving {
    pub(crate) routes: Routes,
    pub(crate) plugins: Vec<Arc<Active>>,
    pub(crate) config: Arc<Config>,
}

/// A generation of a plugin, in its place.
pub(crate) struct Active {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) metrics: PluginMetrics,
    pub(crate) generation: u64,
    pub(crate) source: Provenance,
    /// The settings and limits it was made with, and where they stand.
    pub(crate) config: config::Plugin,
    pub(crate) counts: Counts,
    /// Failures seen, those of finding out included.
    pub(crate) failures: AtomicU64,
    /// Who judges what this one fails at, while it is on probation.
    stand_in: Mutex<Option<Arc<Plugin>>>,
    loaded: Instant,
    /// The second of its life in which it was last warned about, plus one.
    warned: AtomicU64,
}

/// Where a component came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Provenance {
    /// The file that the configuration names.
    File,
    /// The administrator, over HTTP.
    Upload,
    /// The binary.
    Shipped,
}

/// What a generation is made of.
pub(crate) struct Made {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) metrics: PluginMetrics,
    pub(crate) source: Provenance,
    pub(crate) config: config::Plugin,
}

// === impl Serving ===

impl Serving {
    /// The snapshot of a configuration with these plugins. Samples of routes that stay go over from the one before.
    pub(crate) fn new(config: Arc<Config>, plugins: Vec<Arc<Active>>, before: Option<&Self>, workers: usize) -> Self {
        let routes = Routes::new(&config, &plugins, before.map(|before| &before.routes), workers);
        Self { routes, plugins, config }
    }

    /// Whether a plugin, by its id, is among those that serve.
    pub(crate) fn has(&self, plugin: u64) -> bool {
        self.plugins.iter().any(|active| active.plugin.id() == plugin)
    }
}

// === impl Active ===

impl Active {
    pub(crate) fn new(made: Made, generation: u64, workers: usize) -> Self {
        let Made { plugin, metrics, source, config } = made;
        Self {
            plugin,
            metrics,
            generation,
            source,
            config,
            counts: Counts::new(workers),
            failures: AtomicU64::default(),
            stand_in: Mutex::default(),
            loaded: Instant::now(),
            warned: AtomicU64::new(0),
        }
    }

    /// Whether to log a failure of the plugin: one a second, however many there are. Metrics count them all.
    pub(crate) fn may_warn(&self) -> bool {
        let second = self.loaded.elapsed().as_secs() + 1;
        self.warned.swap(second, Ordering::Relaxed) != second
    }

    /// Who judges what this one fails at. Asked only when it failed.
    pub(crate) fn stand_in(&self) -> Option<Arc<Plugin>> {
        self.stand_in.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names who stands in from now on, or nobody.
    pub(crate) fn set_stand_in(&self, plugin: Option<Arc<Plugin>>) {
        *self.stand_in.lock().unwrap_or_else(PoisonError::into_inner) = plugin;
    }
}

// === impl Provenance ===

impl Provenance {
    /// As the administrator's view and the log say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Upload => "upload",
            Self::Shipped => "shipped",
        }
    }
}
