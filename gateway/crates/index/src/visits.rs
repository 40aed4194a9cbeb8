//! Visits: which addresses came at which hours, exactly, durably, over any range.

mod error;
mod inspection;
pub(crate) mod load;
mod ready;
mod write;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use crate::absorb::Matrices;
use crate::history::{Command, History};
use crate::hot::HotHours;
use crate::journal::{self, Durability, Observer, Progress, Ticket, Unwritable};
use crate::manifest::Manifest;
use crate::query::View;
use crate::queue::Queue;
use crate::segment::Without;
use crate::snapshot::Snapshot;
use crate::unique::{NewIps, UniqueIps, mapped};
use crate::v6::Ipv6Policy;
use crate::{Day, Hour};
use tallygate_disk::Disk;
use tallygate_wal::Wal;

pub use self::error::VisitsError;
pub use self::inspection::Inspection;
pub use self::load::Opened;
pub use self::ready::NotReady;
pub use self::write::{Scratch, Write};

/// How visits are kept.
#[derive(Clone)]
pub struct Options {
    /// When a batch is acknowledged.
    pub durability: Durability,
    /// How IPv6 addresses are told apart. Must stay the same for one data directory.
    pub ipv6: Ipv6Policy,
    /// Days that are kept; whole months are dropped when all of them is older.
    pub retention: u32,
    /// Whether the addresses since the start are counted beside those ever.
    pub since_start: bool,
    /// Bytes that open hours other than the current one may occupy together.
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

/// What the threads share.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) journal: Wal,
    pub(crate) hot: HotHours,
    pub(crate) ever: UniqueIps,
    pub(crate) since_start: Option<UniqueIps>,
    /// Those of the set that is counted which came in batches that were refused, and in no other since.
    pub(crate) unacknowledged: UniqueIps,
    pub(crate) queue: Queue<Command>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Guards nothing but themselves: changed by the history's thread alone.
    pub(crate) matrices: Arc<RwLock<Matrices>>,
    /// Held for reading while new visits go from the hot hours to the queue, for writing while addresses are taken out of the
    /// sets. Guards which ones the history still has, but perhaps not for long: whoever brings them brings them anew.
    pub(crate) gate: RwLock<Without>,
    /// Something that only memory has is to be written again, as its file is gone.
    pub(crate) lacking: AtomicBool,
    /// No merge is to go on.
    pub(crate) stopping: AtomicBool,
}

/// What there is to know about the visits at a glance.
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
    /// Durable, kept for 400 days, by the system's clock.
    fn default() -> Self {
        let since_epoch = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
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
        let core = Arc::new(Core {
            since_start: options.since_start.then(|| UniqueIps::new(options.ipv6)),
            unacknowledged: UniqueIps::new(options.ipv6),
            options,
            disk,
            journal,
            hot: HotHours::new(),
            ever: loaded.ever,
            queue: Queue::new(),
            snapshot: ArcSwap::from_pointee(loaded.state.snapshot.clone()),
            matrices: Arc::clone(&loaded.state.matrices),
            gate: RwLock::new(Without::default()),
            lacking: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let history = History::new(Arc::clone(&core), loaded.state);
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

    /// Begins to add a batch.
    pub fn write<'a>(&'a self, scratch: &'a mut Scratch) -> Write<'a> {
        Write::new(&self.core, scratch)
    }

    /// How many addresses came ever, or since the start if this is what is counted.
    #[must_use]
    pub fn unique(&self) -> u64 {
        self.counted().len()
    }

    /// The set that is counted.
    #[must_use]
    pub fn counted(&self) -> &UniqueIps {
        self.core.since_start.as_ref().unwrap_or(&self.core.ever)
    }

    /// All addresses that ever came.
    #[must_use]
    pub fn ever(&self) -> &UniqueIps {
        &self.core.ever
    }

    /// How many addresses are counted that came in batches which were refused, and in no other since. A batch is put into the
    /// sets before it is durable, so what was on its way when the journal failed is there, and becomes durable when it can.
    #[must_use]
    pub fn unacknowledged(&self) -> u64 {
        self.core.unacknowledged.len()
    }

    /// Notes that a batch was refused after it had brought these addresses, as [`Scratch::take_arrived`] says.
    pub fn refused(&self, arrived: &NewIps) {
        self.core.unacknowledged.insert(&arrived.v4, &arrived.v6, &mut NewIps::default());
    }

    /// Notes that a batch of these addresses is acknowledged. Costs nothing while none was refused.
    pub fn acknowledged(&self, v4: &[u32], v6: &[u128]) {
        if self.core.unacknowledged.is_empty() {
            return;
        }
        let granularity = self.core.options.ipv6.granularity;
        for address in v4 {
            self.core.unacknowledged.v4().remove(*address);
        }
        for address in v6 {
            match mapped(*address) {
                Some(v4) => self.core.unacknowledged.v4().remove(v4),
                None => self.core.unacknowledged.v6().remove(granularity.mask(*address)),
            };
        }
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

    /// Whether an hour is within what is kept. Visits of others cannot be added.
    #[must_use]
    pub fn keeps(&self, hour: Hour) -> bool {
        self.core.keeps(hour)
    }

    /// The oldest day that is kept.
    #[must_use]
    pub fn oldest_day(&self) -> Day {
        self.core.snapshot.load().floors.day
    }

    /// Whether the history has all that was added, so that [`Self::view`] needs not wait.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.core.queue.is_caught_up()
    }

    /// What was added up to now, to be asked. Waits until the history has taken it in: some milliseconds, while much comes in.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.core.queue.catch_up();
        self.view_now()
    }

    /// What the history has, and what single addresses are asked of: they are found even if it has not taken them in yet.
    #[must_use]
    pub fn view_now(&self) -> View<'_> {
        // In this order: an hour leaves the hot ones only after the history has all of it.
        let hot = self.core.hot.all();
        View::new(self.core.snapshot.load_full(), &self.core.matrices, hot, &self.core.options)
    }

    /// Forgets addresses: every count is then what it would be had they never come. Returns how many had come.
    ///
    /// # Errors
    /// If it cannot be made durable. Then nothing is forgotten, unless the power fails now: it may be found done after that.
    pub fn forget(&self, addresses: &[IpAddr]) -> Result<usize, VisitsError> {
        let forgotten = self.ask(|reply| Command::Forget(addresses.to_vec(), reply))?;
        for address in addresses {
            self.core.unacknowledged.remove(*address);
        }
        Ok(forgotten)
    }

    /// Writes to segments what only the journal has.
    ///
    /// # Errors
    /// If the disk fails; then all stays as it was.
    pub fn flush(&self) -> Result<(), VisitsError> {
        self.ask(Command::Flush)
    }

    /// Does now what is otherwise done in the background: closes idle hours, merges segments, lets go of what is too old.
    ///
    /// # Errors
    /// If the disk fails; then all stays as it was.
    pub fn maintain(&self) -> Result<(), VisitsError> {
        self.ask(Command::Maintain)
    }

    /// Writes to segments what only the journal has, if it can, and ends the history's thread. Nothing is to be added, and
    /// nothing asked that waits, from then on.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.core.stopping.store(true, Ordering::Relaxed);
            self.core.hot.close(|_| true);
            self.core.queue.command(Command::Stop);
            // A panic in it has been reported where it happened.
            drop(thread.join());
            self.core.journal.close();
        }
    }

    /// What there is to know at a glance.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (hot, snapshot) = (self.core.hot.all(), self.core.snapshot.load());
        Stats {
            hot_bytes: hot.iter().map(|hour| hour.bytes()).sum(),
            hot_hours: hot.len(),
            segments: snapshot.parts().count(),
            segment_bytes: snapshot.parts().map(|part| part.segment.bytes()).sum(),
            journal_bytes: self.core.journal.bytes(),
        }
    }

    /// Lets the history's thread do something, and waits for it.
    fn ask<T>(&self, command: impl FnOnce(mpsc::Sender<Result<T, VisitsError>>) -> Command) -> Result<T, VisitsError> {
        let (reply, answer) = mpsc::channel();
        self.core.queue.command(command(reply));
        answer.recv().map_err(|_| VisitsError::Closed)?
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Core ===

impl Core {
    pub(crate) fn today(&self) -> Day {
        self.options.now().day()
    }

    /// Whether new visits of an hour can be taken.
    pub(crate) fn accept(&self, hour: Hour) -> Result<(), Unwritable> {
        let reason = if !self.keeps(hour) {
            let (own, day) = (hour.day(), self.snapshot.load().floors.day);
            if own < day {
                format!("visits of {own} cannot be kept, as the history begins with {day}; is the clock right?")
            } else {
                let seconds = self.options.patience.as_secs();
                format!(
                    "{own} is months ahead of the history; if the clock stays there, visits are taken after {seconds} s"
                )
            }
        } else if self.queue.is_full() {
            "more comes in than the history can take in".to_owned()
        } else {
            return Ok(());
        };
        Err(Unwritable { reason })
    }

    pub(crate) fn keeps(&self, hour: Hour) -> bool {
        self.snapshot.load().floors.keep(hour)
    }
}
