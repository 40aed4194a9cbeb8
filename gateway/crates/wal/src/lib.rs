//! A write-ahead log with group commit, for whoever keeps something in memory that must survive the process and the power.
//!
//! Threads put entries into what they share, commit the new ones here, and acknowledge when their ticket is durable. One
//! thread writes and syncs; whatever is committed during a sync goes out with the next.
//!
//! ```text
//! let section = wal.begin()?;                   // before any entry is put where others find it
//! let new = …;                                  // what was not there yet
//! let ticket = if new.is_empty() {
//!     drop(section);
//!     wal.settle()                              // others may have put in what this batch repeats
//! } else {
//!     frames.push(&FORMAT, |out| …)?;           // a payload for what is new
//!     section.commit(&frames)
//! };
//! // None, or Settled::Durable some time later: acknowledge. Settled::Failed: refuse.
//! ```
//!
//! The log does not know what its payloads mean. Its [`Format`] has the names and numbers that tell it from other logs, of
//! which several may lie in one folder, and a function that says of a payload how many entries it has, and a number (a key)
//! that says when or where they belong. These are counted in marks in the files, so that [`replay`] can tell what is lost if
//! files are damaged, and can tell damage from the torn end that a crash leaves.
//!
//! After a failure the log is *failing*: it refuses sections and keeps what is not durable, and tries again with another file
//! until that works. See `commit_queue.rs` for why an acknowledged entry is durable, and `frame.rs` for the format.
//!
//! Its tests run under Miri and ThreadSanitizer as those of `tallygate-index` do; the commands are in that crate's docs.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod carry;
mod commit_queue;
mod error;
mod format;
mod frame;
mod newest;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

pub use self::error::{Unwritable, WalError};
pub use self::format::{Format, Frames, Measure, TooLong};
pub use self::replay::{Loss, LossKind, Replayed, replay};

use self::carry::Started;
use self::commit_queue::CommitQueue;
use self::error::failed;
use self::writer::Writer;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tallygate_disk::Disk;

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

/// How a log works.
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

/// Is told what the log's thread does, by that thread: it must not block.
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

/// How far the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Every epoch up to this one is durable.
    pub durable: u64,
    /// Attempts to write that failed.
    pub failures: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
}

/// A log that is being written.
pub struct Wal {
    format: &'static Format,
    queue: Arc<CommitQueue>,
    kept: Kept,
}

/// Where a log keeps what is committed.
enum Kept {
    InMemory { disk: Arc<dyn Disk>, number: AtomicU64 },
    OnDisk { disk: Arc<dyn Disk>, thread: Mutex<Option<JoinHandle<()>>> },
}

/// A time in which a thread puts entries where others find them. Nothing becomes durable before it ends, so it should be short.
///
/// Dropping it ends it, too: for a batch that put in nothing.
#[must_use = "entries that are put in outside of a section can be acknowledged before they are durable"]
pub struct Section<'a> {
    /// None once it has ended, and if nothing is written.
    queue: Option<&'a CommitQueue>,
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

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Fsync, retry: writer::RETRY, anew: false }
    }
}

// === impl Wal ===

impl Wal {
    /// Starts a log behind the files of `files`: from the number that it was replayed from to the one that [`replay`]
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
        format: &'static Format,
        files: Range<u64>,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, WalError> {
        if options.durability == Durability::Memory {
            let kept = Kept::InMemory { disk, number: AtomicU64::new(files.end) };
            return Ok(Self { format, queue: Arc::new(CommitQueue::new(format, true, Vec::new())), kept });
        }
        let Started { open, files } = carry::start(&*disk, format, files, options.anew)?;
        let queue = Arc::new(CommitQueue::new(format, options.durability != Durability::Fsync, files));
        let writer = Writer::new(Arc::clone(&queue), Arc::clone(&disk), observer, options, open);
        let thread = thread::Builder::new().name(format.name.to_owned()).spawn(|| writer.run());
        let thread = thread.map_err(|source| WalError::Thread { log: format.name, source })?;
        Ok(Self { format, queue, kept: Kept::OnDisk { disk, thread: Mutex::new(Some(thread)) } })
    }

    /// Begins a section. To be called *before* entries are put where others find them.
    ///
    /// # Errors
    ///
    /// While the log is failing. Nothing may be put in then.
    pub fn begin(&self) -> Result<Section<'_>, Unwritable> {
        match self.kept {
            Kept::InMemory { .. } => Ok(Section { queue: None, epoch: 0 }),
            Kept::OnDisk { .. } => Ok(Section { epoch: self.queue.enter()?, queue: Some(&self.queue) }),
        }
    }

    /// For a batch in which nothing was new, after it has looked: what it must wait for because others put it in before.
    /// None if all of that is durable. While the log is failing, the ticket has failed already.
    ///
    /// The batch's own section, if it had one, must have ended. Does not lock while nothing is being written.
    pub fn settle(&self) -> Option<Ticket> {
        self.queue.settle()
    }

    /// Blocks until a ticket is durable.
    ///
    /// # Errors
    ///
    /// If it has failed.
    pub fn wait(&self, ticket: Ticket) -> Result<(), Unwritable> {
        self.queue.wait(ticket)
    }

    /// How far the log is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match self.kept {
            Kept::InMemory { .. } => Progress { durable: u64::MAX, failures: 0, failing: false },
            Kept::OnDisk { .. } => self.queue.commits().progress(),
        }
    }

    /// Why it is failing, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.queue.commits().failing().map(|reason| reason.as_ref().to_owned())
    }

    /// Begins another file, and returns its number. All that was committed before the call is then durable in files below
    /// it. Blocks until then, for open sections, too: the calling thread must not have one.
    ///
    /// # Errors
    ///
    /// If the log is failing, or fails at this.
    pub fn rotate(&self) -> Result<u64, WalError> {
        match &self.kept {
            Kept::InMemory { number, .. } => Ok(number.fetch_add(1, Ordering::Relaxed) + 1),
            Kept::OnDisk { .. } => Ok(self.queue.rotate()?),
        }
    }

    /// Removes all files below `number`, but never the one that is being written.
    ///
    /// # Errors
    ///
    /// If that fails; some may be gone then.
    pub fn remove_before(&self, number: u64) -> Result<(), WalError> {
        let (disk, number) = match &self.kept {
            Kept::InMemory { disk, .. } => (disk, number),
            Kept::OnDisk { disk, .. } => (disk, number.min(self.queue.commits().number())),
        };
        for found in replay::numbers(&**disk, self.format)?.into_iter().filter(|found| *found < number) {
            let file = self.format.file(found);
            match disk.remove(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", file)(error)),
                _ => self.queue.commits().files.retain(|(file, _)| *file != found),
            }
        }
        disk.sync().map_err(failed("sync the folder of", self.format.file(number)))
    }

    /// Writes and syncs what is left, and ends the thread. Nothing can be begun from then on.
    pub fn close(&self) {
        let Kept::OnDisk { thread, .. } = &self.kept else { return };
        self.queue.stop();
        let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the thread has been reported as a failure by itself.
        drop(thread.map(JoinHandle::join));
    }

    /// The name of the file that is being written; none if there is no file.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        match self.kept {
            Kept::InMemory { .. } => None,
            Kept::OnDisk { .. } => Some(self.format.file(self.queue.commits().number())),
        }
    }

    /// Bytes in files that are not removed yet, the one being written included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.queue.commits().files.iter().map(|(_, bytes)| bytes).sum()
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Section ===

impl Section<'_> {
    /// Ends the section, with frames of what was put in. None if nothing is to be waited for.
    pub fn commit(mut self, frames: &Frames) -> Option<Ticket> {
        self.queue.take()?.commit(self.epoch, frames)
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if let Some(queue) = self.queue {
            queue.leave(self.epoch);
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
