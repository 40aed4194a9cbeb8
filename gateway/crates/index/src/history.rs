//! The one thread that changes the history: takes visits in, writes segments, forgets, and lets go of what is too old.

mod compact;
mod forget;

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use self::compact::{Done, Running};
use crate::absorb::{Awaited, Matrices};
use crate::damage::DamageTotals;
use crate::disk::{Disk, DiskFile};
use crate::manifest::{Known, Listed, Manifest, TenantManifest};
use crate::segment::{Input, Project, Segment, SegmentError, SegmentWriter, Span, Without, write_merged};
use crate::snapshot::{Part, Parts, Snapshot};
use crate::visits::{Core, VisitsError};
use crate::{Hour, TENANT};

/// What others ask of the thread.
pub(crate) enum Command {
    Flush(Sender<Result<(), VisitsError>>),
    Maintain(Sender<Result<(), VisitsError>>),
    Forget(Vec<IpAddr>, Sender<Result<usize, VisitsError>>),
    /// A merge in the background has ended.
    Merged(Done),
    Stop,
}

/// What the thread owns.
pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    /// Shared with those who ask; changed by the thread alone.
    pub(crate) matrices: Arc<RwLock<Matrices>>,
    pub(crate) awaited: Awaited,
    pub(crate) granularity: u32,
    /// Damage that was accepted, ever.
    pub(crate) damage: DamageTotals,
    /// The number of the next segment file.
    pub(crate) next_file: u64,
    /// The first journal file with visits that segments may lack.
    pub(crate) journal_from: u64,
    /// Segment files that may be there, those included that count no more.
    pub(crate) on_disk: HashSet<u64>,
    /// Files below this number may be on a list that takes the place of the last one after a crash.
    pub(crate) perhaps_listed: u64,
}

pub(crate) struct History {
    core: Arc<Core>,
    state: State,
    running: Option<Running>,
    /// The hour of the last flush.
    flushed: Hour,
    /// When idle hours were last looked for, and when something last failed.
    looked: Instant,
    failed: Option<Instant>,
    /// When the clock was found to be far ahead of the history.
    leapt: Option<Instant>,
    /// When the disk was last looked at, and whether something was gone then.
    looked_at_disk: Instant,
    told_gone: bool,
}

/// Segments in memory of one span: more are merged.
const IN_MEMORY: usize = 6;
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

const PREFIX: &str = "segment-";

pub(crate) fn segment_name(file: u64) -> String {
    format!("{PREFIX}{file:010}")
}

/// The number of a segment file.
pub(crate) fn is_segment(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// A file that takes no more when the writer is not to go on.
struct While<'a> {
    going: &'a dyn Fn() -> bool,
    file: Box<dyn DiskFile>,
}

// === impl History ===

impl History {
    pub(crate) fn new(core: Arc<Core>, state: State) -> Self {
        let (flushed, now) = (core.options.now(), Instant::now());
        Self {
            core,
            state,
            running: None,
            flushed,
            looked: now,
            failed: None,
            leapt: None,
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
            Command::Forget(addresses, reply) => drop(reply.send(self.forget(&addresses))),
            Command::Merged(done) => self.merged(done),
            Command::Stop => return true,
        }
        false
    }

    /// Makes batches part of the history, and lets those know who wait for it.
    fn take_in(&mut self, batches: Vec<crate::absorb::Batch>, mark: u64) {
        if !batches.is_empty() {
            if let Err(error) = self.state.take_in(&batches) {
                // What is in memory is read as it was written; it cannot be damaged but by a fault of this program.
                tracing::error!(%error, "visits cannot be made part of the history");
            }
            self.publish();
        }
        self.core.queue.absorbed(mark);
    }

    fn publish(&self) {
        self.core.snapshot.store(Arc::new(self.state.snapshot.clone()));
    }

    /// What is due by itself.
    fn tend(&mut self) {
        if self.core.options.as_kept || self.failed.is_some_and(|failed| failed.elapsed() < RETRY) {
            return;
        }
        if self.looked.elapsed() >= IDLE {
            self.looked = Instant::now();
            self.close_idle(|hour| !hour.was_touched());
        }
        self.bound_hot();
        let is_gone = self.is_anything_to_be_written_again();
        let result = if is_gone || self.is_due() { self.flush() } else { Ok(()) };
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
        gone.is_some_and(|gone| gone.can_be_written_again)
    }

    /// Whether segments are to be written now.
    fn is_due(&mut self) -> bool {
        let now = (self.core.options.clock)();
        let hour = Hour::of_unix_ms(now - GRACE).unwrap_or(Hour(0));
        let in_memory = self.state.in_memory();
        let visits: u64 = in_memory.map(|part| part.segment.v4_len() + part.segment.v6_len()).sum();
        if visits == 0 {
            self.flushed = hour;
            return false;
        }
        hour > self.flushed || visits >= VISITS_IN_MEMORY || self.core.journal.bytes() >= JOURNAL_BYTES
    }

    /// Closes hours other than the current one.
    fn close_idle(&mut self, idle: impl Fn(&crate::hot::HotHour) -> bool) {
        let current = self.core.options.now();
        if !self.core.hot.close(|hour| idle(hour) && hour.hour() != current) {
            return;
        }
        // Nothing is added to them from now on, and what was is in the queue once those are through who are on their way there.
        drop(self.core.gate.write().unwrap_or_else(PoisonError::into_inner));
        // Once the history has all of it, nobody needs to look there.
        self.take_in_queue();
        self.core.hot.remove_closed();
    }

    /// Closes the largest hours that are not the current one while they take more memory together than they may.
    fn bound_hot(&mut self) {
        let current = self.core.options.now();
        let mut sizes: Vec<_> = self.core.hot.all().iter().map(|hour| (hour.bytes(), hour.hour())).collect();
        sizes.retain(|(_, hour)| *hour != current);
        sizes.sort_unstable();
        let mut total: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        let mut closed = Vec::new();
        while total > self.core.options.hot_bytes
            && let Some((bytes, largest)) = sizes.pop()
        {
            closed.push(largest);
            total -= bytes;
        }
        self.close_idle(|hour| closed.contains(&hour.hour()));
    }

    /// Takes in what is in the queue; commands stay there.
    fn take_in_queue(&mut self) {
        let taken = self.core.queue.take();
        self.take_in(taken.batches, taken.mark);
        taken.commands.into_iter().for_each(|command| self.core.queue.command(command));
    }

    /// Writes to segments what only the journal has.
    pub(crate) fn flush(&mut self) -> Result<(), VisitsError> {
        self.flush_with(|_, _, _| Ok(()))
    }

    /// As [`Self::flush`], with a further change of the history in the same transaction.
    fn flush_with(
        &mut self,
        change: impl FnOnce(&mut State, &dyn Disk, &mut Snapshot) -> Result<(), VisitsError>,
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
        change: impl FnOnce(&mut State, &dyn Disk, &mut Snapshot) -> Result<(), VisitsError>,
    ) -> Result<(), VisitsError> {
        let journal_from = self.core.journal.rotate()?;
        // All that was committed to the files before is in the queue, at the latest.
        self.take_in_queue();
        let mut next = self.state.snapshot.clone();
        change(&mut self.state, &*self.core.disk, &mut next)?;
        self.state.write_memory(&mut next, &*self.core.disk)?;
        self.commit(next, journal_from)?;
        self.flushed = Hour::of_unix_ms((self.core.options.clock)() - GRACE).unwrap_or(Hour(0));
        Ok(())
    }

    /// Makes a history the one that counts, durably. It has nothing in memory alone, and the matrices belong to it.
    fn commit(&mut self, mut next: Snapshot, journal_from: u64) -> Result<(), VisitsError> {
        next.settle();
        self.store(next, journal_from)?;
        self.end_erasure();
        self.remove_unused();
        // The files are read again at worst.
        if let Err(error) = self.core.journal.remove_before(journal_from) {
            tracing::warn!(%error, "journal files that are no longer needed cannot be removed");
        }
        Ok(())
    }

    fn store(&mut self, next: Snapshot, journal_from: u64) -> Result<(), VisitsError> {
        let manifest = self.state.manifest(&next, journal_from);
        let failed = |source| VisitsError::Io { what: "write the list of segments".into(), source };
        Manifest::write(&manifest, &*self.core.disk).map_err(failed)?;
        self.state.perhaps_listed = self.state.next_file;
        Manifest::replace(&*self.core.disk).map_err(failed)?;
        self.state.perhaps_listed = 0;
        self.state.snapshot = next;
        self.state.journal_from = journal_from;
        self.publish();
        Ok(())
    }

    /// Removes segment files that count no more. What cannot be removed is tried again.
    fn remove_unused(&mut self) {
        let used: HashSet<u64> = self.state.snapshot.parts().filter_map(|part| part.file).collect();
        let (running, perhaps_listed) = (self.running.as_ref().map(Running::file), self.state.perhaps_listed);
        let counts = |file: u64| used.contains(&file) || running == Some(file) || file < perhaps_listed;
        let disk = &self.core.disk;
        let is_left =
            |file: u64| disk.remove(&segment_name(file)).is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        self.state.on_disk.retain(|file| counts(*file) || is_left(*file));
    }
}

// === impl State ===

impl State {
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.snapshot.parts().filter(|part| part.file.is_none())
    }

    /// Merges segments in memory where there are many of one span.
    pub(crate) fn merge_in_memory(&mut self) -> Result<(), SegmentError> {
        let mut crowded: Vec<Parts> = Vec::new();
        let (hours, months) = (self.snapshot.hours.values(), self.snapshot.months.values());
        for parts in hours.chain(months).chain([&self.snapshot.before]) {
            let loose: Parts = parts.iter().filter(|part| part.file.is_none()).cloned().collect();
            if loose.len() > IN_MEMORY {
                crowded.push(loose);
            }
        }
        for parts in crowded {
            let Some(span) = parts.first().map(|part| part.segment.span()) else { continue };
            let writer = SegmentWriter::new(Vec::new(), TENANT, span);
            let merged = write_merged(&inputs(&parts), &Without::default(), writer);
            let (bytes, _) = merged.expect("memory takes what is written to it");
            let segment = Arc::new(Segment::open(bytes.into())?);
            self.snapshot.remove(parts.iter());
            self.snapshot.add(Arc::new(Part { segment, file: None, in_month: false }));
        }
        Ok(())
    }

    /// Writes what a history has in memory alone: one file for each span.
    fn write_memory(&mut self, next: &mut Snapshot, disk: &dyn Disk) -> Result<(), VisitsError> {
        let mut spans: Vec<(Span, Parts)> = Vec::new();
        for part in next.parts().filter(|part| part.file.is_none()) {
            let span = part.segment.span();
            match spans.iter_mut().find(|(own, _)| *own == span) {
                Some((_, parts)) => parts.push(Arc::clone(part)),
                None => spans.push((span, vec![Arc::clone(part)])),
            }
        }
        for (span, parts) in spans {
            let part = self.write(disk, span, &inputs(&parts), &Without::default())?;
            next.remove(parts.iter());
            if let Some(part) = part {
                next.add(Arc::new(part));
            }
        }
        Ok(())
    }

    /// Merges segments into a new file; none if nothing is left.
    fn write(
        &mut self,
        disk: &dyn Disk,
        span: Span,
        inputs: &[Input<'_>],
        without: &Without,
    ) -> Result<Option<Part>, VisitsError> {
        let file = self.new_file();
        let segment = Arc::new(write_segment(disk, (file, span), inputs, without)?);
        Ok((!segment.is_empty()).then_some(Part { segment, file: Some(file), in_month: false }))
    }

    fn new_file(&mut self) -> u64 {
        let file = self.next_file;
        self.next_file += 1;
        self.on_disk.insert(file);
        file
    }

    pub(crate) fn manifest(&self, next: &Snapshot, journal_from: u64) -> Vec<u8> {
        let listed = |part: &Arc<Part>| {
            let content = Some(Known::of(&part.segment));
            part.file.map(|file| Listed { file, in_month: part.in_month, content })
        };
        let matrices = self.matrices.read().unwrap_or_else(PoisonError::into_inner);
        let tenant = TenantManifest {
            tenant: TENANT,
            floors: next.floors,
            segments: next.parts().filter_map(listed).collect(),
            matrices: &*matrices,
        };
        let (granularity, next_file, damage) = (self.granularity, self.next_file, self.damage);
        Manifest::encode(&Manifest { granularity, next_file, journal_from, damage, tenants: vec![tenant] })
    }
}

/// All that segments of one span have.
fn inputs(parts: &Parts) -> Vec<Input<'_>> {
    parts.iter().map(|part| Input { segment: &part.segment, keep: u32::MAX, project: Project::AsIs }).collect()
}

/// Merges segments into a file, durable but for its name.
fn write_segment(
    disk: &dyn Disk,
    place: (u64, Span),
    inputs: &[Input<'_>],
    without: &Without,
) -> Result<Segment, VisitsError> {
    write_segment_while(&|| true, disk, place, inputs, without)
}

/// As [`write_segment`], and gives up when it is not to go on.
fn write_segment_while(
    going: &dyn Fn() -> bool,
    disk: &dyn Disk,
    (file, span): (u64, Span),
    inputs: &[Input<'_>],
    without: &Without,
) -> Result<Segment, VisitsError> {
    let name = segment_name(file);
    let failed = |source| VisitsError::Io { what: format!("write {name}"), source };
    let out = While { going, file: disk.create(&name).map_err(failed)? };
    let out = std::io::BufWriter::with_capacity(1 << 18, out);
    let (out, _) = write_merged(inputs, without, SegmentWriter::new(out, TENANT, span)).map_err(failed)?;
    out.into_inner().map_err(|error| failed(error.into_error()))?.file.sync().map_err(failed)?;
    let content = disk.read(&name).map_err(failed)?;
    Segment::open(content).map_err(|source| VisitsError::Segment { name: name.clone(), source })
}

// === impl While ===

impl Write for While<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.going)() {
            return Err(io::Error::other("this program ends"));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
