//! What survives a restart: components that serve instead of what the configuration names.
//!
//! Below `data_dir/plugins` (mode 0700) each component is a file that is called by its SHA-256, and `pins` says which one
//! serves for which plugin. The format of `pins`: a line `tallygate-pins 1 ` and the SHA-256 of all that follows, in
//! hexadecimal; then a JSON object with a member for each plugin. Files take the place of older ones by being renamed,
//! so a crash leaves the old ones or the new ones.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tallygate_plugin_host::{Limits, digest};

use crate::shipped;

/// The pins of all plugins.
pub(crate) struct Store {
    shelf: Shelf,
    pins: BTreeMap<String, Pin>,
    /// Whether the pins on disk are older.
    behind: bool,
}

/// Where components are kept.
#[derive(Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
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
    /// The limits that a rollback returned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<PinnedLimits>,
}

/// Settings that serve instead of those of the configuration, for as long as these do not change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PinnedSettings {
    pub(crate) serve: Vec<(String, String)>,
    pub(crate) instead_of: Vec<(String, String)>,
}

/// Limits that serve instead of those of the configuration, for as long as these do not change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PinnedLimits {
    pub(crate) serve: StoredLimits,
    pub(crate) instead_of: StoredLimits,
}

/// Limits as they are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct StoredLimits {
    bytes: usize,
    milliseconds: u64,
    /// Not in files of earlier versions, whose plugins all began on the threads that serve connections.
    #[serde(default)]
    isolated: bool,
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
        Self { shelf: Shelf { folder }, pins, behind: false }
    }

    pub(crate) fn pin(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Replaces all pins, durably.
    pub(crate) fn set(&mut self, pins: BTreeMap<String, Pin>) -> io::Result<()> {
        self.behind |= pins != self.pins;
        self.pins = pins;
        self.keep_up()
    }

    /// Adds one pin, or changes nothing.
    pub(crate) fn pin_first(&mut self, name: &str, pin: Pin) -> io::Result<()> {
        let before = self.pins.clone();
        let mut pins = before.clone();
        pins.insert(name.to_owned(), pin);
        let written = self.set(pins);
        if written.is_err() {
            self.pins = before;
        }
        written
    }

    /// Brings the pins on disk, if they are not there.
    pub(crate) fn keep_up(&mut self) -> io::Result<()> {
        if self.behind {
            self.shelf.write(&self.shelf.folder.join(PINS), render(&self.pins).as_bytes())?;
            self.behind = false;
        }
        Ok(())
    }

    /// Forgets components that neither a pin nor `used` names. Not while one is on its way to be pinned.
    pub(crate) fn forget_unused(&self, used: &[&str]) {
        let pinned = |digest: &str| self.pins.values().any(|pin| pin.component == digest);
        self.shelf.forget(|digest| !used.contains(&digest) && !pinned(digest));
    }
}

// === impl Shelf ===

impl Shelf {
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
        if self.component(&digest(component)).is_ok()
            || shipped::NAMES.into_iter().filter_map(shipped::component).any(|one| one == component)
        {
            return Ok(());
        }
        self.write(&path, component)
    }

    fn forget(&self, unused: impl Fn(&str) -> bool) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let part = |part: Option<&OsStr>| part.and_then(OsStr::to_str).unwrap_or_default().to_owned();
            let remove = match part(path.extension()).as_str() {
                "wasm" => unused(&part(path.file_stem())),
                // What a crash left of a file that was being written.
                "tmp" => true,
                _ => false,
            };
            // One that stays although it could go takes room, and nothing else.
            if remove {
                drop(fs::remove_file(&path));
            }
        }
    }

    /// Writes a file so that it is there whole or not at all, also after a crash.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, path)
        });
        if written.is_err() {
            // What is left of it only takes room.
            drop(fs::remove_file(&temporary));
        }
        written?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }
}

// === impl StoredLimits ===

impl From<Limits> for StoredLimits {
    fn from(limits: Limits) -> Self {
        let milliseconds = u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX);
        Self { bytes: limits.memory, milliseconds, isolated: limits.isolated }
    }
}

impl From<StoredLimits> for Limits {
    fn from(stored: StoredLimits) -> Self {
        Self { memory: stored.bytes, time: Duration::from_millis(stored.milliseconds), isolated: stored.isolated }
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
        Pin { component: digest(component), uploaded: true, instead_of: None, settings: None, limits: None }
    }

    #[test]
    fn pins_and_components_are_there_again_and_what_nobody_needs_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path());
        for component in [b"one", b"two"] {
            store.shelf().keep(component).expect("writable");
        }
        store.set(BTreeMap::from([("json".to_owned(), pin(b"one"))])).expect("writable");
        store.forget_unused(&[]);

        let mut store = Store::open(folder.path());
        assert_eq!(store.pin("json"), Some(&pin(b"one")));
        assert_eq!(store.shelf().component(&digest(b"one")).expect("is kept"), b"one");
        assert!(store.shelf().component(&digest(b"two")).is_err());
        store.set(BTreeMap::new()).expect("writable");
        store.forget_unused(&[&digest(b"one")]);
        assert_eq!(store.shelf().component(&digest(b"one")).expect("is used"), b"one");
        assert_eq!(Store::open(folder.path()).pin("json"), None);
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path());
        store.shelf().keep(b"one").expect("writable");
        store.set(BTreeMap::from([("json".to_owned(), pin(b"one"))])).expect("writable");
        fs::write(store.shelf().path(&digest(b"one")), b"One").expect("writable");
        assert!(store.shelf().component(&digest(b"one")).is_err());
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
            limits: None,
        };
        assert_eq!(pins.get("json"), Some(&expected));
        assert_eq!(pins.get("mine"), Some(&pin(b"one")));
    }
}
