//! A plugin changes while the gateway serves, and nothing that could go wrong with it does harm.

mod administration;
mod probation;
mod restarts;
mod shadow;
mod stages;
mod triggers;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{ADMIN, Gateway, JSON, Reply, Request};

/// A gateway with a plugin `mine` that is read from a file, and records at `/mine` for it.
pub(crate) struct WithPlugin {
    pub(crate) gateway: Gateway,
    pub(crate) file: PathBuf,
    _folder: TempDir,
}

// === impl WithPlugin ===

impl WithPlugin {
    /// With the JSON plugin in the file.
    pub(crate) fn json() -> Self {
        Self::new(JSON, "")
    }

    /// With a component in the file, and more configuration at its end.
    pub(crate) fn new(component: &[u8], more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("mine.wasm");
        fs::write(&file, component).expect("writable");
        Self { gateway: Gateway::with_config(&config(&file, more)), file, _folder: folder }
    }

    /// Puts a new file in the place of the old one.
    pub(crate) fn replace(&self, component: impl AsRef<[u8]>) {
        let new = self.file.with_extension("new");
        fs::write(&new, component).expect("writable");
        fs::rename(&new, &self.file).expect("in the same folder");
    }

    /// Posts records to the plugin.
    pub(crate) fn post(&self, body: impl AsRef<[u8]>) -> Reply {
        self.gateway.send(&Request::post("/mine").header("Content-Type", "text/plain").body(body))
    }
}

/// A configuration with administration, and a plugin `mine` from this file at `/mine`.
pub(crate) fn config(file: &Path, more: &str) -> String {
    format!(
        "{ADMIN}[[routes]]\npath = \"/mine\"\nplugins = [\"mine\"]\n[plugins.mine]\npath = \"{}\"\n{more}",
        file.display()
    )
}
