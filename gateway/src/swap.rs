//! Everything that changes what serves, and the only thing that does: loads, tries, publishes, watches, rolls back.
//!
//! Loading a plugin takes as long as compiling and replaying take; loads wait for each other and for nobody else. What is
//! published is decided under a lock that is held for a moment, so a rollback never waits for a load.

mod candidate;
mod guard;
mod loader;
mod metrics;
mod outcome;
mod probation;
mod roster;
mod shadow;
mod slot;
mod start;
mod store;
mod threads;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tallygate_plugin_host::{Plugin, Stage};

use crate::common::Common;
use crate::config::{self, Config};
use crate::reload;
use crate::serving::{Active, CoarseInstant, Made, Provenance, Route, Serving};
use candidate::Candidate;
use roster::Roster;
use shadow::Recent;
use slot::{Slot, Terms};
use store::Shelf;

pub(crate) use loader::{LoadProblem, Loader};
pub(crate) use metrics::{PluginSwaps, SwapMetrics};
pub(crate) use outcome::{Denied, Deployed, NotServed, RolledBack, Wish};
pub(crate) use shadow::{Answer, Report};
pub(crate) use slot::View;
pub(crate) use start::first;
pub(crate) use threads::{Hint, Signature, Threads};

/// Changes what serves.
pub(crate) struct Swap {
    common: Arc<Common>,
    loader: Loader,
    source: reload::ConfigSource,
    workers: usize,
    /// Held through a load, so that there is one at a time.
    turn: Mutex<()>,
    /// Held for a moment, to look at what serves and to change it; at a change, for as long as writing the pins takes.
    roster: Mutex<Roster>,
}

/// A plugin that passed all stages, on its way to serve.
struct Change {
    plugin: Arc<Plugin>,
    config: config::Plugin,
    source: Provenance,
    /// See [`Slot::file_digest`].
    file_digest: Option<String>,
    forced: bool,
    /// The plugin that it was compared with, by its id.
    base: Option<u64>,
}

// === impl Swap ===

impl Swap {
    pub(crate) fn new(common: Arc<Common>, loader: Loader, source: reload::ConfigSource, roster: Roster) -> Self {
        let workers = common.workers;
        // The data directory is this process' own by now, and nothing is on its way yet.
        roster.forget_unused(&loader);
        Self { common, loader, source, workers, turn: Mutex::default(), roster: Mutex::new(roster) }
    }

    /// Reads the configuration again and lets it serve, with every plugin that it changes. If anything in it cannot, all of
    /// what serves stays.
    ///
    /// # Errors
    /// All that is wrong, for people.
    pub(crate) fn reload(&self, wish: Wish) -> Result<(), String> {
        let _turn = lock(&self.turn);
        let result = self.source.load().map_err(|problems| problems.to_string()).and_then(|config| {
            let config = Arc::new(config);
            self.source.warn(&config);
            self.reload_plugins(&config, wish)?;
            Ok(config)
        });
        match result {
            Ok(config) => {
                self.common.in_flight.set_limit(config.ingest.max_in_flight);
                tracing::info!("configuration reloaded");
                self.common.metrics.reloads.ended("ok");
                Ok(())
            }
            Err(problems) => {
                tracing::error!("the old configuration stays: {problems}");
                self.common.metrics.reloads.ended("refused");
                Err(problems)
            }
        }
    }

    fn reload_plugins(&self, config: &Arc<Config>, wish: Wish) -> Result<(), String> {
        loop {
            let (mut changes, mut problems) = (Vec::new(), Vec::new());
            for plugin in config.all_plugins() {
                match self.change(&plugin, (config.swap.max_difference, wish)) {
                    Ok(change) => changes.extend(change),
                    Err(refusal) => problems.push(format!("plugin {}: {refusal}", plugin.name)),
                }
            }
            if !problems.is_empty() {
                return Err(problems.join("\n"));
            }
            let mut roster = self.roster();
            if changes.iter().all(|change| roster.is_base_of(change)) {
                let before = Arc::clone(&roster.config);
                self.publish(&mut roster, Arc::clone(config), changes);
                reload::warn_of_what_needs_a_restart(&before, config);
                return Ok(());
            }
        }
    }

    /// Looks at the file of a plugin again, and lets it serve if it holds something else than when it was last looked at.
    pub(crate) fn refresh(&self, name: &str) {
        let _turn = lock(&self.turn);
        let mut first = true;
        loop {
            let Some((plugin, current)) = self.named(name) else { return };
            let candidate = Candidate::of_config(&plugin);
            if first && candidate.as_ref().is_ok_and(|candidate| self.is_known(name, candidate)) {
                return;
            }
            first = false;
            let file_digest = candidate.as_ref().ok().and_then(|candidate| candidate.file_digest.clone());
            let change = candidate.and_then(|candidate| {
                self.held(name, &candidate)?;
                self.try_out(candidate, Some(&current), (self.max_difference(), Wish::default()))
            });
            match change {
                Ok((change, _)) => {
                    let mut roster = self.roster();
                    if roster.is_base_of(&change) {
                        let config = Arc::clone(&roster.config);
                        self.publish(&mut roster, config, vec![change]);
                        return;
                    }
                }
                Err(refusal) => {
                    self.roster().file_refused(name, file_digest, refusal.stage);
                    self.refused(name, &refusal);
                    return;
                }
            }
        }
    }

    /// Lets a component serve that the administrator uploaded.
    pub(crate) fn deploy(&self, name: &str, component: &Bytes, wish: Wish) -> Result<Deployed, Denied> {
        let _turn = lock(&self.turn);
        loop {
            let (plugin, current) = self.named(name).ok_or_else(|| self.no_such_plugin(name))?;
            let file_digest = self.roster().slots.get(name).and_then(|slot| slot.file_digest.clone());
            let candidate = Candidate::uploaded(plugin, component.clone(), file_digest);
            let bound = self.max_difference();
            let mut deployed = Deployed::new(&current, bound);
            deployed.digest.clone_from(&candidate.digest);
            if candidate.is(&current.plugin, &current.config) {
                if !wish.dry_run {
                    self.roster().forget_error(name);
                }
                return Ok(Deployed { unchanged: true, ..deployed });
            }
            let denied = |refusal: NotServed| {
                if !wish.dry_run {
                    self.refused(name, &refusal);
                }
                Denied::Refused(Box::new(refusal))
            };
            if !wish.force {
                self.held(name, &candidate).map_err(denied)?;
            }
            let (change, report) = self.try_out(candidate, Some(&current), (bound, wish)).map_err(denied)?;
            deployed.report = report;
            if wish.dry_run {
                return Ok(deployed);
            }
            self.shelf().keep(component).map_err(Denied::NotStored)?;
            let mut roster = self.roster();
            // Pinned only once nothing can keep it from serving: what is refused after all must not serve after a restart.
            if !roster.is_base_of(&change) {
                continue;
            }
            roster.pin_upload(&change).map_err(Denied::NotStored)?;
            let config = Arc::clone(&roster.config);
            self.publish(&mut roster, config, vec![change]);
            let generation = roster.slots.get(name).map_or(0, |slot| slot.current.generation);
            return Ok(Deployed { generation, published: true, ..deployed });
        }
    }

    /// Returns to the generation before the one that serves.
    pub(crate) fn roll_back(&self, name: &str) -> Result<RolledBack, Denied> {
        let mut roster = self.roster();
        let probation = roster.config.swap.probation;
        let Some(slot) = roster.slots.get_mut(name) else {
            drop(roster);
            return Err(self.no_such_plugin(name));
        };
        let from = slot.return_to_previous(probation).ok_or_else(|| Denied::NoPrevious(name.to_owned()))?;
        let (to, digest) = (slot.current.generation, slot.current.plugin.digest().to_owned());
        let done = RolledBack { from: from.generation, to, digest };
        tracing::warn!(plugin = name, from = done.from, to = done.to, "rolled back by hand");
        self.serve(&mut roster);
        roster.tell_generations();
        from.metrics.swaps.rollbacks.inc();
        Ok(done)
    }

    /// Whether there is a plugin of this name.
    pub(crate) fn serves(&self, name: &str) -> Result<(), Denied> {
        let serving = self.common.serving.load();
        let serves = serving.plugins.iter().any(|active| active.plugin.name() == name);
        if serves { Ok(()) } else { Err(self.no_such_plugin(name)) }
    }

    /// What the administrator sees.
    pub(crate) fn view(&self) -> Vec<View> {
        self.roster().slots.values().map(Slot::view).collect()
    }

    /// The files that plugins are read from, with the names of the plugins.
    pub(crate) fn files(&self) -> Vec<(String, std::path::PathBuf)> {
        let plugins = self.roster().config.all_plugins();
        plugins.into_iter().filter_map(|plugin| Some((plugin.name, plugin.path?))).collect()
    }

    /// How often files are to be looked at.
    pub(crate) fn poll(&self) -> Duration {
        self.roster().config.swap.poll
    }

    /// What a plugin of the configuration changes; nothing if it serves already just so.
    fn change(&self, plugin: &config::Plugin, (bound, wish): (f64, Wish)) -> Result<Option<Change>, NotServed> {
        let (pin, current) = {
            let roster = self.roster();
            let slot = roster.slots.get(&plugin.name);
            let pin = roster.store.pin(&plugin.name).filter(|_| !slot.is_some_and(|slot| slot.file_refused));
            (pin.cloned(), slot.map(|slot| Arc::clone(&slot.current)))
        };
        let candidate = Candidate::of(plugin, pin.as_ref(), &self.shelf());
        let serves = |digest: &str| current.as_ref().is_some_and(|current| current.plugin.digest() == digest);
        let new_file = candidate.as_ref().ok().filter(|candidate| candidate.is_of_file() && !serves(&candidate.digest));
        let new_file = new_file.map(|candidate| candidate.digest.clone());
        let tried = candidate.and_then(|candidate| match &current {
            Some(current) if candidate.is(&current.plugin, &current.config) => {
                self.roster().looked_at(&plugin.name, candidate.file_digest);
                Ok(None)
            }
            Some(_) if !wish.force && self.held(&plugin.name, &candidate).is_err() => {
                tracing::warn!(plugin = plugin.name, "was rolled back a short while ago; what serves stays");
                self.roster().looked_at(&plugin.name, candidate.file_digest);
                Ok(None)
            }
            _ => self.try_out(candidate, current.as_ref(), (bound, wish)).map(|(change, _)| Some(change)),
        });
        tried.inspect_err(|refusal| {
            if let Some(digest) = new_file {
                self.roster().file_refused(&plugin.name, Some(digest), refusal.stage);
            }
            self.refused(&plugin.name, refusal);
        })
    }

    /// Takes a candidate through all stages up to the replay, which may differ in a share of `bound`.
    fn try_out(
        &self,
        candidate: Candidate,
        current: Option<&Arc<Active>>,
        (bound, wish): (f64, Wish),
    ) -> Result<(Change, Report), NotServed> {
        let plugin = self.loader.load(&candidate)?;
        let mut report = Report::default();
        if let Some(current) = current {
            let start = std::time::Instant::now();
            let recent = self.recent(plugin.name(), CoarseInstant::NEVER);
            report = shadow::compare(&current.plugin.shadow(), &plugin.shadow(), &recent, bound);
            self.common.metrics.plugins.replayed(plugin.name(), report.replayed() as u64, report.different() as u64);
            if let Err(message) = report.within()
                && !wish.force
                && !wish.dry_run
            {
                return Err(NotServed { stage: Stage::Shadow, message, report: Some(Box::new(report)) });
            }
            self.loader.passed(plugin.name(), Stage::Shadow, start.elapsed());
        }
        if !wish.dry_run {
            candidate.keep(&self.shelf());
        }
        let Candidate { config, source, file_digest, .. } = candidate;
        let base = current.map(|current| current.plugin.id());
        Ok((Change { plugin, config, source, file_digest, forced: wish.force, base }, report))
    }

    /// Lets a configuration serve, with what changes in it; each change was compared with what serves now.
    fn publish(&self, roster: &mut Roster, config: Arc<Config>, changes: Vec<Change>) {
        let names: Vec<_> = config.all_plugins().into_iter().map(|plugin| plugin.name).collect();
        for gone in roster.slots.keys().filter(|name| !names.contains(name)) {
            self.common.metrics.plugins.gone(gone);
        }
        roster.slots.retain(|name, _| names.contains(name));
        let terms = Terms { probation: config.swap.probation, workers: self.workers };
        roster.config = Arc::clone(&config);
        let mut published = Vec::new();
        for change in changes {
            let (name, plugin) = (change.plugin.name().to_owned(), Arc::clone(&change.plugin));
            if let Some(slot) = roster.slots.get_mut(&name) {
                slot.advance(change, &self.common.metrics, terms);
            } else {
                let Change { config, source, file_digest, .. } = change;
                let metrics = self.common.metrics.plugin(&name);
                let made = Made { plugin: Arc::clone(&plugin), metrics, source, config };
                roster.slots.insert(name.clone(), Slot::new(made, file_digest, self.workers));
            }
            published.push((plugin, roster.slots.get(&name).map_or(0, |slot| slot.current.generation)));
        }
        self.serve(roster);
        roster.forget_unused(&self.loader);
        published.iter().for_each(|(plugin, generation)| self.loader.published(plugin, *generation));
        roster.tell_generations();
    }

    /// Stores the snapshot of a roster, for all to see. [`Roster::tell_generations`] is to follow last: whoever sees these metrics
    /// change must find all of it done.
    fn serve(&self, roster: &mut Roster) {
        let before = self.common.serving.load();
        let serving = Serving::new(Arc::clone(&roster.config), roster.plugins(), Some(&before), self.workers);
        self.common.serving.store(Arc::new(serving));
        self.common.changed.send_replace(());
        roster.keep_pins();
    }

    /// What came in lately on the routes of a plugin.
    fn recent(&self, plugin: &str, since: CoarseInstant) -> Vec<Recent> {
        let serving = self.common.serving.load();
        let of_route = |route: &Route| Recent {
            route: route.name(),
            requires_client: route.requires_client,
            captures: route.samples.since(since),
        };
        serving.routes.of(plugin).map(of_route).filter(|recent| !recent.captures.is_empty()).collect()
    }

    /// Notes and tells that a candidate does not serve.
    pub(crate) fn refused(&self, name: &str, refusal: &NotServed) {
        tracing::error!(plugin = name, stage = refusal.stage.name(), "{}; what served serves on", refusal.message);
        if let Some(slot) = self.roster().slots.get_mut(name) {
            slot.refused(refusal.stage.name(), refusal);
        }
        self.common.metrics.plugins.loaded(name, refusal.stage.name(), "refused");
    }

    /// Whether there is no need to try what a plugin's file holds: it has been tried, or must not be tried yet.
    fn is_known(&self, name: &str, candidate: &Candidate) -> bool {
        let mut roster = self.roster();
        let Some(slot) = roster.slots.get_mut(name) else { return true };
        let serves = candidate.is(&slot.current.plugin, &slot.current.config);
        let same = slot.file_digest == candidate.file_digest;
        // What is still to be tried is noted when that is decided: a pin that is written meanwhile must not say that
        // the gateway has seen this file and serves another component instead.
        if serves && !same {
            (slot.file_digest, slot.file_refused) = (candidate.file_digest.clone(), false);
        }
        if slot.could_not_be_read() || (serves && !same) {
            slot.forget_error();
        }
        same || serves
    }

    fn held(&self, name: &str, candidate: &Candidate) -> Result<(), NotServed> {
        let left = self.roster().slots.get(name).and_then(|slot| slot.held(&candidate.digest, &candidate.config));
        left.map_or(Ok(()), |left| {
            let message = format!(
                "this component was rolled back; it is not tried again for {} s, unless that is forced",
                left.as_secs().max(1)
            );
            Err(NotServed::new(Stage::Publish, message))
        })
    }

    /// A plugin as the configuration has it, and what serves for it.
    fn named(&self, name: &str) -> Option<(config::Plugin, Arc<Active>)> {
        let roster = self.roster();
        let configured = roster.config.all_plugins().into_iter().find(|plugin| plugin.name == name)?;
        Some((configured, Arc::clone(&roster.slots.get(name)?.current)))
    }

    fn max_difference(&self) -> f64 {
        self.common.serving.load().config.swap.max_difference
    }

    fn no_such_plugin(&self, name: &str) -> Denied {
        let serving: Vec<_> = self.roster().slots.keys().cloned().collect();
        Denied::NoSuchPlugin { name: name.to_owned(), serving: serving.join(", ") }
    }

    fn shelf(&self) -> Shelf {
        self.roster().store.shelf().clone()
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roster)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
