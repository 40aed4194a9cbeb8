//! The log's thread: takes what was committed, writes it and syncs it.

use crate::commit_queue::{Alarm, CommitQueue, Work};
use crate::error::{failed, with_sources};
use crate::frame::{Extent, HEADER, Header};
use crate::{Durability, Format, Observer, Options, WalError, newest};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tallygate_disk::{Disk, DiskFile};

/// The one who writes. A file that could not be written or synced is never touched again: Linux takes what a failed sync was
/// for as synced. All that is not known to be durable is kept, and goes into the next file.
pub(super) struct Writer {
    queue: Arc<CommitQueue>,
    format: &'static Format,
    disk: Arc<dyn Disk>,
    observer: Arc<dyn Observer>,
    options: Options,
    /// None since something failed with it.
    file: Option<Box<dyn DiskFile>>,
    /// Whether the last attempt failed.
    failing: bool,
    header: Header,
    /// Of the last file that was begun: its number, how much of it is synced, and how much is written.
    number: u64,
    synced: Extent,
    ahead: Extent,
    /// Frames that are not known to be durable.
    kept: Vec<u8>,
    /// How many bytes of `kept` are in `file`.
    written: usize,
    /// When these are to be synced at last.
    sync_at: Option<Instant>,
}

/// A file that can be written.
pub(super) struct Open {
    /// None if nothing can be added to it.
    file: Option<Box<dyn DiskFile>>,
    header: Header,
    /// How much of it is synced.
    synced: Extent,
    /// How much is written.
    pub(super) at: u64,
}

/// With durability by interval, more than this is synced without waiting for the interval to end.
const MOST_WRITTEN: usize = 8 << 20;
/// A buffer that has grown beyond this goes back to the allocator.
const MOST_IDLE: usize = 8 << 20;

// === impl Writer ===

impl Writer {
    /// Goes on in a file that [`create`] has made.
    pub(super) fn new(
        queue: Arc<CommitQueue>,
        disk: Arc<dyn Disk>,
        observer: Arc<dyn Observer>,
        options: Options,
        open: Open,
    ) -> Self {
        let Open { file, header, synced, at } = open;
        let format = queue.format();
        Self {
            queue,
            format,
            disk,
            observer,
            options,
            file,
            failing: false,
            header,
            number: header.number,
            synced,
            ahead: Extent { bytes: at, ..synced },
            kept: Vec::new(),
            written: 0,
            sync_at: None,
        }
    }

    /// Works until the log is closed.
    pub(super) fn run(mut self) {
        let mut alarm = Alarm::None;
        loop {
            let work = self.queue.next(alarm, &mut self.kept);
            let failing = self.failing;
            let progress = match self.carry_out(&work) {
                Ok(()) => {
                    self.failing = false;
                    if failing {
                        let file = self.format.file(self.header.number);
                        tracing::info!(file, "the {} can be written again", self.format.name);
                    }
                    alarm = self.sync_at.map_or(Alarm::None, Alarm::At);
                    self.queue.publish_written(&work, self.kept.len())
                }
                Err(error) => {
                    self.fail(&error, failing || work.stop);
                    alarm = Alarm::At(Instant::now() + self.options.retry);
                    self.queue.publish_failure(&with_sources(&error))
                }
            };
            self.observer.progress(progress);
            if work.stop {
                return;
            }
        }
    }

    fn carry_out(&mut self, work: &Work) -> Result<(), WalError> {
        if self.file.is_none() {
            // A crash may find that all files before this one lack what it has.
            return self.begin_file(self.header.whole_below);
        }
        self.write()?;
        if work.wanted || work.rotation.is_some() || work.stop || self.is_due() {
            self.sync()?;
        }
        if work.rotation.is_some() {
            self.file = None;
            self.begin_file(self.header.number + 1)?;
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        matches!(self.options.durability, Durability::Fsync)
            || self.kept.len() > MOST_WRITTEN
            || self.sync_at.is_some_and(|time| time <= Instant::now())
    }

    fn write(&mut self) -> Result<(), WalError> {
        let (Some(file), Some(bytes @ [_, ..])) = (&mut self.file, self.kept.get(self.written..)) else {
            return Ok(());
        };
        file.write_all(bytes).map_err(|error| failed("write", self.format.file(self.header.number))(error))?;
        let count = bytes.len() as u64;
        self.ahead.add(self.format, bytes);
        self.written = self.kept.len();
        self.tell_written(count);
        if let Durability::Interval(interval) = self.options.durability {
            self.sync_at.get_or_insert_with(|| Instant::now() + interval);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), WalError> {
        let Some(file) = self.file.as_mut().filter(|_| self.written > 0) else { return Ok(()) };
        let start = Instant::now();
        file.sync().map_err(|error| failed("sync", self.format.file(self.header.number))(error))?;
        self.observer.synced(start.elapsed());
        self.synced = self.ahead;
        self.forget_kept();
        self.mark();
        Ok(())
    }

    /// Says in the file how much of it is synced, for whoever finds less than that one day. If this fails, another file is
    /// begun for what comes next: behind a part of a mark, nothing could be told from damage.
    fn mark(&mut self) {
        let Some(file) = &mut self.file else { return };
        match mark(&mut **file, self.synced) {
            Ok(at) => {
                let count = at - self.ahead.bytes;
                self.ahead.bytes = at;
                self.tell_written(count);
            }
            Err(error) => {
                let file = self.format.file(self.number);
                tracing::warn!(file, %error, "the {} goes on in another file", self.format.name);
                self.file = None;
            }
        }
    }

    fn tell_written(&self, count: u64) {
        if let Some((_, bytes)) = self.queue.commits().files.last_mut() {
            *bytes += count;
        }
        self.observer.written(count);
    }

    /// Goes on in the next file, with all that is kept, durably.
    fn begin_file(&mut self, whole_below: u64) -> Result<(), WalError> {
        self.header.number += 1;
        let before = if self.synced.entries > 0 { Some((self.number, self.synced)) } else { self.header.before };
        let header = Header { whole_below, before, ..self.header };
        let start = Instant::now();
        let open = create(&*self.disk, self.format, header, |file, extent| {
            extent.add(self.format, &self.kept);
            file.write_all(&self.kept)
        })?;
        self.queue.commits().files.push((header.number, open.at));
        self.observer.written(open.at);
        self.observer.synced(start.elapsed());
        (self.header, self.number, self.file) = (open.header, open.header.number, open.file);
        (self.synced, self.ahead) = (open.synced, Extent { bytes: open.at, ..open.synced });
        self.forget_kept();
        Ok(())
    }

    fn forget_kept(&mut self) {
        self.kept.clear();
        self.kept.shrink_to(MOST_IDLE);
        (self.written, self.sync_at) = (0, None);
    }

    fn fail(&mut self, error: &WalError, known: bool) {
        (self.file, self.written, self.sync_at, self.failing) = (None, 0, None, true);
        let (error, kept_bytes) = (with_sources(error), self.kept.len());
        let Format { name, keeps, .. } = self.format;
        if known {
            tracing::debug!(error, kept_bytes, "the {name} still cannot be written");
        } else {
            let retry = self.options.retry;
            tracing::error!(
                error,
                kept_bytes,
                ?retry,
                "the {name} cannot be written: {keeps} are refused until it can"
            );
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody may wait for a thread that is no more, an observer's panic being what can end it.
        if std::thread::panicking() {
            let reason = format!("the {}'s thread has panicked: start again", self.format.name);
            self.queue.publish_failure(&reason);
        } else if !self.kept.is_empty() {
            tracing::error!(
                lost_bytes = self.kept.len(),
                "the {} ends and cannot write what was not acknowledged",
                self.format.name
            );
        }
    }
}

/// Makes a file with a header and the frames that `fill` writes and adds up, and makes all of it durable, its name included,
/// and that it is the newest.
pub(super) fn create(
    disk: &dyn Disk,
    format: &Format,
    header: Header,
    fill: impl FnOnce(&mut dyn DiskFile, &mut Extent) -> io::Result<()>,
) -> Result<Open, WalError> {
    let (name, number) = (format.file(header.number), header.number);
    let failed = |doing| failed(doing, format.file(number));
    let mut file = disk.create(&name).map_err(failed("create"))?;
    let mut synced = Extent::empty(HEADER as u64);
    let written = file.write_all(&header.encode(format)).and_then(|()| fill(&mut *file, &mut synced));
    let written = written.map_err(failed("write"));
    let durable = written.and_then(|()| file.sync().and_then(|()| disk.sync()).map_err(failed("sync")));
    let noted =
        durable.and_then(|()| newest::write(disk, format, number, synced).map_err(failed("note the number of")));
    if let Err(error) = noted {
        // Each attempt would leave a file. If this one cannot be removed, what is in it does no harm.
        let _ = disk.remove(&name);
        return Err(error);
    }
    // From here on the file may be the one that is noted, and must stay.
    newest::replace(disk, format).map_err(failed("note the number of"))?;
    let marked = if synced.entries > 0 { mark(&mut *file, synced) } else { Ok(synced.bytes) };
    // It is whole as it is. What comes next goes into another file.
    let (file, at) = marked.map_or((None, synced.bytes), |at| (Some(file), at));
    Ok(Open { file, header, synced, at })
}

/// Writes a mark, and returns how long the file is then.
fn mark(file: &mut dyn DiskFile, synced: Extent) -> io::Result<u64> {
    let mark = synced.mark();
    file.write_all(&mark)?;
    Ok(synced.bytes + mark.len() as u64)
}

/// How long the log waits after a failure, if nothing else is asked for.
pub(super) const RETRY: Duration = Duration::from_secs(1);
