//! A real folder.

use super::{Content, Disk, DiskFile, map};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// A folder of the file system, locked for this process as long as the value lives.
///
/// [`DiskFile::sync`] is `fdatasync` of the file, [`Disk::sync`] is `fsync` of the folder.
pub struct Folder {
    path: PathBuf,
    access: Access,
    /// Holds the lock until it is dropped. None for a reader of a folder that has no lock file.
    _lock: Option<File>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Another process has it.
    #[error("another tallygate process uses {}; only one may", .0.display())]
    Locked(PathBuf),
    /// It cannot be created, opened or locked.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It can be opened, but not be written.
    #[error("cannot write in the data directory {}: let this user write there and see that space is left", .path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

/// The file that is locked; no file of the [`Disk`].
const LOCK: &str = "lock";
/// The file that tells whether the folder can be written; a crash may leave it, and it is written over.
const PROBE: &str = "probe";

// === impl Folder ===

impl Folder {
    /// Opens a folder to read and write, and creates it, for this user only, if it is not there.
    ///
    /// # Errors
    ///
    /// [`FolderError::Locked`] if another process has it open, and others if it cannot be created or written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        create_folder(&path).map_err(failed("create the data directory", &path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(failed("open the lock file", &lock_path))?;
        locked(lock.try_lock(), &path)?;
        let folder = Self { path, access: Access::ReadWrite, _lock: Some(lock) };
        match folder.probe() {
            Ok(()) => Ok(folder),
            Err(source) => Err(FolderError::Unwritable { path: folder.path, source }),
        }
    }

    /// Opens a folder to read, which needs no permission to write. Several processes may read one, while none writes it.
    ///
    /// # Errors
    ///
    /// [`FolderError::Locked`] if another process has it open to write, and others if it is not there or cannot be read.
    pub fn open_to_read(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        fs::read_dir(&path).map_err(failed("read the data directory", &path))?;
        let lock_path = path.join(LOCK);
        // Either way of opening will do for a lock; a network file system asks for the first, missing permissions for the
        // second.
        let opened = OpenOptions::new().read(true).write(true).open(&lock_path).or_else(|_| File::open(&lock_path));
        let lock = match opened {
            Ok(lock) => {
                locked(lock.try_lock_shared(), &path)?;
                Some(lock)
            }
            // Who writes creates it: nobody does.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open the lock file", &lock_path)(error)),
        };
        Ok(Self { path, access: Access::ReadOnly, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn probe(&self) -> io::Result<()> {
        let mut file = self.create(PROBE)?;
        file.write_all(b"?")?;
        file.sync()?;
        drop(file);
        self.remove(PROBE)
    }

    /// Where a file lies, for a name that leads nowhere else.
    fn place(&self, name: &str) -> io::Result<PathBuf> {
        let mut parts = Path::new(name).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
        if !plain || name == LOCK {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{name:?} is no name for a data file")));
        }
        Ok(self.path.join(name))
    }

    fn place_to_write(&self, name: &str) -> io::Result<PathBuf> {
        match self.access {
            Access::ReadWrite => self.place(name),
            Access::ReadOnly => Err(io::Error::new(ErrorKind::PermissionDenied, "the folder was opened to read")),
        }
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() != LOCK && entry.file_type()?.is_file() {
                // A name that is not Unicode is none that this program gives.
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let place = self.place_to_write(name)?;
        // Emptying the file that has the name would pull it away under those who have mapped it.
        match fs::remove_file(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Box::new(OpenOptions::new().create_new(true).write(true).mode(0o600).open(place)?))
    }

    fn read(&self, name: &str) -> io::Result<Content> {
        map::content(&File::open(self.place(name)?)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.place_to_write(from)?, self.place_to_write(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.place_to_write(name)?)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Creates a folder and those above it, for this user only, and makes their names durable.
fn create_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<_> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for folder in missing {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn locked(outcome: Result<(), TryLockError>, path: &Path) -> Result<(), FolderError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(FolderError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
