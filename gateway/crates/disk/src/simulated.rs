//! A disk in memory whose power can be cut.

mod medium;

use self::medium::Medium;
use super::{Content, Disk, DiskFile};
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory, for tests of what survives. Clones are the same disk.
///
/// # The model
///
/// - A file has what was *written*, which [`Disk::read`] gives, and what is on the *platter*. Its [`DiskFile::sync`] brings
///   the one to the other. Names are likewise those that are seen and those on the platter, and [`Disk::sync`] brings all
///   changes over, those that others made as well.
/// - [`Simulated::crash`] gives the disk that a machine finds after a power loss. Of what a file had not synced, a prefix of
///   random length is there, and a random part at the end of that prefix may be garbage. Of the changes of names that were
///   not synced, the first few are there, in their order; a rename is there as a whole or not. A file without a name is gone.
/// - [`Simulated::kill`] gives the disk that the next process finds if this one is killed: everything that was written, with
///   what was not synced still at risk.
/// - A sync of a file that fails may have brought a prefix over. The rest of what it was for is *given up*, as Linux does,
///   which takes pages for clean once it has told somebody: it is still read, but no later sync brings it over, not even
///   one that succeeds, and after a crash zeros are in its place if something behind it was synced.
/// - A sync of names that fails has done nothing, and a later one makes up for it: file systems stop writing altogether when
///   their own journal fails.
/// - A write that fails may have written a part. Other operations that fail have done nothing.
#[derive(Clone)]
pub struct Simulated(Arc<Mutex<Medium>>);

struct SimulatedFile {
    disk: Simulated,
    file: usize,
}

// === impl Simulated ===

impl Default for Simulated {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Simulated {
    /// An empty disk. What is left to chance follows from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Medium::new(seed))))
    }

    /// Lets one operation fail: the `n`-th from now, 1 for the next. Others that were asked to fail still do.
    pub fn fail_at(&self, n: u64) {
        self.medium().fail(n, n);
    }

    /// Lets all operations fail from the `n`-th from now on, 1 for the next, until [`Simulated::heal`].
    pub fn fail_from(&self, n: u64) {
        self.medium().fail(n, u64::MAX);
    }

    /// Lets writes fail with [`ErrorKind::StorageFull`] which would bring the bytes of all files above `bytes`. What still
    /// fits is written.
    pub fn full(&self, bytes: u64) {
        self.medium().most_bytes = bytes;
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        let mut medium = self.medium();
        medium.failing.clear();
        medium.most_bytes = u64::MAX;
    }

    /// How many operations there were, failed ones included: creating, writing, syncing, renaming, removing, syncing names,
    /// reading, listing.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.medium().operations
    }

    /// What a machine finds that loses its power now. This disk goes on, and nothing is shared with the other one.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(self.medium().crash(seed))))
    }

    /// What the next process finds if this one is killed now. This disk goes on, and nothing is shared with the other one.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self(Arc::new(Mutex::new(self.medium().kill())))
    }

    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Simulated {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut medium = self.medium();
        medium.operation()?;
        Ok(medium.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut medium = self.medium();
        medium.operation()?;
        let file = medium.create(name);
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn read(&self, name: &str) -> io::Result<Content> {
        let mut medium = self.medium();
        medium.operation()?;
        let file = medium.named(name)?;
        Ok(Content::from(medium.files[file].written.clone()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operation()?;
        medium.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operation()?;
        medium.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operation()?;
        medium.sync_names();
        Ok(())
    }
}

// === impl SimulatedFile ===

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut medium = self.disk.medium();
        if let Err(error) = medium.operation() {
            let part = medium.random.below(bytes.len() + 1);
            medium.files[self.file].written.extend_from_slice(&bytes[..part]);
            return Err(error);
        }
        let fits = usize::try_from(medium.most_bytes.saturating_sub(medium.bytes())).unwrap_or(usize::MAX);
        if fits == 0 && !bytes.is_empty() {
            return Err(ErrorKind::StorageFull.into());
        }
        let part = bytes.len().min(fits);
        medium.files[self.file].written.extend_from_slice(&bytes[..part]);
        Ok(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SimulatedFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut medium = self.disk.medium();
        let outcome = medium.operation();
        medium.sync_file(self.file, outcome.is_ok());
        outcome
    }
}

#[cfg(test)]
mod tests;
