//! What threads that ingest, and those that ask, leave for the one thread that owns the history.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::absorb::Batch;

/// Batches and commands on their way to the history's thread.
pub(crate) struct Queue<C> {
    waiting: Mutex<Waiting<C>>,
    /// Something was put in.
    filled: Condvar,
    /// Something was done.
    done: Condvar,
    /// Batches put in, and batches taken in by the history. Mirrors, so that whoever finds them equal needs no lock.
    put: AtomicU64,
    absorbed: AtomicU64,
}

/// What waits to be taken out.
struct Waiting<C> {
    batches: Vec<Batch>,
    /// What the batches take, in words of four bytes.
    words: usize,
    commands: Vec<C>,
    /// Somebody waits.
    hurry: bool,
    /// Nobody takes anything out any more.
    closed: bool,
}

/// What was taken out.
pub(crate) struct Taken<C> {
    pub(crate) batches: Vec<Batch>,
    pub(crate) commands: Vec<C>,
    /// What [`Queue::absorbed`] is to be told when the batches are taken in.
    pub(crate) mark: u64,
}

/// How long visits may lie in the queue. Whoever asks gets them at once; taking in many together costs less.
const LINGER: Duration = Duration::from_millis(200);
/// So many do not linger.
const MANY: usize = 1 << 18;
/// What a batch takes besides its visits, and what an IPv6 address takes, in words of four bytes.
const OVERHEAD: usize = 32;
const WORDS_OF_V6: usize = 4;
/// Words that may wait, at most: 64 MiB.
const MOST: usize = 1 << 24;

// === impl Queue ===

impl<C> Queue<C> {
    pub(crate) fn new() -> Self {
        let waiting = Waiting { batches: Vec::new(), words: 0, commands: Vec::new(), hurry: false, closed: false };
        let (put, absorbed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { waiting: Mutex::new(waiting), filled: Condvar::new(), done: Condvar::new(), put, absorbed }
    }

    /// Whether more than it should hold is waiting.
    pub(crate) fn is_full(&self) -> bool {
        self.put.load(Ordering::Relaxed) != self.absorbed.load(Ordering::Relaxed) && self.lock().words > MOST
    }

    pub(crate) fn put(&self, batch: Batch) {
        let mut waiting = self.lock();
        let was = waiting.words;
        waiting.words += OVERHEAD + batch.v4.len() + batch.first.len() + batch.v6.len() * WORDS_OF_V6;
        waiting.batches.push(batch);
        self.put.fetch_add(1, Ordering::Release);
        if was == 0 || was < MANY && waiting.words >= MANY {
            self.filled.notify_one();
        }
    }

    /// Asks for something. It is dropped if nobody is there to do it.
    pub(crate) fn command(&self, command: C) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.commands.push(command);
            self.filled.notify_one();
        }
    }

    /// Nobody takes anything out from now on.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.commands.clear();
        self.done.notify_all();
    }

    /// Whether the history has all that was put in before.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.absorbed.load(Ordering::Acquire) >= self.put.load(Ordering::Acquire)
    }

    /// Waits until the history has all that was put in before.
    pub(crate) fn catch_up(&self) {
        let wanted = self.put.load(Ordering::Acquire);
        let mut waiting = self.lock();
        while self.absorbed.load(Ordering::Acquire) < wanted && !waiting.closed {
            waiting.hurry = true;
            self.filled.notify_one();
            waiting = self.done.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The history has taken in all up to a mark.
    pub(crate) fn absorbed(&self, mark: u64) {
        let _waiting = self.lock();
        self.absorbed.fetch_max(mark, Ordering::AcqRel);
        self.done.notify_all();
    }

    /// Takes out what there is.
    pub(crate) fn take(&self) -> Taken<C> {
        self.take_from(self.lock())
    }

    /// Takes out what there is, after waiting for something, but no longer than `patience`.
    pub(crate) fn wait(&self, patience: Duration) -> Taken<C> {
        let (start, mut waiting) = (Instant::now(), self.lock());
        loop {
            let at_once = waiting.hurry || !waiting.commands.is_empty() || waiting.words >= MANY;
            let limit = if waiting.batches.is_empty() { patience } else { LINGER.min(patience) };
            let left = limit.saturating_sub(start.elapsed());
            if at_once || left.is_zero() {
                return self.take_from(waiting);
            }
            (waiting, _) = self.filled.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take_from(&self, mut waiting: MutexGuard<'_, Waiting<C>>) -> Taken<C> {
        waiting.hurry = false;
        waiting.words = 0;
        Taken {
            batches: std::mem::take(&mut waiting.batches),
            commands: std::mem::take(&mut waiting.commands),
            // Exact, as putting in happens under the lock that is held.
            mark: self.put.load(Ordering::Acquire),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<C>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
