//! From a candidate to a plugin that is ready to serve: all the stages that need nothing but the candidate itself.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tallygate_plugin_host::{Host, LoadRequest, Plugin, Stage};

use super::NotServed;
use super::candidate::Candidate;
use crate::compiler;
use crate::config::{self, Config};
use crate::metrics::Metrics;

/// Loads plugins, and tells of each stage.
pub(crate) struct Loader {
    host: Host,
    metrics: Arc<Metrics>,
}

/// A plugin of the configuration that cannot serve.
#[derive(Debug)]
pub(crate) struct LoadProblem {
    pub(crate) plugin: config::Plugin,
    pub(crate) refusal: NotServed,
}

// === impl Loader ===

impl Loader {
    /// One that keeps compiled plugins below `cache`, or nowhere.
    pub(crate) fn new(config: &Config, cache: Option<&Path>, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        Ok(Self { host: Host::new(cache, compiler::apart(&config.swap)?)?, metrics })
    }

    /// Takes as long as compiling takes.
    pub(crate) fn load(&self, candidate: &Candidate) -> Result<Arc<Plugin>, NotServed> {
        let config::Plugin { name, settings, limits, .. } = &candidate.config;
        let component =
            LoadRequest { name, component: &candidate.component, settings: settings.clone(), limits: *limits };
        let loaded = self.host.load(component, &mut |stage, took| self.passed(name, stage, took));
        loaded.map_err(|error| NotServed::new(error.stage, error.message))
    }

    /// Tells of a stage that a candidate has passed.
    pub(crate) fn passed(&self, name: &str, stage: Stage, took: Duration) {
        self.metrics.plugins.stage_passed(name, stage.name(), took);
        tracing::info!(plugin = name, stage = stage.name(), milliseconds = took.as_secs_f64() * 1e3, "stage passed");
    }

    /// Tells that a plugin serves from now on.
    pub(crate) fn published(&self, plugin: &Plugin, generation: u64) {
        self.metrics.plugins.loaded(plugin.name(), Stage::Publish.name(), "ok");
        tracing::info!(
            plugin = plugin.name(),
            generation,
            version = plugin.version(),
            wit = plugin.wit(),
            digest = plugin.digest(),
            "plugin serves"
        );
    }

    /// Forgets what was compiled, but for components with these digests.
    pub(crate) fn keep_compiled(&self, used: &[&str]) {
        self.host.keep_compiled(used);
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Loads every plugin that a configuration names, for nobody to serve. `tell` hears of each one before, as that may take
    /// minutes.
    pub(crate) fn check(&self, config: &Config, tell: impl Fn(&str)) -> Vec<LoadProblem> {
        let problem = |plugin: config::Plugin| {
            tell(&plugin.name);
            let loaded = Candidate::of_config(&plugin).and_then(|candidate| self.load(&candidate));
            loaded.err().map(|refusal| LoadProblem { plugin, refusal })
        };
        config.all_plugins().into_iter().filter_map(problem).collect()
    }
}

// === impl LoadProblem ===

impl fmt::Display for LoadProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "plugin {}: {}", self.plugin.name, self.refusal)
    }
}
