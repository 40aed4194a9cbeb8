//! Compiled components on disk, so that a warm start compiles nothing.
//!
//! An entry is an [`Artifact`], native code: the folder belongs to the gateway's user and nobody else may write to it
//! (0700), entries are keyed by the component's digest and by everything that changes what the engine would emit, and
//! carry a checksum, so that a torn write is recompiled. Entries never come from outside.

use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::Artifact;

pub(crate) struct Cache {
    folder: PathBuf,
    /// Whether it was reached over a link: whoever made that may share it among gateways, so nothing in it is removed.
    is_shared: bool,
}

// === impl Cache ===

impl Cache {
    /// Opens the cache of this very engine below `folder`, which is made if it is missing.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        let is_shared = fs::symlink_metadata(folder).is_ok_and(|about| about.is_symlink());
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let folder = folder.join(format!("{:016x}", hasher.finish()));
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let about = fs::metadata(&folder)?;
        if about.permissions().mode() & 0o077 != 0 || about.uid() != own_uid() {
            return Err(io::Error::other(format!(
                "{} must belong to the gateway's user and be closed to others (mode 0700)",
                folder.display()
            )));
        }
        Ok(Self { folder, is_shared })
    }

    /// The compiled component of this digest, if there is a whole one.
    pub(crate) fn get(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let entry = fs::read(self.path(digest)).ok()?;
        let Some(artifact) = Artifact::from_bytes(entry) else {
            tracing::warn!(digest, "compiled plugin on disk is damaged, compiling anew");
            return None;
        };
        match artifact.component(engine) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(digest, %error, "compiled plugin on disk is of no use, compiling anew");
                None
            }
        }
    }

    /// Keeps a compiled component.
    pub(crate) fn put(&self, digest: &str, artifact: &Artifact) -> io::Result<()> {
        let temporary = self.folder.join(format!("{digest}.{}.tmp", std::process::id()));
        let mut file = File::create(&temporary)?;
        file.write_all(artifact.as_bytes())?;
        fs::rename(&temporary, self.path(digest))
    }

    /// Removes what was compiled from other components than those with these digests, and all that other engines compiled.
    /// What cannot be removed takes room, and nothing else.
    pub(crate) fn keep_only(&self, used: &[&str]) {
        if self.is_shared {
            return;
        }
        for path in self.of_other_engines() {
            drop(fs::remove_dir_all(path));
        }
        for path in entries(&self.folder) {
            let is_used = used.iter().any(|digest| path == self.path(digest));
            if !is_used {
                drop(fs::remove_file(path));
            }
        }
    }

    /// Removes all but the newest so many of what this engine compiled, and all that other engines compiled.
    pub(crate) fn keep_newest(&self, count: usize) {
        if self.is_shared {
            return;
        }
        for path in self.of_other_engines() {
            drop(fs::remove_dir_all(path));
        }
        let mut dated: Vec<_> = entries(&self.folder)
            .filter_map(|path| Some((fs::metadata(&path).and_then(|about| about.modified()).ok()?, path)))
            .collect();
        dated.sort_unstable();
        for (_, path) in dated.iter().rev().skip(count) {
            drop(fs::remove_file(path));
        }
    }

    /// The folders beside this one that are called as such folders are.
    fn of_other_engines(&self) -> impl Iterator<Item = PathBuf> {
        let is_name = |name: &str| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let beside = self.folder.parent().map(entries);
        let named = move |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_name);
        beside.into_iter().flatten().filter(move |path| *path != self.folder && named(path))
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.cwasm"))
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::engine;

    #[test]
    fn what_nothing_uses_is_removed_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path(), &engine().expect("an engine")).expect("a cache");
        let names = || {
            let mut names: Vec<_> = entries(folder.path())
                .chain(entries(&cache.folder))
                .filter(|path| *path != cache.folder)
                .map(|path| path.file_name().expect("has one").to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        fs::create_dir_all(folder.path().join("0123456789abcdef")).expect("writable");
        fs::create_dir_all(folder.path().join("somebody-elses")).expect("writable");
        for digest in ["one", "two", "three"] {
            cache.put(digest, &Artifact::new(digest.as_bytes())).expect("writable");
        }
        fs::write(cache.folder.join("four.17.tmp"), "cut off").expect("writable");
        cache.keep_only(&["one", "three", "five"]);
        assert_eq!(names(), ["one.cwasm", "somebody-elses", "three.cwasm"]);

        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).expect("writable");
        let shared = Cache::open(&link, &engine().expect("an engine")).expect("a cache");
        fs::remove_file(link).expect("is there");
        shared.keep_only(&[]);
        assert_eq!(names(), ["one.cwasm", "somebody-elses", "three.cwasm"]);

        let old = fs::File::options().write(true).open(cache.path("one")).expect("is there");
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("may be set");
        cache.keep_newest(1);
        assert_eq!(names(), ["somebody-elses", "three.cwasm"]);
    }
}
