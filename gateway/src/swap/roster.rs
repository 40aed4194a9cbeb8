//! What serves, what served before, and what survives a restart.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tallygate_plugin_host::Stage;

use super::Change;
use super::loader::Loader;
use super::slot::Slot;
use super::store::{Pin, Store};
use crate::config::Config;
use crate::serving::Active;

pub(crate) struct Roster {
    pub(super) config: Arc<Config>,
    pub(super) slots: BTreeMap<String, Slot>,
    pub(super) store: Store,
}

// === impl Roster ===

impl Roster {
    /// With nothing in it yet.
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self { store: Store::open(&config.data_dir), slots: BTreeMap::new(), config }
    }

    /// Those that serve, in the order of their names.
    pub(super) fn plugins(&self) -> Vec<Arc<Active>> {
        self.slots.values().map(|slot| Arc::clone(&slot.current)).collect()
    }

    /// Brings on disk what is to survive a restart.
    pub(super) fn keep_pins(&mut self) {
        let configured = self.config.all_plugins();
        let pin = |(name, slot): (&String, &Slot)| {
            let plugin = configured.iter().find(|plugin| plugin.name == *name)?;
            Some((name.clone(), slot.pin(plugin)?))
        };
        let pins = self.slots.iter().filter_map(pin).collect();
        if let Err(error) = self.store.set(pins) {
            tracing::error!(%error, "what serves would not survive a restart: data_dir cannot be written to");
        }
    }

    /// Pins what is uploaded before it serves, so that whoever is told that it serves can rely on it.
    pub(super) fn pin_upload(&mut self, change: &Change) -> io::Result<()> {
        let pin = Pin {
            component: change.plugin.digest().to_owned(),
            uploaded: true,
            instead_of: change.file_digest.clone(),
            settings: None,
            limits: None,
        };
        self.store.pin_first(change.plugin.name(), pin)
    }

    /// Lets the metrics say which generations serve.
    pub(super) fn tell_generations(&self) {
        self.slots.values().for_each(Slot::tell_generation);
    }

    /// Tries again to bring the pins on disk, if that failed. Nobody is told again.
    pub(super) fn keep_up(&mut self) {
        let _still_behind = self.store.keep_up();
    }

    /// Forgets the components that can come to serve no more, and what was compiled from them. Not while another is on its way.
    pub(super) fn forget_unused(&self, loader: &Loader) {
        let used: Vec<_> = self.slots.values().flat_map(Slot::digests).collect();
        self.store.forget_unused(&used);
        loader.keep_compiled(&used);
    }

    /// Whether what a change was compared with serves still. If not, the change is to be tried again.
    pub(super) fn is_base_of(&self, change: &Change) -> bool {
        change.base == self.slots.get(change.plugin.name()).map(|slot| slot.current.plugin.id())
    }

    /// Notes what a plugin's file was seen to hold.
    pub(super) fn looked_at(&mut self, name: &str, file_digest: Option<String>) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.file_digest = file_digest;
        }
    }

    /// Notes that what a plugin's file holds was refused at a stage, so that it does not come to serve by a restart either.
    /// `file_digest` is `None` if the file could not be read.
    pub(super) fn file_refused(&mut self, name: &str, file_digest: Option<String>, stage: Stage) {
        if let Some(slot) = self.slots.get_mut(name) {
            if file_digest.is_some() {
                slot.file_digest = file_digest;
            }
            slot.file_refused = stage != Stage::Publish;
        }
        self.keep_pins();
    }

    pub(super) fn forget_error(&mut self, name: &str) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.forget_error();
        }
    }
}
