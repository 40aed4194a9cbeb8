//! The two threads of the swap: one that waits for files to change and loads what they hold, and one that looks after
//! generations on probation. Both make way for whoever serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{Swap, Wish};
use crate::thread;

/// The threads, until dropped. They end when what they are at is done; nobody waits for that.
pub(crate) struct Threads {
    hint: Hint,
    stopped: Arc<AtomicBool>,
    _stop_guard: SyncSender<()>,
}

/// Asks for the configuration and the plugins to be read again.
#[derive(Clone)]
pub(crate) struct Hint {
    wake: SyncSender<()>,
    asked: Arc<AtomicBool>,
}

/// Which file it is, how long, and when it was written to: what changes when its content does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Signature {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The files of interest, and how they looked last.
struct Files {
    swap: Arc<Swap>,
    configuration: Option<(PathBuf, Option<Signature>)>,
    /// By name and path: several plugins may be read from one file.
    plugins: BTreeMap<(String, PathBuf), Option<Signature>>,
    /// Whether somebody wants everything to be read again.
    asked: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

/// Writers seldom write once: a file is read when it has been left alone for so long,
const SETTLE: Duration = Duration::from_millis(100);
/// or when it has been written to for so long.
const SETTLE_MOST: Duration = Duration::from_secs(5);
/// How often generations on probation are looked at.
const LOOK: Duration = Duration::from_millis(200);

// === impl Threads ===

impl Threads {
    /// Starts both. `seen` is how the configuration file looked before it was read.
    pub(crate) fn start(swap: Arc<Swap>, file: Option<PathBuf>, seen: Option<Signature>) -> io::Result<Self> {
        // One that waits is as good as many.
        let (wake, wakes) = sync_channel(1);
        let hint = Hint { wake, asked: Arc::default() };
        let (watcher, asked) = (watcher(hint.wake.clone()), Arc::clone(&hint.asked));
        let (stop_guard, ended) = sync_channel::<()>(0);
        let stopped = Arc::<AtomicBool>::default();
        std::thread::Builder::new().name("probation".into()).spawn({
            let swap = Arc::clone(&swap);
            move || {
                thread::make_way();
                while matches!(ended.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                    unharmed(|| swap.look_after());
                }
            }
        })?;
        let mut files = Files {
            swap,
            configuration: file.map(|file| (file, seen)),
            plugins: BTreeMap::new(),
            asked,
            stopped: Arc::clone(&stopped),
            watcher,
            watched: BTreeSet::new(),
        };
        std::thread::Builder::new().name("swap".into()).spawn(move || {
            thread::make_way();
            files.run(&wakes);
        })?;
        Ok(Self { hint, stopped, _stop_guard: stop_guard })
    }

    pub(crate) fn hint(&self) -> Hint {
        self.hint.clone()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.hint.wake();
    }
}

// === impl Hint ===

impl Hint {
    pub(crate) fn give(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        // If one waits already, it does as well.
        let _full = self.wake.try_send(());
    }
}

// === impl Files ===

impl Files {
    fn run(&mut self, wakes: &Receiver<()>) {
        // What has changed since it was read for the start is seen now, and what changes from now on is told.
        self.watch();
        unharmed(|| self.look());
        loop {
            self.watch();
            // Where the system does not tell of changes, looking does.
            if wakes.recv_timeout(self.swap.poll()).is_ok() {
                settle(wakes);
            }
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            unharmed(|| if self.asked.swap(false, Ordering::Relaxed) { self.reload() } else { self.look() });
        }
    }

    fn look(&mut self) {
        if self.configuration.as_ref().is_some_and(|(file, seen)| settled(file, *seen) != *seen) {
            self.reload();
            return;
        }
        for place in self.swap.files() {
            let known = self.plugins.get(&place).copied();
            let now = settled(&place.1, known.flatten());
            if Some(now) != known {
                self.plugins.insert(place.clone(), now);
                self.swap.refresh(&place.0);
            }
        }
    }

    /// Reads everything again, plugins included.
    fn reload(&mut self) {
        if let Some((file, seen)) = &mut self.configuration {
            *seen = Signature::of(file);
        }
        self.note_plugins();
        // What is wrong has been told by whoever found it.
        drop(self.swap.reload(Wish::default()));
    }

    fn note_plugins(&mut self) {
        let signature = |place: (String, PathBuf)| {
            let signature = Signature::of(&place.1);
            (place, signature)
        };
        self.plugins = self.swap.files().into_iter().map(signature).collect();
    }

    /// Watches the folders rather than the files: editors and Kubernetes replace files, they do not write into them. Where
    /// a link leads elsewhere, both places are watched.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let plugins = self.swap.files().into_iter().map(|(_, file)| file);
        let files = self.configuration.iter().map(|(file, _)| file.clone()).chain(plugins);
        let folders: BTreeSet<_> = files
            .flat_map(|file| [folder_of(&file), file.canonicalize().ok().and_then(|file| folder_of(&file))])
            .flatten()
            .collect();
        for gone in self.watched.difference(&folders) {
            // It may have gone together with its folder.
            drop(watcher.unwatch(gone));
        }
        let mut watched: BTreeSet<_> = self.watched.intersection(&folders).cloned().collect();
        for folder in folders.difference(&self.watched) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder.clone())),
                Err(error) => tracing::debug!(folder = %folder.display(), %error, "not watched, looked at instead"),
            }
        }
        self.watched = watched;
    }
}

/// Goes on after a panic, which has been told where it happened: a thread that ends would be missed by nobody until it is
/// needed.
fn unharmed(act: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(act)).is_err() {
        tracing::error!("the gateway failed while it looked after plugins, and goes on");
    }
}

fn watcher(wake: SyncSender<()>) -> Option<RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _full = wake.try_send(());
        }
    });
    watcher
        .inspect_err(|error| tracing::warn!(%error, "the system tells of no changes; files are looked at instead"))
        .ok()
}

/// Waits until nothing more comes for a moment.
fn settle(wakes: &Receiver<()>) {
    let start = Instant::now();
    while start.elapsed() < SETTLE_MOST && wakes.recv_timeout(SETTLE).is_ok() {}
}

/// How a file looks now; if that is not how it is known to look, how it looks when it has been left alone for a moment.
fn settled(file: &Path, known: Option<Signature>) -> Option<Signature> {
    let (start, mut now) = (Instant::now(), Signature::of(file));
    while now != known && start.elapsed() < SETTLE_MOST && !now.is_some_and(Signature::is_settled) {
        std::thread::sleep(SETTLE);
        let before = std::mem::replace(&mut now, Signature::of(file));
        if now == before {
            break;
        }
    }
    now
}

fn folder_of(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() })
}

// === impl Signature ===

impl Signature {
    /// Whether the file has been left alone for a moment. Not if its times lie in the future, as they may where another
    /// machine's clock gives them.
    fn is_settled(self) -> bool {
        let (seconds, nanoseconds) = self.modified.max(self.changed);
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else { return true };
        let written = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        written.elapsed().is_ok_and(|age| age >= SETTLE)
    }

    /// How a file looks now; `None` if there is none that can be looked at.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let about: Metadata = std::fs::metadata(file).ok()?;
        Some(Self {
            device: about.dev(),
            inode: about.ino(),
            length: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        })
    }
}
