//! What serves from the start.

use std::sync::Arc;

use tallygate_plugin_host::Plugin;

use super::candidate::Candidate;
use super::slot::Slot;
use super::state::State;
use super::{LoadProblem, Loader, Refusal};
use crate::config::{self, Config};
use crate::serving::{Made, Serving};

/// What serves a configuration from the start. There is nothing to compare plugins with yet.
pub(crate) fn first(
    loader: &Loader,
    config: Arc<Config>,
    workers: usize,
) -> Result<(State, Serving), Vec<LoadProblem>> {
    let mut state = State::new(Arc::clone(&config));
    let mut problems = Vec::new();
    for plugin in config.all_plugins() {
        match load(loader, &plugin, &state) {
            Ok((loaded, candidate)) => {
                state.keep(&candidate);
                loader.published(&loaded, 1);
                let Candidate { config, source, own, .. } = candidate;
                let metrics = loader.metrics().plugin(&plugin.name);
                let made = Made { plugin: loaded, metrics, source, config };
                state.slots.insert(plugin.name, Slot::new(made, own, workers));
            }
            Err(refusal) => {
                loader.metrics().plugin_loaded(&plugin.name, refusal.stage.name(), "refused");
                problems.push(LoadProblem { plugin, refusal });
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    state.keep_pins();
    let serving = Serving::new(config, state.plugins(), None, workers);
    Ok((state, serving))
}

/// What the configuration brings, or, if that cannot serve, what did before the restart.
fn load(loader: &Loader, plugin: &config::Plugin, state: &State) -> Result<(Arc<Plugin>, Candidate), Refusal> {
    let candidate = Candidate::of(plugin, &state.store);
    let refusal = match candidate.and_then(|candidate| Ok((loader.load(&candidate)?, candidate))) {
        Ok(loaded) => return Ok(loaded),
        Err(refusal) => refusal,
    };
    let candidate = Candidate::fallback(plugin, &state.store, refusal)?;
    Ok((loader.load(&candidate)?, candidate))
}
