//! What threads that commit leave for the log's thread, and what they wait for.

use crate::{Format, Frames, Progress, Settled, Ticket, Unwritable};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Sections, tickets and the bytes between them and the log's thread. Nothing here waits for a disk.
///
/// # Why an acknowledged entry is durable
///
/// A batch *depends* on the entries it found known, which other threads put in in sections of theirs. Each of these
/// sections had begun before the batch looked, so before its ticket was given, and so in the ticket's epoch or an earlier
/// one. An epoch is durable only when it is closed, no section of it or of an earlier one is open, and all bytes that were
/// committed until then are synced. So whatever a batch depends on, and what it committed itself, is durable with the epoch
/// of its ticket, which is the one that is open when the ticket is given.
pub(super) struct CommitQueue {
    format: &'static Format,
    commits: Mutex<Commits>,
    /// The log's thread waits here for something to do and for sections to end.
    work: Condvar,
    /// All others wait here for it.
    settled: Condvar,
    /// Mirrors [`Commits::is_quiet`].
    ///
    /// A thread stores `false` before it puts in anything, and `true` is stored only when what was put in is durable. Whoever
    /// sees an entry must not see an older `true`. Sets may well insert and look up with relaxed operations, so it takes
    /// two fences: a release fence after the store and before the insert, and an acquire fence after the look-up and
    /// before the load. If the look-up reads what the insert wrote, the fences synchronise (C++20 [atomics.fences]), the
    /// store happens before the load, and the load reads that `false` or something newer.
    quiet: AtomicBool,
    at_once: bool,
}

/// What was committed, and how far it is.
pub(super) struct Commits {
    /// The epoch that is open, which sections begin in.
    epoch: u64,
    /// Open sections of this epoch.
    sections: u64,
    /// Open sections of closed epochs.
    earlier_sections: u64,
    /// The highest epoch that a ticket waits for.
    wanted: u64,
    /// All up to this one are durable.
    durable: u64,
    /// Frames that the log's thread has not taken yet.
    buffer: Vec<u8>,
    /// Bytes that it has taken and that are not known to be durable.
    unsynced: usize,
    failures: u64,
    /// Why nothing can be written.
    failing: Option<Arc<str>>,
    /// Rotations asked for, and those done or failed.
    rotations: u64,
    rotated: u64,
    stop: bool,
    /// Whether the log's thread waits for something to do, or for sections to end: nobody else wakes it in vain.
    idle: bool,
    draining: bool,
    /// Numbers and bytes of the files that are there, ascending; the last one is being written.
    pub(super) files: Vec<(u64, u64)>,
}

/// When the log's thread is to look again though nobody asks.
#[derive(Clone, Copy)]
pub(super) enum Alarm {
    None,
    At(Instant),
}

/// What the log's thread is to do.
pub(super) struct Work {
    /// This epoch is closed, and all bytes of it taken.
    pub(super) closed: u64,
    /// Whether somebody waits for it.
    pub(super) wanted: bool,
    /// Rotations asked for until then, if there are new ones.
    pub(super) rotation: Option<u64>,
    pub(super) stop: bool,
}

/// Commits with durability by interval wait once this much is not durable, so that a slow disk does not fill the memory.
const MOST_UNSYNCED: usize = 32 << 20;

// === impl CommitQueue ===

impl CommitQueue {
    /// With `at_once`, nobody waits for anything while nothing fails.
    pub(super) fn new(format: &'static Format, at_once: bool, files: Vec<(u64, u64)>) -> Self {
        let commits = Commits {
            epoch: 1,
            sections: 0,
            earlier_sections: 0,
            wanted: 0,
            durable: 0,
            buffer: Vec::new(),
            unsynced: 0,
            failures: 0,
            failing: None,
            rotations: 0,
            rotated: 0,
            stop: false,
            idle: false,
            draining: false,
            files,
        };
        let (commits, work, settled) = (Mutex::new(commits), Condvar::new(), Condvar::new());
        Self { format, commits, work, settled, quiet: AtomicBool::new(true), at_once }
    }

    pub(super) fn format(&self) -> &'static Format {
        self.format
    }

    pub(super) fn commits(&self) -> MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a section, and returns the epoch that it is of.
    pub(super) fn enter(&self) -> Result<u64, Unwritable> {
        let mut commits = self.commits();
        commits.check(self.format)?;
        commits.sections += 1;
        self.mirror(&commits);
        let epoch = commits.epoch;
        drop(commits);
        fence(Ordering::Release);
        Ok(epoch)
    }

    /// Ends a section that has put in nothing.
    pub(super) fn leave(&self, epoch: u64) {
        let mut commits = self.commits();
        self.end(&mut commits, epoch);
        self.mirror(&commits);
    }

    /// Ends a section, with the frames of what was put in.
    pub(super) fn commit(&self, epoch: u64, frames: &Frames) -> Option<Ticket> {
        let mut commits = self.commits();
        commits.buffer.extend_from_slice(frames.as_bytes());
        self.end(&mut commits, epoch);
        let ticket = self.ticket(&mut commits);
        self.mirror(&commits);
        ticket
    }

    pub(super) fn settle(&self) -> Option<Ticket> {
        fence(Ordering::Acquire);
        if self.quiet.load(Ordering::Relaxed) {
            return None;
        }
        let mut commits = self.commits();
        if commits.is_quiet(self.at_once) { None } else { self.ticket(&mut commits) }
    }

    pub(super) fn wait(&self, ticket: Ticket) -> Result<(), Unwritable> {
        let mut commits = self.commits();
        loop {
            match ticket.state(commits.progress()) {
                Settled::Durable => return Ok(()),
                Settled::Failed => return Err(commits.unwritable(self.format)),
                Settled::Waiting => {}
            }
            commits = self.settled.wait(commits).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has another file begun, waits for that, and returns its number.
    pub(super) fn rotate(&self) -> Result<u64, Unwritable> {
        let mut commits = self.commits();
        commits.check(self.format)?;
        let failures = commits.failures;
        commits.rotations += 1;
        let rotation = commits.rotations;
        self.wake(&mut commits);
        while commits.rotated < rotation {
            commits = self.settled.wait(commits).unwrap_or_else(PoisonError::into_inner);
        }
        if commits.failures > failures {
            return Err(commits.unwritable(self.format));
        }
        Ok(commits.number())
    }

    pub(super) fn stop(&self) {
        let mut commits = self.commits();
        commits.stop = true;
        self.wake(&mut commits);
    }

    fn end(&self, commits: &mut Commits, epoch: u64) {
        if epoch == commits.epoch {
            commits.sections -= 1;
            return;
        }
        commits.earlier_sections -= 1;
        if commits.earlier_sections == 0 && commits.draining {
            self.work.notify_one();
        }
    }

    /// A ticket for all that was put in in sections which have begun, if there is something to wait for.
    fn ticket(&self, commits: &mut Commits) -> Option<Ticket> {
        if commits.failing.is_some() {
            // One that has failed already.
            return Some(Ticket { epoch: commits.epoch, failures: commits.failures - 1 });
        }
        let waits = !self.at_once || commits.unsynced + commits.buffer.len() > MOST_UNSYNCED;
        if waits {
            commits.wanted = commits.epoch;
        }
        if commits.has_work() {
            self.wake(commits);
        }
        waits.then_some(Ticket { epoch: commits.epoch, failures: commits.failures })
    }

    fn wake(&self, commits: &mut Commits) {
        if commits.idle {
            commits.idle = false;
            self.work.notify_one();
        }
    }

    fn mirror(&self, commits: &Commits) {
        self.quiet.store(commits.is_quiet(self.at_once), Ordering::Relaxed);
    }
}

/// What the log's thread calls.
impl CommitQueue {
    /// Waits for something to do, or until the alarm. Closes the epoch, waits for its sections to end, and takes all frames.
    ///
    /// While the log fails, it does not look before the alarm, unless it is to stop.
    pub(super) fn next(&self, alarm: Alarm, kept: &mut Vec<u8>) -> Work {
        let mut commits = self.wait_for_work(alarm);
        commits.close();
        commits.draining = true;
        while commits.earlier_sections > 0 {
            commits = self.work.wait(commits).unwrap_or_else(PoisonError::into_inner);
        }
        commits.draining = false;
        if commits.sections == 0 {
            // Those who committed while it waited need not wait for another sync, as no open section is older.
            commits.close();
        }
        if kept.is_empty() {
            std::mem::swap(kept, &mut commits.buffer);
        } else {
            kept.append(&mut commits.buffer);
        }
        commits.unsynced = kept.len();
        self.mirror(&commits);
        Work {
            closed: commits.epoch - 1,
            wanted: commits.wanted > commits.durable,
            rotation: (commits.rotations > commits.rotated).then_some(commits.rotations),
            stop: commits.stop,
        }
    }

    fn wait_for_work(&self, alarm: Alarm) -> MutexGuard<'_, Commits> {
        let mut commits = self.commits();
        while !commits.stop && (commits.failing.is_some() || !commits.has_work()) {
            commits.idle = true;
            commits = match alarm {
                Alarm::None => self.work.wait(commits).unwrap_or_else(PoisonError::into_inner),
                Alarm::At(time) => {
                    let Some(left) = time.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                        break;
                    };
                    self.work.wait_timeout(commits, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        commits.idle = false;
        commits
    }

    /// All of the work is written, and `unsynced` bytes of it not durable yet.
    pub(super) fn publish_written(&self, work: &Work, unsynced: usize) -> Progress {
        let mut commits = self.commits();
        commits.unsynced = unsynced;
        if unsynced == 0 {
            commits.durable = work.closed;
        }
        commits.rotated = work.rotation.unwrap_or(commits.rotated);
        commits.failing = None;
        self.published(&commits)
    }

    /// It could not be written.
    pub(super) fn publish_failure(&self, reason: &str) -> Progress {
        let mut commits = self.commits();
        commits.failures += 1;
        commits.failing = Some(reason.into());
        commits.rotated = commits.rotations;
        self.published(&commits)
    }

    fn published(&self, commits: &Commits) -> Progress {
        self.mirror(commits);
        self.settled.notify_all();
        commits.progress()
    }
}

// === impl Commits ===

impl Commits {
    pub(super) fn progress(&self) -> Progress {
        Progress { durable: self.durable, failures: self.failures, failing: self.failing.is_some() }
    }

    pub(super) fn failing(&self) -> Option<Arc<str>> {
        self.failing.clone()
    }

    /// The number of the file that is being written.
    pub(super) fn number(&self) -> u64 {
        self.files.last().map_or(0, |(number, _)| *number)
    }

    fn check(&self, format: &Format) -> Result<(), Unwritable> {
        if self.stop {
            return Err(Unwritable { reason: format!("the {} has been closed", format.name) });
        }
        if self.failing.is_some() { Err(self.unwritable(format)) } else { Ok(()) }
    }

    fn unwritable(&self, format: &Format) -> Unwritable {
        let reason = self.failing.as_deref().unwrap_or("it could not be written for a moment");
        Unwritable { reason: format!("the {} cannot be written: {reason}", format.name) }
    }

    /// Whether a batch in which nothing was new has nothing to wait for.
    fn is_quiet(&self, at_once: bool) -> bool {
        let settled = self.sections == 0 && self.earlier_sections == 0 && self.buffer.is_empty() && self.unsynced == 0;
        self.failing.is_none() && (at_once || settled)
    }

    fn has_work(&self) -> bool {
        !self.buffer.is_empty() || self.wanted >= self.epoch || self.rotations > self.rotated
    }

    fn close(&mut self) {
        self.epoch += 1;
        self.earlier_sections += self.sections;
        self.sections = 0;
    }
}
