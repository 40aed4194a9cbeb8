//! What may come to serve: the bytes of a component, with the settings it is to have and where it came from.

use std::io;
use std::path::Path;

use bytes::Bytes;
use tallygate_plugin_host::{MAX_COMPONENT, Plugin, Stage, digest};

use super::Refusal;
use super::store::{Pin, Shelf};
use crate::config;
use crate::serving::Source;
use crate::shipped;

pub(crate) struct Candidate {
    pub(crate) config: config::Plugin,
    pub(crate) component: Bytes,
    pub(crate) digest: String,
    pub(crate) source: Source,
    /// The digest of what the configuration's file holds; `None` if the configuration names no file.
    pub(crate) own: Option<String>,
}

// === impl Candidate ===

impl Candidate {
    /// What is to serve for a plugin of the configuration: what is pinned for it, or what it names.
    pub(crate) fn of(config: &config::Plugin, pin: Option<&Pin>, shelf: &Shelf) -> Result<Self, Refusal> {
        let own = Self::of_config(config);
        let Some(pin) = pin else { return own };
        // A file that cannot be read is not newer than what was pinned.
        let holds = own.as_ref().map_or(true, |own| own.own == pin.instead_of);
        if !holds {
            return own;
        }
        match shelf.component(&pin.component) {
            Ok(component) => {
                if let Err(refusal) = &own {
                    tracing::error!(plugin = config.name, "{}; what was pinned serves instead", refusal.message);
                }
                let mut config = config.clone();
                if let Some(settings) = pin.settings.as_ref().filter(|pin| pin.instead_of == config.settings) {
                    config.settings.clone_from(&settings.serve);
                }
                let source = match (pin.uploaded, &config.path) {
                    (true, _) => Source::Upload,
                    (false, Some(_)) => Source::File,
                    (false, None) => Source::Shipped,
                };
                Ok(Self::new(config, Bytes::from(component), source, pin.instead_of.clone()))
            }
            Err(error) => {
                tracing::error!(plugin = config.name, digest = pin.component, %error, "the pinned component is gone");
                own
            }
        }
    }

    /// What is pinned, for a start at which what the configuration names cannot serve.
    pub(crate) fn fallback(config: &config::Plugin, pin: Option<&Pin>, shelf: &Shelf) -> Option<Self> {
        let component = shelf.component(&pin?.component).ok()?;
        let own = Self::of_config(config).ok().and_then(|candidate| candidate.own);
        Some(Self::new(config.clone(), Bytes::from(component), Source::Upload, own))
    }

    /// What the configuration names itself.
    pub(crate) fn of_config(config: &config::Plugin) -> Result<Self, Refusal> {
        let config = config.clone();
        match &config.path {
            Some(path) => {
                let component = read(path)
                    .map_err(|error| Refusal::new(Stage::Read, format!("cannot read {}: {error}", path.display())))?;
                let own = Some(digest(&component));
                Ok(Self::new(config, Bytes::from(component), Source::File, own))
            }
            None => {
                let component = shipped::component(&config.name)
                    .ok_or_else(|| Refusal::new(Stage::Read, "no plugin of this name is shipped"))?;
                Ok(Self::new(config, Bytes::from_static(component), Source::Shipped, None))
            }
        }
    }

    /// What the administrator uploaded.
    pub(crate) fn uploaded(config: config::Plugin, component: Bytes, own: Option<String>) -> Self {
        Self::new(config, component, Source::Upload, own)
    }

    /// Keeps the component of a file: the file may be overwritten, and a rollback may return to the component.
    pub(crate) fn keep(&self, shelf: &Shelf) {
        if self.source != Source::File {
            return;
        }
        if let Err(error) = shelf.keep(&self.component) {
            let plugin = &self.config.name;
            tracing::warn!(plugin, %error, "the component cannot be kept; a rollback to it would not survive a restart");
        }
    }

    fn new(config: config::Plugin, component: Bytes, source: Source, own: Option<String>) -> Self {
        Self { digest: digest(&component), config, component, source, own }
    }

    /// Whether a plugin is just this, and under the same limits.
    pub(crate) fn is(&self, plugin: &Plugin, config: &config::Plugin) -> bool {
        plugin.digest() == self.digest && config.settings == self.config.settings && config.limits == self.config.limits
    }
}

/// The bytes of a regular file of bearable size.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let before = std::fs::metadata(path)?;
    if !before.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if before.len() > MAX_COMPONENT as u64 {
        return Err(io::Error::other(format!("it has {} bytes, at most {MAX_COMPONENT} are allowed", before.len())));
    }
    std::fs::read(path)
}
