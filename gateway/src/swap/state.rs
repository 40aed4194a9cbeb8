//! What serves, what served before, and what survives a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::candidate::Candidate;
use super::slot::Slot;
use super::store::Store;
use crate::config::Config;
use crate::serving::{Active, Source};

pub(crate) struct State {
    pub(super) config: Arc<Config>,
    pub(super) slots: BTreeMap<String, Slot>,
    pub(super) store: Store,
}

// === impl State ===

impl State {
    /// With nothing in it yet.
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self { store: Store::open(&config.data_dir), slots: BTreeMap::new(), config }
    }

    /// Those that serve, in the order of their names.
    pub(super) fn plugins(&self) -> Vec<Arc<Active>> {
        self.slots.values().map(|slot| Arc::clone(&slot.current)).collect()
    }

    /// Keeps the component of a file on disk: the file may be overwritten, and a rollback may return to the component.
    pub(super) fn keep(&self, candidate: &Candidate) {
        if candidate.source != Source::File {
            return;
        }
        if let Err(error) = self.store.keep(&candidate.component) {
            let plugin = &candidate.config.name;
            tracing::warn!(plugin, %error, "the component cannot be kept; a rollback to it would not survive a restart");
        }
    }

    /// Brings on disk what is to survive a restart.
    pub(super) fn keep_pins(&mut self) {
        let configured = self.config.all_plugins();
        let pin = |(name, slot): (&String, &Slot)| {
            let plugin = configured.iter().find(|plugin| plugin.name == *name)?;
            Some((name.clone(), slot.pin(plugin)?))
        };
        let pins = self.slots.iter().filter_map(pin).collect();
        let used: Vec<_> = self.slots.values().flat_map(Slot::digests).collect();
        if let Err(error) = self.store.set(pins, &used) {
            tracing::error!(%error, "what serves would not survive a restart: data_dir cannot be written to");
        }
    }

    /// Notes what a plugin's file was seen to hold.
    pub(super) fn looked_at(&mut self, name: &str, own: Option<String>) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.own = own;
        }
    }

    pub(super) fn forget_error(&mut self, name: &str) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.forget_error();
        }
    }
}
