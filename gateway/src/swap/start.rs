//! What serves from the start.

use std::sync::Arc;

use tallygate_plugin_host::Plugin;

use super::candidate::Candidate;
use super::roster::Roster;
use super::slot::Slot;
use super::{LoadProblem, Loader, NotServed};
use crate::config::{self, Config};
use crate::serving::{Made, Provenance, Serving};

/// What serves a configuration from the start. There is nothing to compare plugins with yet.
pub(crate) fn first(
    loader: &Loader,
    config: Arc<Config>,
    workers: usize,
) -> Result<(Roster, Serving), Vec<LoadProblem>> {
    let mut roster = Roster::new(Arc::clone(&config));
    let mut problems = Vec::new();
    for plugin in config.all_plugins() {
        match load(loader, &plugin, &roster) {
            Ok((loaded, candidate)) => {
                candidate.keep(roster.store.shelf());
                loader.published(&loaded, 1);
                let Candidate { config, source, file_digest, .. } = candidate;
                let metrics = loader.metrics().plugin(&plugin.name);
                let made = Made { plugin: loaded, metrics, source, config };
                roster.slots.insert(plugin.name, Slot::new(made, file_digest, workers));
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
    roster.keep_pins();
    roster.tell_generations();
    let serving = Serving::new(config, roster.plugins(), None, workers);
    Ok((roster, serving))
}

/// What is to serve; if that cannot be loaded, what else there is: what the configuration names, or what was pinned before
/// the restart. A gateway that serves yesterday's plugin is better than none.
fn load(loader: &Loader, plugin: &config::Plugin, roster: &Roster) -> Result<(Arc<Plugin>, Candidate), NotServed> {
    let (pin, shelf) = (roster.store.pin(&plugin.name), roster.store.shelf());
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
                    let NotServed { stage, message, .. } = refusal;
                    let uploaded = candidate.source == Provenance::Upload;
                    let digest = std::mem::take(&mut candidate.digest);
                    let refusal = if uploaded {
                        NotServed::new(stage, format!("the uploaded component {digest}: {message}"))
                    } else {
                        NotServed::new(stage, message)
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
