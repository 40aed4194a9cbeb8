//! Visits: which addresses came at which hours, exactly, durably, over any range.

mod error;
mod inspection;
pub(crate) mod load;
mod ready;
mod tenant;
mod write;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::history::{Command, History};
use crate::journal::{self, Durability, Observer, Progress, Ticket, Unwritable};
use crate::manifest::Manifest;
use crate::queue::Queue;
use crate::v6::Ipv6Policy;
use crate::{Day, Hour};
use tallygate_disk::Disk;
use tallygate_event::TenantId;
use tallygate_wal::Wal;

pub use self::error::VisitsError;
pub use self::inspection::Inspection;
pub use self::load::Opened;
pub use self::ready::NotReady;
pub(crate) use self::tenant::Tenant;
pub use self::tenant::TenantVisits;
pub use self::write::{Scratch, Write};

/// How visits are kept.
#[derive(Clone)]
pub struct Options {
    /// Whose visits are kept, each on its own. Those of others are refused, and not opened if a disk has some.
    pub tenants: Vec<TenantId>,
    /// When a batch is acknowledged.
    pub durability: Durability,
    /// How IPv6 addresses are told apart. Must stay the same for one data directory.
    pub ipv6: Ipv6Policy,
    /// Days that are kept; whole months are dropped when all of them is older.
    pub retention: u32,
    /// Whether the addresses since the start are counted beside those ever.
    pub since_start: bool,
    /// Bytes that open hours other than the current one may occupy together, of all tenants.
    pub hot_bytes: usize,
    /// A clock that leaps ahead by days must stay there for so long before anything is taken for too old to be kept: it may be
    /// wrong, until it is set.
    pub patience: Duration,
    /// The time, in Unix milliseconds.
    pub clock: Clock,
    /// Whether to go on as the history was kept, whatever these options say: for a tool that opens it for a moment. IPv6
    /// addresses are told apart as they were, nothing is let go of, and nothing merged.
    pub as_kept: bool,
    /// Whether to go on with what is whole if acknowledged visits are lost, once.
    pub accept_damage: bool,
    /// What a thread that merges segments does first, to make way for those that serve.
    pub make_way: fn(),
}

/// Tells the time, in Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Hours are told apart for so many days, if they are kept that long.
pub const HOUR_DAYS: u32 = 62;

/// The visits of one data directory. Shared by the threads that ingest and those that ask.
pub struct Visits {
    core: Arc<Core>,
    /// Until it is closed.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Nothing is kept of a tenant: it is none of [`Options::tenants`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nothing is kept of tenant {}", .0.0)]
pub struct NoTenant(pub TenantId);

/// What the threads share.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) journal: Wal,
    /// In ascending order of their numbers.
    pub(crate) tenants: Box<[Tenant]>,
    pub(crate) queue: Queue<Command>,
    /// Something that only memory has is to be written again, as its file is gone.
    pub(crate) lacking: AtomicBool,
    /// No merge is to go on.
    pub(crate) stopping: AtomicBool,
}

/// What there is to know about the visits at a glance, those of all tenants together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Bytes of the hours that are being written to.
    pub hot_bytes: usize,
    /// Hours that are being written to.
    pub hot_hours: usize,
    /// Segments, and their bytes.
    pub segments: usize,
    /// Bytes of the segments.
    pub segment_bytes: u64,
    /// Bytes of the journal's files.
    pub journal_bytes: u64,
}

// === impl Options ===

impl Default for Options {
    /// Of the default tenant, durable, kept for 400 days, by the system's clock.
    #[expect(clippy::disallowed_methods, reason = "the clock where none is handed in")]
    fn default() -> Self {
        let since_epoch = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            tenants: vec![TenantId::DEFAULT],
            durability: Durability::Fsync,
            ipv6: Ipv6Policy::default(),
            retention: 400,
            since_start: false,
            hot_bytes: 256 << 20,
            patience: Duration::from_mins(2),
            as_kept: false,
            accept_damage: false,
            clock: Arc::new(move || i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)),
            make_way: || (),
        }
    }
}

impl Options {
    /// The current hour.
    pub(crate) fn now(&self) -> Hour {
        Hour::of_unix_ms((self.clock)()).unwrap_or(Hour(0))
    }
}

// === impl Visits ===

impl Visits {
    /// Opens what is on a disk, and starts the thread that keeps the history.
    ///
    /// # Errors
    /// If something is damaged, or the disk fails. A journal that breaks off is no error: what is cut off is counted.
    pub fn open(
        disk: Arc<dyn Disk>,
        mut options: Options,
        observer: Arc<dyn Observer>,
    ) -> Result<(Self, Opened), VisitsError> {
        let loaded = load::load(&*disk, &options)?;
        let opened = loaded.opened;
        options.ipv6 = loaded.ipv6;
        if let Some(manifest) = &loaded.unwritten {
            let stored = Manifest::write(manifest, &*disk).and_then(|()| Manifest::replace(&*disk));
            stored.map_err(|source| VisitsError::Io { what: "write the list of segments".into(), source })?;
        }
        let anew = !opened.damage.is_empty();
        let how = tallygate_wal::Options { durability: options.durability, anew, ..Default::default() };
        let journal = Wal::start(Arc::clone(&disk), &journal::FORMAT, loaded.journal, how, observer)?;
        let kept = loaded.store.tenants.iter().zip(loaded.ever).enumerate();
        let core = Arc::new(Core {
            tenants: kept.map(|(at, (kept, ever))| Tenant::new(at, kept, ever, &options)).collect(),
            options,
            disk,
            journal,
            queue: Queue::new(),
            lacking: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let history = History::new(Arc::clone(&core), loaded.store);
        let thread = std::thread::Builder::new().name("visits".into()).spawn(move || {
            if std::panic::catch_unwind(AssertUnwindSafe(|| history.run())).is_err() {
                // Whatever it would answer from then on might be wrong. The next process finds all of it in the journal.
                tracing::error!(
                    "the thread of the history ended in a panic, which is a fault of this program; it ends"
                );
                std::process::abort();
            }
        });
        let thread = thread.map_err(|source| VisitsError::Io { what: "start a thread".into(), source })?;
        let visits = Self { core, thread: Mutex::new(Some(thread)) };
        if anew && visits.core.options.durability == Durability::Memory {
            // Nothing takes the place of damaged journal files but segments.
            visits.flush()?;
        }
        Ok((visits, opened))
    }

    /// The visits of a tenant.
    ///
    /// # Errors
    /// If nothing is kept of it.
    pub fn of(&self, tenant: TenantId) -> Result<TenantVisits<'_>, NoTenant> {
        // There are few, and one as a rule.
        let found = self.core.tenants.iter().find(|own| own.id == tenant).ok_or(NoTenant(tenant))?;
        Ok(TenantVisits::new(&self.core, found))
    }

    /// The visits of each tenant, in ascending order of their numbers.
    pub fn tenants(&self) -> impl Iterator<Item = TenantVisits<'_>> {
        self.core.tenants.iter().map(|tenant| TenantVisits::new(&self.core, tenant))
    }

    /// How far the journal is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.core.journal.progress()
    }

    /// Why nothing can be written now, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.core.journal.failure()
    }

    /// Waits until a batch is durable; for tests and tools, as a server has something better to do.
    ///
    /// # Errors
    /// If it cannot be made durable now.
    pub fn wait(&self, ticket: Ticket) -> Result<(), Unwritable> {
        Ok(self.core.journal.wait(ticket)?)
    }

    /// Whether the history has all that was added, so that [`TenantVisits::view`] needs not wait.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.core.queue.is_caught_up()
    }

    /// Writes to segments what only the journal has.
    ///
    /// # Errors
    /// If the disk fails; then all stays as it was.
    pub fn flush(&self) -> Result<(), VisitsError> {
        self.core.ask(Command::Flush)
    }

    /// Does now what is otherwise done in the background: closes idle hours, merges segments, lets go of what is too old.
    ///
    /// # Errors
    /// If the disk fails; then all stays as it was.
    pub fn maintain(&self) -> Result<(), VisitsError> {
        self.core.ask(Command::Maintain)
    }

    /// Writes to segments what only the journal has, if it can, and ends the history's thread. Nothing is to be added, and
    /// nothing asked that waits, from then on.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.core.stopping.store(true, Ordering::Relaxed);
            for tenant in &self.core.tenants {
                tenant.hot.close(|_| true);
            }
            self.core.queue.command(Command::Stop);
            // A panic in it has been reported where it happened.
            drop(thread.join());
            self.core.journal.close();
        }
    }

    /// What there is to know at a glance.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { journal_bytes: self.core.journal.bytes(), ..Stats::default() };
        for tenant in &self.core.tenants {
            let (hot, snapshot) = (tenant.hot.all(), tenant.snapshot.load());
            stats.hot_bytes += hot.iter().map(|hour| hour.bytes()).sum::<usize>();
            stats.hot_hours += hot.len();
            stats.segments += snapshot.parts().count();
            stats.segment_bytes += snapshot.parts().map(|part| part.segment.bytes()).sum::<u64>();
        }
        stats
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl NoTenant ===

impl From<NoTenant> for Unwritable {
    fn from(error: NoTenant) -> Self {
        Self { reason: error.to_string() }
    }
}

// === impl Core ===

impl Core {
    pub(crate) fn today(&self) -> Day {
        self.options.now().day()
    }

    /// Whether new visits of an hour can be taken.
    pub(crate) fn accept(&self, tenant: &Tenant, hour: Hour) -> Result<(), Unwritable> {
        tenant.accept(hour, &self.options)?;
        if self.queue.is_full() {
            return Err(Unwritable { reason: "more comes in than the history can take in".to_owned() });
        }
        Ok(())
    }

    /// Lets the history's thread do something, and waits for it.
    fn ask<T>(
        &self,
        command: impl FnOnce(mpsc::SyncSender<Result<T, VisitsError>>) -> Command,
    ) -> Result<T, VisitsError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.queue.command(command(reply));
        answer.recv().map_err(|_| VisitsError::Closed)?
    }
}
