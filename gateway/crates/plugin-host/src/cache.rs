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
}

// === impl Cache ===

impl Cache {
    /// Opens the cache of this very engine below `folder`, which is made if it is missing.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
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
        Ok(Self { folder })
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

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.cwasm"))
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
