//! The one thread that changes the history: takes visits in, writes segments, forgets, and lets go of what is too old.

mod compact;
mod forget;
mod retention;
mod store;

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use self::compact::{Done, Running};
pub(crate) use self::store::{Store, TenantStore, is_segment, segment_name};
use crate::Hour;
use crate::hot::HotHour;
use crate::manifest::Manifest;
use crate::snapshot::Snapshot;
use crate::visits::{Core, Tenant, VisitsError};
use tallygate_disk::Disk;

/// What others ask of the thread.
pub(crate) enum Command {
    Flush(SyncSender<Result<(), VisitsError>>),
    Maintain(SyncSender<Result<(), VisitsError>>),
    /// With the place of the tenant that is to forget.
    Forget(usize, Vec<IpAddr>, SyncSender<Result<usize, VisitsError>>),
    /// A merge in the background has ended.
    Merged(Done),
    Stop,
}

pub(crate) struct History {
    core: Arc<Core>,
    store: Store,
    running: Option<Running>,
    /// The hour of the last flush.
    flushed: Hour,
    /// When idle hours were last looked for, and when something last failed.
    looked: Instant,
    failed: Option<Instant>,
    /// When the clock was found to be far ahead of a tenant's history.
    leapt: Vec<Option<Instant>>,
    /// The tenant that is looked at first for something to merge.
    merge_first: usize,
    /// When the disk was last looked at, and whether something was gone then.
    looked_at_disk: Instant,
    told_gone: bool,
}

/// How often the thread looks whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// After a failure, the disk is left alone for so long.
const RETRY: Duration = Duration::from_secs(5);
/// An hour that nobody wrote to for so long is closed.
const IDLE: Duration = Duration::from_secs(120);
/// Bytes of journal, and visits in memory, at which segments are written.
const JOURNAL_BYTES: u64 = 64 << 20;
const VISITS_IN_MEMORY: u64 = 4 << 20;
/// Milliseconds into an hour at which the one before is written: what is on its way is in by then.
const GRACE: i64 = 60_000;

// === impl History ===

impl History {
    pub(crate) fn new(core: Arc<Core>, store: Store) -> Self {
        let (flushed, now) = (core.options.now(), Instant::now());
        Self {
            core,
            leapt: vec![None; store.tenants.len()],
            merge_first: 0,
            store,
            running: None,
            flushed,
            looked: now,
            failed: None,
            looked_at_disk: now,
            told_gone: false,
        }
    }

    /// Works until it is told to stop; then writes what is not in segments yet.
    pub(crate) fn run(mut self) {
        let mut stop = false;
        self.remove_unused();
        while !stop {
            let taken = self.core.queue.wait(TICK);
            self.take_in(taken.batches, taken.mark);
            for command in taken.commands {
                stop |= self.obey(command);
            }
            if !stop {
                self.tend();
            }
        }
        if let Some(running) = self.running.take() {
            running.wait();
        }
        if let Err(error) = self.flush() {
            tracing::error!(%error, "the last visits are in the journal alone; they are read from there at the next start");
        }
        self.core.queue.close();
    }

    fn obey(&mut self, command: Command) -> bool {
        match command {
            // Whoever asked may have stopped waiting.
            Command::Flush(reply) => drop(reply.send(self.flush())),
            Command::Maintain(reply) => drop(reply.send(self.maintain())),
            Command::Forget(at, addresses, reply) => drop(reply.send(self.forget(at, &addresses))),
            Command::Merged(done) => self.merged(done),
            Command::Stop => return true,
        }
        false
    }

    /// Makes batches part of the history, and lets those know who wait for it.
    fn take_in(&mut self, batches: Vec<crate::absorb::Batch>, mark: u64) {
        if !batches.is_empty() {
            match self.store.take_in(batches) {
                Ok(concerned) => concerned.into_iter().for_each(|at| self.publish(at)),
                Err(error) => {
                    // What is in memory is read as it was written; it cannot be damaged but by a fault of this program.
                    tracing::error!(%error, "visits cannot be made part of the history");
                    self.publish_all();
                }
            }
        }
        self.core.queue.absorbed(mark);
    }

    /// Shows others what a tenant's history has now.
    fn publish(&self, at: usize) {
        self.core.tenants[at].snapshot.store(Arc::new(self.store.tenants[at].snapshot.clone()));
    }

    fn publish_all(&self) {
        (0..self.store.tenants.len()).for_each(|at| self.publish(at));
    }

    /// What is due by itself.
    fn tend(&mut self) {
        if self.core.options.as_kept || self.failed.is_some_and(|failed| failed.elapsed() < RETRY) {
            return;
        }
        if self.looked.elapsed() >= IDLE {
            self.looked = Instant::now();
            self.close_idle(|_, hour| !hour.was_touched());
        }
        self.bound_hot();
        let is_gone = self.is_anything_to_be_written_again();
        let result = if is_gone || self.is_due() { self.flush() } else { Ok(()) };
        if is_gone && result.is_ok() {
            self.core.lacking.store(false, Ordering::Release);
        }
        let result = result.and_then(|()| self.advance_floors()).and_then(|()| self.start_merging());
        self.failed = result.is_err().then(Instant::now);
        if let Err(error) = result {
            tracing::error!(%error, "the history cannot be written; it is kept in memory and in the journal meanwhile");
        }
    }

    /// Whether a file is gone that a crash would need, and that a flush writes again. Where it cannot be written, the journal
    /// fails, and visits are refused rather than lost at the next crash. Looks at most once in a tick.
    fn is_anything_to_be_written_again(&mut self) -> bool {
        if self.looked_at_disk.elapsed() < TICK {
            return false;
        }
        self.looked_at_disk = Instant::now();
        let gone = self.core.gone();
        if let Some(gone) = gone.as_ref().filter(|_| !self.told_gone) {
            tracing::error!("{}", gone.reason);
        }
        self.told_gone = gone.is_some();
        let is_to_be_written = gone.is_some_and(|gone| gone.can_be_written_again);
        if is_to_be_written {
            self.core.lacking.store(true, Ordering::Release);
        }
        is_to_be_written || self.core.lacking.load(Ordering::Acquire)
    }

    /// Whether segments are to be written now.
    fn is_due(&mut self) -> bool {
        let now = (self.core.options.clock)();
        let hour = Hour::of_unix_ms(now - GRACE).unwrap_or(Hour(0));
        let in_memory = self.store.in_memory();
        let visits: u64 = in_memory.map(|part| part.segment.v4_len() + part.segment.v6_len()).sum();
        if visits == 0 {
            self.flushed = hour;
            return false;
        }
        hour > self.flushed || visits >= VISITS_IN_MEMORY || self.core.journal.bytes() >= JOURNAL_BYTES
    }

    /// Closes hours other than the current one. `idle` chooses among those of a tenant.
    fn close_idle(&mut self, idle: impl Fn(&Tenant, &HotHour) -> bool) {
        let (core, current) = (Arc::clone(&self.core), self.core.options.now());
        let close = |tenant: &&Tenant| tenant.hot.close(|hour| idle(tenant, hour) && hour.hour() != current);
        let closed: Vec<_> = core.tenants.iter().filter(close).collect();
        if closed.is_empty() {
            return;
        }
        // Nothing is added to them from now on, and what was is in the queue once those are through who are on their way there.
        closed.iter().for_each(|tenant| tenant.let_through());
        // Once the history has all of it, nobody needs to look there.
        self.take_in_queue();
        closed.iter().for_each(|tenant| tenant.hot.remove_closed());
    }

    /// Closes the largest hours that are not the current one while those of all tenants take more memory together than they may.
    fn bound_hot(&mut self) {
        let current = self.core.options.now();
        let mut sizes = Vec::new();
        for tenant in &self.core.tenants {
            sizes.extend(tenant.hot.all().iter().map(|hour| (hour.bytes(), (hour.hour(), tenant.at))));
        }
        sizes.retain(|(_, (hour, _))| *hour != current);
        sizes.sort_unstable();
        let mut total: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        let mut closed = Vec::new();
        while total > self.core.options.hot_bytes
            && let Some((bytes, largest)) = sizes.pop()
        {
            closed.push(largest);
            total -= bytes;
        }
        self.close_idle(|tenant, hour| closed.contains(&(hour.hour(), tenant.at)));
    }

    /// Takes in what is in the queue; commands stay there.
    fn take_in_queue(&mut self) {
        let taken = self.core.queue.take();
        self.take_in(taken.batches, taken.mark);
        taken.commands.into_iter().for_each(|command| self.core.queue.command(command));
    }

    /// Writes to segments what only the journal has, of all tenants.
    pub(crate) fn flush(&mut self) -> Result<(), VisitsError> {
        self.flush_with(|_, _, _| Ok(()))
    }

    /// As [`Self::flush`], with a further change of the history in the same transaction.
    fn flush_with(
        &mut self,
        change: impl FnOnce(&mut Store, &dyn Disk, &mut [Snapshot]) -> Result<(), VisitsError>,
    ) -> Result<(), VisitsError> {
        let flushed = self.try_flush_with(change);
        if flushed.is_err() {
            // The disk may be full because of what it got to.
            self.remove_unused();
        }
        flushed
    }

    fn try_flush_with(
        &mut self,
        change: impl FnOnce(&mut Store, &dyn Disk, &mut [Snapshot]) -> Result<(), VisitsError>,
    ) -> Result<(), VisitsError> {
        let journal_from = self.core.journal.rotate()?;
        // All that was committed to the files before is in the queue, at the latest.
        self.take_in_queue();
        let mut next = self.store.snapshots();
        change(&mut self.store, &*self.core.disk, &mut next)?;
        for next in &mut next {
            self.store.write_memory(next, &*self.core.disk)?;
        }
        self.commit(next, journal_from)?;
        self.flushed = Hour::of_unix_ms((self.core.options.clock)() - GRACE).unwrap_or(Hour(0));
        Ok(())
    }

    /// Makes histories of all tenants those that count, durably. They have nothing in memory alone, and the matrices belong to
    /// them.
    fn commit(&mut self, mut next: Vec<Snapshot>, journal_from: u64) -> Result<(), VisitsError> {
        next.iter_mut().for_each(Snapshot::settle);
        self.store(next, journal_from)?;
        self.end_erasure();
        self.remove_unused();
        // The files are read again at worst.
        if let Err(error) = self.core.journal.remove_before(journal_from) {
            tracing::warn!(%error, "journal files that are no longer needed cannot be removed");
        }
        Ok(())
    }

    fn store(&mut self, next: Vec<Snapshot>, journal_from: u64) -> Result<(), VisitsError> {
        let manifest = self.store.manifest(&next, journal_from);
        let failed = |source| VisitsError::Io { what: "write the list of segments".into(), source };
        Manifest::write(&manifest, &*self.core.disk).map_err(failed)?;
        self.store.perhaps_listed = self.store.next_file;
        Manifest::replace(&*self.core.disk).map_err(failed)?;
        self.store.perhaps_listed = 0;
        for (tenant, next) in self.store.tenants.iter_mut().zip(next) {
            tenant.snapshot = next;
        }
        self.store.journal_from = journal_from;
        self.publish_all();
        Ok(())
    }

    /// Removes segment files that count no more. What cannot be removed is tried again.
    fn remove_unused(&mut self) {
        let used: HashSet<u64> = self.store.parts().filter_map(|part| part.file).collect();
        let (running, perhaps_listed) = (self.running.as_ref().map(Running::file), self.store.perhaps_listed);
        let counts = |file: u64| used.contains(&file) || running == Some(file) || file < perhaps_listed;
        let disk = &self.core.disk;
        let is_left =
            |file: u64| disk.remove(&segment_name(file)).is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        self.store.on_disk.retain(|file| counts(*file) || is_left(*file));
    }
}
