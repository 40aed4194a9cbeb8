//! What may come to serve: the bytes of a component, with the settings it is to have and where it came from.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use tallygate_plugin_host::{Limits, MAX_COMPONENT, Plugin, Stage, digest};

use super::NotServed;
use super::store::{Pin, Shelf};
use crate::config;
use crate::serving::Provenance;
use crate::shipped;

pub(crate) struct Candidate {
    pub(crate) config: config::Plugin,
    pub(crate) component: Bytes,
    pub(crate) digest: String,
    pub(crate) source: Provenance,
    /// The digest of what the configuration's file holds; `None` if the configuration names no file.
    pub(crate) file_digest: Option<String>,
}

// === impl Candidate ===

impl Candidate {
    /// What is to serve for a plugin of the configuration: what is pinned for it, or what it names.
    pub(crate) fn of(config: &config::Plugin, pin: Option<&Pin>, shelf: &Shelf) -> Result<Self, NotServed> {
        let own = Self::of_config(config);
        let Some(pin) = pin else { return own };
        // A file that cannot be read is not newer than what was pinned.
        let holds = own.as_ref().map_or(true, |own| own.file_digest == pin.instead_of);
        if !holds {
            return own;
        }
        match Self::pinned(config, pin, shelf) {
            Ok(pinned) => {
                if let Err(refusal) = &own {
                    tracing::error!(plugin = config.name, "{}; what was pinned serves instead", refusal.message);
                }
                Ok(pinned)
            }
            Err(error) => {
                let digest = &pin.component;
                tracing::error!(plugin = config.name, digest, %error, "what was pinned cannot serve; upload it again");
                own
            }
        }
    }

    /// What is pinned, whatever the configuration names.
    pub(crate) fn pinned(config: &config::Plugin, pin: &Pin, shelf: &Shelf) -> io::Result<Self> {
        let component = shelf.component(&pin.component)?;
        let mut config = config.clone();
        if let Some(settings) = pin.settings.as_ref().filter(|pin| pin.instead_of == config.settings) {
            config.settings.clone_from(&settings.serve);
        }
        if let Some(limits) = pin.limits.as_ref().filter(|pin| Limits::from(pin.instead_of) == config.limits) {
            config.limits = limits.serve.into();
        }
        let source = match (pin.uploaded, &config.path) {
            (true, _) => Provenance::Upload,
            (false, Some(_)) => Provenance::File,
            (false, None) => Provenance::Shipped,
        };
        Ok(Self::new(config, Bytes::from(component), source, pin.instead_of.clone()))
    }

    /// What the configuration names itself.
    pub(crate) fn of_config(config: &config::Plugin) -> Result<Self, NotServed> {
        let config = config.clone();
        match &config.path {
            Some(path) => {
                let component = read(path)
                    .map_err(|error| NotServed::new(Stage::Read, format!("cannot read {}: {error}", path.display())))?;
                let file_digest = Some(digest(&component));
                Ok(Self::new(config, Bytes::from(component), Provenance::File, file_digest))
            }
            None => {
                let component = shipped::component(&config.name)
                    .ok_or_else(|| NotServed::new(Stage::Read, "no plugin of this name is shipped"))?;
                Ok(Self::new(config, Bytes::from_static(component), Provenance::Shipped, None))
            }
        }
    }

    /// What the administrator uploaded.
    pub(crate) fn uploaded(config: config::Plugin, component: Bytes, file_digest: Option<String>) -> Self {
        Self::new(config, component, Provenance::Upload, file_digest)
    }

    /// Keeps the component of a file: the file may be overwritten, and a rollback may return to the component.
    pub(crate) fn keep(&self, shelf: &Shelf) {
        if self.source != Provenance::File {
            return;
        }
        if let Err(error) = shelf.keep(&self.component) {
            let plugin = &self.config.name;
            tracing::warn!(plugin, %error, "the component cannot be kept; a rollback to it would not survive a restart");
        }
    }

    fn new(config: config::Plugin, component: Bytes, source: Provenance, file_digest: Option<String>) -> Self {
        Self { digest: digest(&component), config, component, source, file_digest }
    }

    /// Whether this is what the configuration's file holds itself.
    pub(crate) fn is_of_file(&self) -> bool {
        self.file_digest.as_deref() == Some(&self.digest)
    }

    /// Whether a plugin is just this, and under the same limits.
    pub(crate) fn is(&self, plugin: &Plugin, config: &config::Plugin) -> bool {
        plugin.digest() == self.digest && config.settings == self.config.settings && config.limits == self.config.limits
    }
}

/// The bytes of a regular file of bearable size.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe waits for somebody who writes.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_COMPONENT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_COMPONENT {
        return Err(io::Error::other(format!("it has more than the {MAX_COMPONENT} bytes that are allowed")));
    }
    Ok(bytes)
}
