//! What the threads that commit and the journal's thread share.

use super::{Progress, Settled, Ticket, Unwritable};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Sections, tickets and the bytes between them and the journal's thread. Nothing here waits for a disk.
///
/// # Why an acknowledged address is durable
///
/// A batch *depends* on the addresses it found known, which other threads inserted in sections of theirs. Each of these
/// sections had begun before the batch looked, so before its ticket was given, and so in the ticket's epoch or an earlier
/// one. An epoch is durable only when it is closed, no section of it or of an earlier one is open, and all bytes that were
/// committed until then are synced. So whatever a batch depends on, and what it committed itself, is durable with the epoch
/// of its ticket, which is the one that is open when the ticket is given.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The journal's thread waits here for something to do and for sections to end.
    work: Condvar,
    /// All others wait here for it.
    settled: Condvar,
    /// Mirrors [`State::is_quiet`].
    ///
    /// A thread stores `false` before it inserts anything, and `true` is stored only when what was inserted is durable. Whoever
    /// sees an inserted address must not see an older `true`. Sets may well insert and look up with relaxed operations, so
    /// it takes two fences: a release fence after the store and before the insert, and an acquire fence after the look-up and
    /// before the load. If the look-up reads what the insert wrote, the fences synchronise (C++20 [atomics.fences]), the
    /// store happens before the load, and the load reads that `false` or something newer.
    quiet: AtomicBool,
    at_once: bool,
}

pub(super) struct State {
    /// The epoch that is open, which sections begin in.
    epoch: u64,
    /// Open sections of this epoch.
    pins: u64,
    /// Open sections of closed epochs.
    earlier_pins: u64,
    /// The highest epoch that a ticket waits for.
    wanted: u64,
    /// All up to this one are durable.
    durable: u64,
    /// Frames that the journal's thread has not taken yet.
    buffer: Vec<u8>,
    /// Whether it has bytes that are not known to be durable.
    unsynced: usize,
    failures: u64,
    /// Why nothing can be written.
    failing: Option<Arc<str>>,
    /// Rotations asked for, and those done or failed.
    rotations: u64,
    rotated: u64,
    stop: bool,
    /// Whether the journal's thread waits for something to do, or for sections to end: nobody else wakes it in vain.
    idle: bool,
    draining: bool,
    /// Numbers and bytes of the files that are there, ascending; the last one is being written.
    pub(super) files: Vec<(u64, u64)>,
}

/// When the journal's thread is to look again though nobody asks.
#[derive(Clone, Copy)]
pub(super) enum Alarm {
    None,
    At(Instant),
}

/// What the journal's thread is to do.
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

// === impl Shared ===

impl Shared {
    /// With `at_once`, nobody waits for anything while nothing fails.
    pub(super) fn new(at_once: bool, files: Vec<(u64, u64)>) -> Self {
        let state = State {
            epoch: 1,
            pins: 0,
            earlier_pins: 0,
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
        let (state, work, settled) = (Mutex::new(state), Condvar::new(), Condvar::new());
        Self { state, work, settled, quiet: AtomicBool::new(true), at_once }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a section, and returns the epoch that it is of.
    pub(super) fn pin(&self) -> Result<u64, Unwritable> {
        let mut state = self.state();
        state.check()?;
        state.pins += 1;
        self.mirror(&state);
        let epoch = state.epoch;
        drop(state);
        fence(Ordering::Release);
        Ok(epoch)
    }

    /// Ends a section that has inserted nothing.
    pub(super) fn unpin(&self, epoch: u64) {
        let mut state = self.state();
        self.end(&mut state, epoch);
        self.mirror(&state);
    }

    /// Ends a section, with the frames of what it inserted.
    pub(super) fn commit(&self, epoch: u64, frames: &[u8]) -> Option<Ticket> {
        let mut state = self.state();
        state.buffer.extend_from_slice(frames);
        self.end(&mut state, epoch);
        let ticket = self.ticket(&mut state);
        self.mirror(&state);
        ticket
    }

    pub(super) fn settle(&self) -> Option<Ticket> {
        fence(Ordering::Acquire);
        if self.quiet.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.state();
        if state.is_quiet(self.at_once) { None } else { self.ticket(&mut state) }
    }

    pub(super) fn wait(&self, ticket: Ticket) -> Result<(), Unwritable> {
        let mut state = self.state();
        loop {
            match ticket.state(state.progress()) {
                Settled::Durable => return Ok(()),
                Settled::Failed => return Err(state.unwritable()),
                Settled::Waiting => {}
            }
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has another file begun, waits for that, and returns its number.
    pub(super) fn rotate(&self) -> Result<u64, Unwritable> {
        let mut state = self.state();
        state.check()?;
        let failures = state.failures;
        state.rotations += 1;
        let rotation = state.rotations;
        self.wake(&mut state);
        while state.rotated < rotation {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failures > failures {
            return Err(state.unwritable());
        }
        Ok(state.number())
    }

    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stop = true;
        self.wake(&mut state);
    }

    fn end(&self, state: &mut State, epoch: u64) {
        if epoch == state.epoch {
            state.pins -= 1;
            return;
        }
        state.earlier_pins -= 1;
        if state.earlier_pins == 0 && state.draining {
            self.work.notify_one();
        }
    }

    /// A ticket for all that sections which have begun have inserted, if there is something to wait for.
    fn ticket(&self, state: &mut State) -> Option<Ticket> {
        if state.failing.is_some() {
            // One that has failed already.
            return Some(Ticket { epoch: state.epoch, failures: state.failures - 1 });
        }
        let waits = !self.at_once || state.unsynced + state.buffer.len() > MOST_UNSYNCED;
        if waits {
            state.wanted = state.epoch;
        }
        if state.has_work() {
            self.wake(state);
        }
        waits.then_some(Ticket { epoch: state.epoch, failures: state.failures })
    }

    fn wake(&self, state: &mut State) {
        if state.idle {
            state.idle = false;
            self.work.notify_one();
        }
    }

    fn mirror(&self, state: &State) {
        self.quiet.store(state.is_quiet(self.at_once), Ordering::Relaxed);
    }
}

/// What the journal's thread calls.
impl Shared {
    /// Waits for something to do, or until the alarm. Closes the epoch, waits for its sections to end, and takes all frames.
    ///
    /// While the journal fails, it does not look before the alarm, unless it is to stop.
    pub(super) fn next(&self, alarm: Alarm, kept: &mut Vec<u8>) -> Work {
        let mut state = self.wait_for_work(alarm);
        state.close();
        state.draining = true;
        while state.earlier_pins > 0 {
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.draining = false;
        if state.pins == 0 {
            // Those who committed while it waited need not wait for another sync, as no open section is older.
            state.close();
        }
        if kept.is_empty() {
            std::mem::swap(kept, &mut state.buffer);
        } else {
            kept.append(&mut state.buffer);
        }
        state.unsynced = kept.len();
        self.mirror(&state);
        Work {
            closed: state.epoch - 1,
            wanted: state.wanted > state.durable,
            rotation: (state.rotations > state.rotated).then_some(state.rotations),
            stop: state.stop,
        }
    }

    fn wait_for_work(&self, alarm: Alarm) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while !state.stop && (state.failing.is_some() || !state.has_work()) {
            state.idle = true;
            state = match alarm {
                Alarm::None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Alarm::At(time) => {
                    let Some(left) = time.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                        break;
                    };
                    self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.idle = false;
        state
    }

    /// All of the work is written, and `unsynced` bytes of it not durable yet.
    pub(super) fn publish_written(&self, work: &Work, unsynced: usize) -> Progress {
        let mut state = self.state();
        state.unsynced = unsynced;
        if unsynced == 0 {
            state.durable = work.closed;
        }
        state.rotated = work.rotation.unwrap_or(state.rotated);
        state.failing = None;
        self.published(&state)
    }

    /// It could not be written.
    pub(super) fn publish_failure(&self, reason: &str) -> Progress {
        let mut state = self.state();
        state.failures += 1;
        state.failing = Some(reason.into());
        state.rotated = state.rotations;
        self.published(&state)
    }

    fn published(&self, state: &State) -> Progress {
        self.mirror(state);
        self.settled.notify_all();
        state.progress()
    }
}

// === impl State ===

impl State {
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

    fn check(&self) -> Result<(), Unwritable> {
        if self.stop {
            return Err(Unwritable { reason: "the journal has been closed".to_owned() });
        }
        if self.failing.is_some() { Err(self.unwritable()) } else { Ok(()) }
    }

    fn unwritable(&self) -> Unwritable {
        let reason = self.failing.as_deref().unwrap_or("it could not be written for a moment");
        Unwritable { reason: format!("the journal cannot be written: {reason}") }
    }

    /// Whether a batch in which nothing was new has nothing to wait for.
    fn is_quiet(&self, at_once: bool) -> bool {
        let settled = self.pins == 0 && self.earlier_pins == 0 && self.buffer.is_empty() && self.unsynced == 0;
        self.failing.is_none() && (at_once || settled)
    }

    fn has_work(&self) -> bool {
        !self.buffer.is_empty() || self.wanted >= self.epoch || self.rotations > self.rotated
    }

    fn close(&mut self) {
        self.epoch += 1;
        self.earlier_pins += self.pins;
        self.pins = 0;
    }
}
