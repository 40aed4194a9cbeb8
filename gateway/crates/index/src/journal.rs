//! The journal: what was inserted into the sets, so that it survives the process and the power.
//!
//! A write-ahead log with group commit. Threads put addresses into shared sets, commit the new ones here, and acknowledge
//! when their ticket is durable. One thread writes and syncs; whatever is committed during a sync goes out with the next.
//!
//! ```text
//! let section = journal.begin()?;               // before any address is put into a set
//! let new = …;                                  // what was not in the sets yet
//! let ticket = if new.is_empty() {
//!     drop(section);
//!     journal.settle()                          // others may have inserted what this batch repeats
//! } else {
//!     section.commit(&frames_of(new))
//! };
//! // None, or Settled::Durable some time later: acknowledge. Settled::Failed: refuse.
//! ```
//!
//! After a failure the journal is *failing*: it refuses sections and keeps what is not durable, and tries again with another
//! file until that works. See `shared.rs` for why an acknowledged address is durable, and `frame.rs` for the format.

mod carry;
mod frame;
mod newest;
mod replay;
mod shared;
#[cfg(test)]
mod tests;
mod writer;

pub use self::frame::encode;
pub(crate) use self::replay::is_journal;
pub use self::replay::{Replayed, replay};

use self::shared::Shared;
use self::writer::Writer;
use crate::Hour;
use std::error::Error;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tallygate_disk::Disk;

/// Addresses that a tenant's records name within an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visits<'a> {
    /// Whose they are.
    pub tenant: u32,
    /// When: up to the year 9999, or the frame counts as damaged.
    pub hour: Hour,
    /// IPv4 addresses, `a.b.c.d` as `a<<24 | b<<16 | c<<8 | d`.
    pub v4: &'a [u32],
    /// IPv6 addresses.
    pub v6: &'a [u128],
}

/// When a commit is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// After it is synced.
    Fsync,
    /// At once. It is written straight away and synced at the latest after this time, so that a power loss takes that much.
    Interval(Duration),
    /// At once, and nothing is ever written.
    Memory,
}

/// How a journal works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// When a commit is acknowledged.
    pub durability: Durability,
    /// How long to wait after a failure before the next attempt.
    pub retry: Duration,
    /// Whether what is whole in all older files is written into a new one, after damage that was accepted: it must not be
    /// found again at the next start.
    pub anew: bool,
}

/// Is told what the journal's thread does, by that thread: it must not block.
pub trait Observer: Send + Sync {
    /// So many bytes were written.
    fn written(&self, bytes: u64);
    /// A sync succeeded, and took that long.
    fn synced(&self, took: Duration);
    /// Some tickets may be settled now.
    fn progress(&self, progress: Progress);
}

/// Nobody who looks.
impl Observer for () {
    fn written(&self, _: u64) {}
    fn synced(&self, _: Duration) {}
    fn progress(&self, _: Progress) {}
}

/// How far the journal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Every epoch up to this one is durable.
    pub durable: u64,
    /// Attempts to write that failed.
    pub failures: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
}

/// A journal that is being written.
pub struct Journal {
    shared: Arc<Shared>,
    kept: Kept,
}

/// Where a journal keeps what is committed.
enum Kept {
    InMemory { disk: Arc<dyn Disk>, number: AtomicU64 },
    OnDisk { disk: Arc<dyn Disk>, thread: Mutex<Option<JoinHandle<()>>> },
}

/// A time in which a thread inserts into the sets. Nothing becomes durable before it ends, so it should be short.
///
/// Dropping it ends it, too: for a batch that inserted nothing.
#[must_use = "addresses that are inserted outside of a section can be acknowledged before they are durable"]
pub struct Section<'a> {
    /// None once it has ended, and if nothing is written.
    shared: Option<&'a Shared>,
    epoch: u64,
}

/// What a batch waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a batch may be acknowledged only when its ticket is durable"]
pub struct Ticket {
    epoch: u64,
    failures: u64,
}

/// What has become of a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Look again at the next progress.
    Waiting,
    /// All that it stands for survives a power loss.
    Durable,
    /// It could not be written. It is kept and may yet become durable, so the batch is to be refused and may be sent again.
    Failed,
}

/// Visits cannot be taken at the moment: the journal cannot be written, or something else is in the way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("visits cannot be taken now: {reason}")]
pub struct Unwritable {
    /// What failed, and why.
    pub reason: String,
}

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The folder cannot be listed.
    #[error("cannot list the files of the journal")]
    List(#[source] io::Error),
    /// Something failed with a file.
    #[error("cannot {doing} {name}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version of this program wrote a file.
    #[error("{name} is of format version {version} and this program reads {known}: start a newer tallygate")]
    Newer {
        /// The file.
        name: String,
        /// Its version.
        version: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// A new journal is to begin with a number that is not above those of all files.
    #[error("{0} is there already: start the journal with the next number that a replay gives")]
    Taken(String),
    /// It is failing.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// There is no thread for it.
    #[error("cannot start the journal's thread")]
    Thread(#[source] io::Error),
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Fsync, retry: writer::RETRY, anew: false }
    }
}

// === impl Journal ===

impl Journal {
    /// Starts a journal behind the files of `files`: from the number that it was replayed from to the one that [`replay`]
    /// gives, which is that of its first file. And a thread that writes it.
    ///
    /// What the process before wrote and perhaps did not sync is written again, into this file, and so is durable when this
    /// returns: about as much as it wrote since the last rotation. With [`Durability::Memory`] there is neither file nor
    /// thread, and older files stay until they are removed.
    ///
    /// # Errors
    ///
    /// If the file cannot be made durable, or an older one cannot be read.
    pub fn start(
        disk: Arc<dyn Disk>,
        files: Range<u64>,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, JournalError> {
        if options.durability == Durability::Memory {
            let kept = Kept::InMemory { disk, number: AtomicU64::new(files.end) };
            return Ok(Self { shared: Arc::new(Shared::new(true, Vec::new())), kept });
        }
        let (open, files) = carry::start(&*disk, files, options.anew)?;
        let shared = Arc::new(Shared::new(options.durability != Durability::Fsync, files));
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(&disk), observer, options, open);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(|| writer.run());
        let thread = Mutex::new(Some(thread.map_err(JournalError::Thread)?));
        Ok(Self { shared, kept: Kept::OnDisk { disk, thread } })
    }

    /// Begins a section. To be called *before* addresses are put into sets that others look into.
    ///
    /// # Errors
    ///
    /// While the journal is failing. Nothing may be inserted then.
    pub fn begin(&self) -> Result<Section<'_>, Unwritable> {
        match self.kept {
            Kept::InMemory { .. } => Ok(Section { shared: None, epoch: 0 }),
            Kept::OnDisk { .. } => Ok(Section { epoch: self.shared.pin()?, shared: Some(&self.shared) }),
        }
    }

    /// For a batch in which nothing was new, after it has looked: what it must wait for because others inserted it before.
    /// None if all of that is durable. While the journal is failing, the ticket has failed already.
    ///
    /// The batch's own section, if it had one, must have ended. Does not lock while nothing is being written.
    pub fn settle(&self) -> Option<Ticket> {
        self.shared.settle()
    }

    /// Blocks until a ticket is durable.
    ///
    /// # Errors
    ///
    /// If it has failed.
    pub fn wait(&self, ticket: Ticket) -> Result<(), Unwritable> {
        self.shared.wait(ticket)
    }

    /// How far the journal is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match self.kept {
            Kept::InMemory { .. } => Progress { durable: u64::MAX, failures: 0, failing: false },
            Kept::OnDisk { .. } => self.shared.state().progress(),
        }
    }

    /// Why it is failing, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.state().failing().map(|reason| reason.as_ref().to_owned())
    }

    /// Begins another file, and returns its number. All that was committed before the call is then durable in files below
    /// it. Blocks until then, for open sections, too: the calling thread must not have one.
    ///
    /// # Errors
    ///
    /// If the journal is failing, or fails at this.
    pub fn rotate(&self) -> Result<u64, JournalError> {
        match &self.kept {
            Kept::InMemory { number, .. } => Ok(number.fetch_add(1, Ordering::Relaxed) + 1),
            Kept::OnDisk { .. } => Ok(self.shared.rotate()?),
        }
    }

    /// Removes all files below `number`, but never the one that is being written.
    ///
    /// # Errors
    ///
    /// If that fails; some may be gone then.
    pub fn remove_before(&self, number: u64) -> Result<(), JournalError> {
        let (disk, number) = match &self.kept {
            Kept::InMemory { disk, .. } => (disk, number),
            Kept::OnDisk { disk, .. } => (disk, number.min(self.shared.state().number())),
        };
        for found in replay::numbers(&**disk)?.into_iter().filter(|found| *found < number) {
            match disk.remove(&replay::name(found)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", found)(error)),
                _ => self.shared.state().files.retain(|(file, _)| *file != found),
            }
        }
        disk.sync().map_err(failed("sync the folder of", number))
    }

    /// Writes and syncs what is left, and ends the thread. Nothing can be begun from then on.
    pub fn close(&self) {
        let Kept::OnDisk { thread, .. } = &self.kept else { return };
        self.shared.stop();
        let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the thread has been reported as a failure by itself.
        drop(thread.map(JoinHandle::join));
    }

    /// The name of the file that is being written; none if there is no file.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        match self.kept {
            Kept::InMemory { .. } => None,
            Kept::OnDisk { .. } => Some(replay::name(self.shared.state().number())),
        }
    }

    /// Bytes in files that are not removed yet, the one being written included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.state().files.iter().map(|(_, bytes)| bytes).sum()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Section ===

impl Section<'_> {
    /// Ends the section, with frames of what it inserted. None if nothing is to be waited for.
    pub fn commit(mut self, frames: &[u8]) -> Option<Ticket> {
        self.shared.take()?.commit(self.epoch, frames)
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared {
            shared.unpin(self.epoch);
        }
    }
}

// === impl Ticket ===

impl Ticket {
    /// What has become of it.
    #[must_use]
    pub fn state(self, progress: Progress) -> Settled {
        if progress.durable >= self.epoch {
            Settled::Durable
        } else if progress.failures > self.failures {
            Settled::Failed
        } else {
            Settled::Waiting
        }
    }
}

fn failed(doing: &'static str, number: u64) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { doing, name: replay::name(number), source }
}

/// An error in one line, with what it comes from.
fn with_sources(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |error| (**error).source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
