//! The little that is asked of a file system by whoever must not lose anything.
//!
//! [`Folder`] is a real folder. [`Simulated`] is one in memory that can fail at any step and lose its power: what is written
//! against [`Disk`] can be tested at each of its steps, and with whatever a power loss leaves behind.
//!
//! The only `unsafe` is the mapping of files that nobody changes (`map.rs`).

mod folder;
mod map;
mod simulated;

pub use self::folder::{Folder, FolderError};
pub use self::simulated::Simulated;

use std::io::{self, Write};
use std::sync::Arc;

/// A folder of files without folders in it.
///
/// A file is written once, from its beginning to its end, and never changed. It is durable once [`DiskFile::sync`] has
/// returned, and so is its *name* once [`Disk::sync`] has: creating, renaming and removing are not durable by themselves.
pub trait Disk: Send + Sync {
    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A new, empty file to be written; whatever had this name is gone.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// A file's whole content.
    fn read(&self, name: &str) -> io::Result<Content>;

    /// Gives a file another name; whatever had that name is gone. Atomic: also after a crash, it has the one or the other.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Who has read it keeps its content.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is being written.
pub trait DiskFile: Write + Send {
    /// Makes durable what was written.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a file holds. Cheap to clone.
#[derive(Clone)]
pub enum Content {
    /// Mapped from a file that nobody changes.
    Mapped(Arc<memmap2::Mmap>),
    /// In memory.
    Owned(Arc<[u8]>),
}

// === impl Content ===

impl std::ops::Deref for Content {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes.into())
    }
}
