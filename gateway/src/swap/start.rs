//! What serves from the start.

use std::sync::Arc;

use tallygate_plugin_host::Plugin;

use super::candidate::Candidate;
use super::slot::Slot;
use super::state::State;
use super::{LoadProblem, Loader, Refusal};
use crate::config::{self, Config};
use crate::serving::{Made, Serving, Source};

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
                candidate.keep(state.store.shelf());
                loader.published(&loaded, 1);
                let Candidate { config, source, file_digest, .. } = candidate;
                let metrics = loader.metrics().plugin(&plugin.name);
                let made = Made { plugin: loaded, metrics, source, config };
                state.slots.insert(plugin.name, Slot::new(made, file_digest, workers));
            }
            Err(refusal) => {
                loader.metrics().plugins.loaded(&plugin.name, refusal.stage.name(), "refused");
                problems.push(LoadProblem { plugin, refusal });
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    state.keep_pins();
    state.tell_generations();
    let serving = Serving::new(config, state.plugins(), None, workers);
    Ok((state, serving))
}

/// What is to serve; if that cannot be loaded, what else there is: what the configuration names, or what was pinned before
/// the restart. A gateway that serves yesterday's plugin is better than none.
fn load(loader: &Loader, plugin: &config::Plugin, state: &State) -> Result<(Arc<Plugin>, Candidate), Refusal> {
    let (pin, shelf) = (state.store.pin(&plugin.name), state.store.shelf());
    let (mut first, mut tried) = (None, Vec::new());
    let pinned = pin.and_then(|pin| Candidate::pinned(plugin, pin, shelf).ok());
    for candidate in [Some(Candidate::of(plugin, pin, shelf)), Some(Candidate::of_config(plugin)), pinned.map(Ok)] {
        let refusal = match candidate {
            Some(Ok(mut candidate)) if !tried.contains(&candidate.digest) => match loader.load(&candidate) {
                Ok(loaded) => {
                    if let Some(refusal) = first {
                        let (name, digest) = (&plugin.name, &candidate.digest);
                        tracing::error!(
                            plugin = name,
                            digest,
                            source = candidate.source.name(),
                            "{refusal}; this serves instead"
                        );
                    }
                    return Ok((loaded, candidate));
                }
                Err(refusal) => {
                    let Refusal { stage, message, .. } = refusal;
                    let uploaded = candidate.source == Source::Upload;
                    let digest = std::mem::take(&mut candidate.digest);
                    let refusal = if uploaded {
                        Refusal::new(stage, format!("the uploaded component {digest}: {message}"))
                    } else {
                        Refusal::new(stage, message)
                    };
                    tried.push(digest);
                    refusal
                }
            },
            Some(Err(refusal)) => refusal,
            _ => continue,
        };
        first.get_or_insert(refusal);
    }
    Err(first.expect("what is to serve was tried first"))
}
