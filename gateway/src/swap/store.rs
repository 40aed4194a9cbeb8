//! What survives a restart: components that serve instead of what the configuration names.
//!
//! Below `data_dir/plugins` (mode 0700) each component is a file that is called by its SHA-256, and `pins` says which one
//! serves for which plugin. The format of `pins`: a line `tallygate-pins 1 ` and the SHA-256 of all that follows, in
//! hexadecimal; then a JSON object with a member for each plugin. Files take the place of older ones by being renamed,
//! so a crash leaves the old ones or the new ones.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tallygate_plugin_host::digest;

use crate::shipped;

/// The pins of all plugins, and the components they name.
pub(crate) struct Store {
    folder: PathBuf,
    pins: BTreeMap<String, Pin>,
}

/// A component that serves instead of the one that the configuration names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Pin {
    /// SHA-256 of the component, in hexadecimal.
    pub(crate) component: String,
    /// Whether it was uploaded. Otherwise it is what a rollback returned to.
    pub(crate) uploaded: bool,
    /// The component of the file that it serves instead of: another file is newer than the pin, and wins. `None` if the
    /// configuration named no file, and then any file is newer.
    pub(crate) instead_of: Option<String>,
    /// The settings that a rollback returned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<PinnedSettings>,
}

/// Settings that serve instead of those of the configuration, for as long as these do not change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PinnedSettings {
    pub(crate) serve: Vec<(String, String)>,
    pub(crate) instead_of: Vec<(String, String)>,
}

const MAGIC: &str = "tallygate-pins 1 ";
const PINS: &str = "pins";

// === impl Store ===

impl Store {
    /// Reads what is below `data_dir`. What cannot be read is told and done without: the configuration serves then.
    pub(crate) fn open(data_dir: &Path) -> Self {
        let folder = data_dir.join("plugins");
        let pins = match fs::read_to_string(folder.join(PINS)) {
            Ok(text) => parse(&text).unwrap_or_else(|why| {
                let file = folder.join(PINS);
                tracing::error!(file = %file.display(), "{why}; plugins serve as the configuration names them");
                BTreeMap::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::error!(folder = %folder.display(), %error, "uploaded plugins cannot be read");
                BTreeMap::new()
            }
        };
        Self { folder, pins }
    }

    pub(crate) fn pin(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    /// The bytes of a component, whole.
    pub(crate) fn component(&self, digest_wanted: &str) -> io::Result<Vec<u8>> {
        for shipped in shipped::NAMES.into_iter().filter_map(shipped::component) {
            if digest(shipped) == digest_wanted {
                return Ok(shipped.to_vec());
            }
        }
        let component = fs::read(self.path(digest_wanted))?;
        if digest(&component) == digest_wanted {
            return Ok(component);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the stored component is damaged"))
    }

    /// Keeps a component, durably.
    pub(crate) fn keep(&self, component: &[u8]) -> io::Result<()> {
        let path = self.path(&digest(component));
        if path.exists() || shipped::NAMES.into_iter().filter_map(shipped::component).any(|one| one == component) {
            return Ok(());
        }
        self.write(&path, component)
    }

    /// Replaces all pins, durably, and forgets components that neither a pin nor `used` names.
    pub(crate) fn set(&mut self, pins: BTreeMap<String, Pin>, used: &[&str]) -> io::Result<()> {
        if pins != self.pins {
            self.write(&self.folder.join(PINS), render(&pins).as_bytes())?;
            self.pins = pins;
        }
        self.forget_unused(used);
        Ok(())
    }

    fn forget_unused(&self, used: &[&str]) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let needed = |digest: &str| used.contains(&digest) || self.pins.values().any(|pin| pin.component == digest);
            let is_component = path.extension().is_some_and(|extension| extension == "wasm");
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            // A file that stays although it could go is only in the way of nobody.
            if is_component && !needed(stem) {
                drop(fs::remove_file(&path));
            }
        }
    }

    /// Writes a file so that it is there whole or not at all, also after a crash.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }
}

fn render(pins: &BTreeMap<String, Pin>) -> String {
    let json = serde_json::to_string_pretty(pins).expect("strings and booleans make JSON");
    format!("{MAGIC}{}\n{json}", digest(json.as_bytes()))
}

fn parse(text: &str) -> Result<BTreeMap<String, Pin>, String> {
    let (head, json) = text.split_once('\n').ok_or("the file of pins breaks off")?;
    let sum = head.strip_prefix(MAGIC).ok_or("the file of pins is of a version that this gateway does not know")?;
    if sum != digest(json.as_bytes()) {
        return Err("the file of pins is damaged".to_owned());
    }
    serde_json::from_str(json).map_err(|error| format!("the file of pins cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(component: &[u8]) -> Pin {
        Pin { component: digest(component), uploaded: true, instead_of: None, settings: None }
    }

    #[test]
    fn pins_and_components_are_there_again_and_what_nobody_needs_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path());
        for component in [b"one", b"two"] {
            store.keep(component).expect("writable");
        }
        store.set(BTreeMap::from([("json".to_owned(), pin(b"one"))]), &[]).expect("writable");

        let mut store = Store::open(folder.path());
        assert_eq!(store.pin("json"), Some(&pin(b"one")));
        assert_eq!(store.component(&digest(b"one")).expect("is kept"), b"one");
        assert!(store.component(&digest(b"two")).is_err());
        store.set(BTreeMap::new(), &[&digest(b"one")]).expect("writable");
        assert_eq!(store.component(&digest(b"one")).expect("is used"), b"one");
        assert_eq!(Store::open(folder.path()).pin("json"), None);
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path());
        store.keep(b"one").expect("writable");
        store.set(BTreeMap::from([("json".to_owned(), pin(b"one"))]), &[]).expect("writable");
        fs::write(store.path(&digest(b"one")), b"One").expect("writable");
        assert!(store.component(&digest(b"one")).is_err());
        let file = folder.path().join("plugins").join(PINS);
        let text = fs::read_to_string(&file).expect("is there");
        fs::write(&file, text.replace("true", "fals")).expect("writable");
        assert_eq!(Store::open(folder.path()).pin("json"), None);
    }

    /// Written by version 1; whatever comes later must read it.
    #[test]
    fn the_first_version_is_read() {
        let pins = parse(include_str!("store/pins-1.fixture")).expect("is read");
        let settings = PinnedSettings {
            serve: vec![("fields".into(), "ip".into())],
            instead_of: vec![("fields".into(), "client".into())],
        };
        let expected = Pin {
            component: digest(b"one"),
            uploaded: false,
            instead_of: Some(digest(b"two")),
            settings: Some(settings),
        };
        assert_eq!(pins.get("json"), Some(&expected));
        assert_eq!(pins.get("mine"), Some(&pin(b"one")));
    }
}
