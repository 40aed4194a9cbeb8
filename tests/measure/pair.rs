//! A gateway with a plugin that is one of two, by turns.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{ADMIN, Gateway, JSON, Request, variant};

/// The plugin is called `mine`, judges what is posted to `/mine`, and is read from a file.
pub(super) struct Pair {
    pub(super) gateway: Gateway,
    folder: TempDir,
    good: [Vec<u8>; 2],
    serving: usize,
    settings: u32,
    pub(super) generation: u64,
}

// === impl Pair ===

impl Pair {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let good = [JSON.to_vec(), variant(JSON, 1)];
        fs::write(file(&folder), &good[0]).expect("the folder is writable");
        let gateway = Gateway::with_config(&config(&file(&folder), 0));
        Self { gateway, folder, good, serving: 0, settings: 0, generation: 1 }
    }

    /// Puts the other plugin in place by uploading it.
    pub(super) fn upload(&mut self) {
        self.serving = 1 - self.serving;
        let reply = self.gateway.deploy("mine", "", self.good()).expect(200).json();
        self.expect_next(&reply);
    }

    /// Puts a file with the other plugin in the place of the old one, and does not wait.
    pub(super) fn rename(&mut self) {
        let (file, new) = (file(&self.folder), self.folder.path().join("mine.new"));
        self.serving = 1 - self.serving;
        fs::write(&new, self.good()).expect("the folder is writable");
        fs::rename(&new, file).expect("in the same folder");
        self.generation += 1;
    }

    /// Gives the plugin other settings.
    pub(super) fn change_settings(&mut self) {
        self.settings += 1;
        let file = self.gateway.config_file();
        fs::write(file, config(&self::file(&self.folder), self.settings)).expect("the folder is writable");
        // The watcher may have been as quick as this; then nothing is left to change.
        self.gateway.administer(Request::post("/admin/reload")).expect(200);
        let plugin = self.gateway.plugin("mine");
        self.expect_next(&plugin);
    }

    /// Uploads half a plugin, and expects that it changes nothing.
    pub(super) fn upload_half(&self) {
        let half = &self.good()[..JSON.len() / 2];
        self.gateway.deploy("mine", "", half).expect(422);
        assert_eq!(self.gateway.plugin("mine")["generation"], self.generation);
    }

    fn good(&self) -> &[u8] {
        &self.good[self.serving]
    }

    fn expect_next(&mut self, plugin: &Value) {
        self.generation += 1;
        assert_eq!(plugin["generation"], self.generation, "{plugin}");
    }
}

/// The settings differ by a field that no record has.
fn config(file: &Path, settings: u32) -> String {
    format!(
        "{ADMIN}[[routes]]\npath = \"/mine\"\nplugins = [\"mine\"]\n\
         [plugins.mine]\npath = \"{}\"\nsettings = {{ fields = \"ip,other{settings}\" }}\n",
        file.display()
    )
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("mine.wasm")
}
