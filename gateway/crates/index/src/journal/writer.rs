//! The journal's thread: takes what was committed, writes it and syncs it.

use super::frame::{HEADER, Header};
use super::replay::name;
use super::shared::{Alarm, Shared, Work};
use super::{Durability, JournalError, Observer, Options, failed, with_sources};
use crate::disk::{Disk, DiskFile};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The one who writes. A file that could not be written or synced is never touched again: Linux takes what a failed sync was
/// for as synced. All that is not known to be durable is kept, and goes into the next file.
pub(super) struct Writer {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    observer: Arc<dyn Observer>,
    options: Options,
    /// None since something failed.
    file: Option<Box<dyn DiskFile>>,
    header: Header,
    /// Frames that are not known to be durable.
    kept: Vec<u8>,
    /// How many bytes of `kept` are in `file`.
    written: usize,
    /// When these are to be synced at last.
    sync_at: Option<Instant>,
}

/// A file that can be written.
pub(super) struct Open {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) header: Header,
}

/// With durability by interval, more than this is synced without waiting for the interval to end.
const MOST_WRITTEN: usize = 8 << 20;
/// A buffer that has grown beyond this goes back to the allocator.
const MOST_IDLE: usize = 8 << 20;

// === impl Writer ===

impl Writer {
    /// Goes on in a file that [`create`] has made.
    pub(super) fn new(
        shared: Arc<Shared>,
        disk: Arc<dyn Disk>,
        observer: Arc<dyn Observer>,
        options: Options,
        open: Open,
    ) -> Self {
        let (kept, written, sync_at) = (Vec::new(), 0, None);
        Self { shared, disk, observer, options, file: Some(open.file), header: open.header, kept, written, sync_at }
    }

    /// Works until the journal is dropped.
    pub(super) fn run(mut self) {
        let mut alarm = Alarm::None;
        loop {
            let work = self.shared.next(alarm, &mut self.kept);
            let failing = self.file.is_none();
            let progress = match self.carry_out(&work) {
                Ok(()) => {
                    if failing {
                        tracing::info!(file = name(self.header.number), "the journal can be written again");
                    }
                    alarm = self.sync_at.map_or(Alarm::None, Alarm::At);
                    self.shared.publish_written(&work, self.kept.len())
                }
                Err(error) => {
                    self.fail(&error, failing || work.stop);
                    alarm = Alarm::At(Instant::now() + self.options.retry);
                    self.shared.publish_failure(&with_sources(&error))
                }
            };
            self.observer.progress(progress);
            if work.stop {
                return;
            }
        }
    }

    fn carry_out(&mut self, work: &Work) -> Result<(), JournalError> {
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

    fn write(&mut self) -> Result<(), JournalError> {
        let (Some(file), Some(bytes @ [_, ..])) = (&mut self.file, self.kept.get(self.written..)) else {
            return Ok(());
        };
        file.write_all(bytes).map_err(failed("write", self.header.number))?;
        let count = bytes.len() as u64;
        self.written = self.kept.len();
        if let Some((_, bytes)) = self.shared.state().files.last_mut() {
            *bytes += count;
        }
        self.observer.written(count);
        if let Durability::Interval(interval) = self.options.durability {
            self.sync_at.get_or_insert_with(|| Instant::now() + interval);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        let Some(file) = self.file.as_mut().filter(|_| self.written > 0) else { return Ok(()) };
        let start = Instant::now();
        file.sync().map_err(failed("sync", self.header.number))?;
        self.observer.synced(start.elapsed());
        self.forget_kept();
        Ok(())
    }

    /// Goes on in the next file, with all that is kept, durably.
    fn begin_file(&mut self, whole_below: u64) -> Result<(), JournalError> {
        self.header.number += 1;
        let header = Header { whole_below, ..self.header };
        let start = Instant::now();
        let open = create(&*self.disk, header, |file| file.write_all(&self.kept))?;
        let count = self.kept.len() as u64;
        self.shared.state().files.push((header.number, HEADER as u64 + count));
        self.observer.written(HEADER as u64 + count);
        self.observer.synced(start.elapsed());
        (self.header, self.file) = (open.header, Some(open.file));
        self.forget_kept();
        Ok(())
    }

    fn forget_kept(&mut self) {
        self.kept.clear();
        self.kept.shrink_to(MOST_IDLE);
        (self.written, self.sync_at) = (0, None);
    }

    fn fail(&mut self, error: &JournalError, known: bool) {
        (self.file, self.written, self.sync_at) = (None, 0, None);
        let (error, kept_bytes) = (with_sources(error), self.kept.len());
        if known {
            tracing::debug!(error, kept_bytes, "the journal still cannot be written");
        } else {
            let retry = self.options.retry;
            tracing::error!(
                error,
                kept_bytes,
                ?retry,
                "the journal cannot be written: visits are refused until it can"
            );
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody may wait for a thread that is no more, an observer's panic being what can end it.
        if std::thread::panicking() {
            self.shared.publish_failure("the journal's thread has panicked: start again");
        } else if !self.kept.is_empty() {
            tracing::error!(
                lost_bytes = self.kept.len(),
                "the journal ends and cannot write what was not acknowledged"
            );
        }
    }
}

/// Makes a file with a header and what `fill` writes, and makes all of it durable, its name included.
pub(super) fn create(
    disk: &dyn Disk,
    header: Header,
    fill: impl FnOnce(&mut dyn DiskFile) -> std::io::Result<()>,
) -> Result<Open, JournalError> {
    let name = name(header.number);
    let mut file = disk.create(&name).map_err(failed("create", header.number))?;
    let written =
        file.write_all(&header.encode()).and_then(|()| fill(&mut *file)).map_err(failed("write", header.number));
    let synced = written.and_then(|()| file.sync().and_then(|()| disk.sync()).map_err(failed("sync", header.number)));
    if let Err(error) = synced {
        // Each attempt would leave a file. If this one cannot be removed, what is in it does no harm.
        let _ = disk.remove(&name);
        return Err(error);
    }
    Ok(Open { file, header })
}

/// How long the journal waits after a failure, if nothing else is asked for.
pub(super) const RETRY: Duration = Duration::from_secs(1);
