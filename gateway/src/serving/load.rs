//! From a configuration to a snapshot: reads, compiles and tries every plugin that changed, keeps those that did not.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tallygate_plugin_host::{Candidate, Host, LoadError, MAX_COMPONENT, Stage, digest};

use super::{Active, Serving};
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::shipped;

/// Makes snapshots.
pub(crate) struct Loader {
    host: Host,
    metrics: Arc<Metrics>,
}

/// A plugin of the configuration that cannot serve.
#[derive(Debug)]
pub(crate) struct LoadProblem {
    pub(crate) plugin: config::Plugin,
    pub(crate) error: LoadError,
}

// === impl Loader ===

impl Loader {
    pub(crate) fn new(host: Host, metrics: Arc<Metrics>) -> Self {
        Self { host, metrics }
    }

    /// The snapshot of a configuration. Plugins of `current` whose configuration and file are unchanged go over as they
    /// are, counters, health and warm instances included. Takes as long as compiling takes.
    pub(crate) fn load(&self, config: &Config, current: Option<&Serving>) -> Result<Serving, Vec<LoadProblem>> {
        let (mut plugins, mut problems) = (Vec::new(), Vec::new());
        for plugin in config.all_plugins() {
            let serving =
                current.and_then(|current| current.plugins.iter().find(|active| active.config.name == plugin.name));
            match self.plugin(&plugin, serving) {
                Ok(active) => plugins.push(active),
                Err(error) => {
                    self.metrics.plugin_loaded(&plugin.name, error.stage.name(), "refused");
                    problems.push(LoadProblem { plugin, error });
                }
            }
        }
        if problems.is_empty() { Ok(Serving::new(config, plugins)) } else { Err(problems) }
    }

    /// Tells of the plugins that serve from now on and did not serve before.
    pub(crate) fn published(&self, now: &Serving, before: Option<&Serving>) {
        let served = |active: &Active| before.is_some_and(|before| before.has(active.plugin.id()));
        for active in now.plugins.iter().filter(|active| !served(active)) {
            let plugin = &active.plugin;
            active.metrics.generation.inc();
            self.metrics.plugin_loaded(plugin.name(), Stage::Publish.name(), "ok");
            tracing::info!(
                plugin = plugin.name(),
                version = plugin.version(),
                wit = plugin.wit(),
                digest = plugin.digest(),
                "plugin serves"
            );
        }
    }

    fn plugin(&self, config: &config::Plugin, serving: Option<&Arc<Active>>) -> Result<Arc<Active>, LoadError> {
        let component = component(config)?;
        if let Some(serving) = serving
            && serving.plugin.digest() == digest(&component)
            && serving.config.settings == config.settings
            && serving.config.limits == config.limits
        {
            return Ok(Arc::clone(serving));
        }
        let candidate = Candidate {
            name: &config.name,
            component: &component,
            settings: config.settings.clone(),
            limits: config.limits,
        };
        let plugin = self.host.load(candidate, &mut |_, _| {})?;
        let metrics = self.metrics.plugin(&config.name);
        Ok(Arc::new(Active::new(plugin, metrics, config.clone())))
    }
}

fn component(config: &config::Plugin) -> Result<Cow<'static, [u8]>, LoadError> {
    match &config.path {
        Some(path) => read(path)
            .map(Cow::Owned)
            .map_err(|error| LoadError::new(Stage::Read, format!("cannot read {}: {error}", path.display()))),
        None => shipped::component(&config.name)
            .map(Cow::Borrowed)
            .ok_or_else(|| LoadError::new(Stage::Read, "no plugin of this name is shipped")),
    }
}

/// The bytes of a regular file of bearable size.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if about.len() > MAX_COMPONENT as u64 {
        return Err(io::Error::other(format!("it has {} bytes, at most {MAX_COMPONENT} are allowed", about.len())));
    }
    std::fs::read(path)
}

// === impl LoadProblem ===

impl fmt::Display for LoadProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "plugin {}: {}", self.plugin.name, self.error)
    }
}
