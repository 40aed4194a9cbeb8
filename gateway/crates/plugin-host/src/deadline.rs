//! The deadline of a call, in processor time.
//!
//! A ticker advances the engine's epoch; compiled code compares it at every loop back-edge and function entry. A
//! deadline by the clock alone would blame a plugin for a busy machine, so when half of the time has passed by the
//! clock, the processor time of the thread is read, and the call ends when the other half was really spent
//! computing. The hot path pays nothing for this: the first look at any clock comes after half the time allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, EngineWeak, UpdateDeadline};

/// How often the epoch advances: the resolution of every deadline.
const TICK: Duration = Duration::from_millis(5);

/// However little of the processor a call gets, after so many times its limit by the clock it ends.
const CLOCK_FACTOR: u32 = 20;

/// Advances the epoch of an engine until dropped.
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Where one call stands.
pub(crate) struct Deadline {
    limit: Duration,
    /// Processor time of the thread when half of the limit had passed by the clock.
    half_time: Option<Duration>,
    extensions: u32,
}

// === impl Ticker ===

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("epoch".into()).spawn({
            let (engine, stop) = (engine.weak(), Arc::clone(&stop));
            move || tick(&engine, &stop)
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in the ticker has been reported by the panic hook; there is nothing left to save.
            drop(thread.join());
        }
    }
}

fn tick(engine: &EngineWeak, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
    }
}

// === impl Deadline ===

impl Deadline {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, half_time: None, extensions: 0 }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Begins a call and says after how many epochs [`Deadline::reached`] is to be asked.
    pub(crate) fn begin(&mut self) -> u64 {
        self.half_time = None;
        self.extensions = 0;
        ticks(self.limit / 2)
    }

    /// The epochs granted have passed: is this the end?
    pub(crate) fn reached(&mut self) -> UpdateDeadline {
        let now = thread_time();
        let half_time = *self.half_time.get_or_insert(now);
        let spent = now.saturating_sub(half_time);
        self.extensions += 1;
        if spent >= self.limit / 2 || self.extensions > 2 * CLOCK_FACTOR {
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Continue(ticks(self.limit / 2 - spent))
    }
}

/// At least the duration, whatever part of the current tick has passed already.
fn ticks(duration: Duration) -> u64 {
    let whole = duration.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(whole).unwrap_or(u64::MAX - 1) + 1
}

/// What the calling thread has spent computing since it began.
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starved_call_is_given_more_time_and_a_busy_one_is_not() {
        let mut deadline = Deadline::new(Duration::from_millis(20));
        deadline.begin();
        assert!(matches!(deadline.reached(), UpdateDeadline::Continue(_)));
        std::thread::sleep(Duration::from_millis(25));
        assert!(matches!(deadline.reached(), UpdateDeadline::Continue(_)), "asleep is not computing");
        let start = thread_time();
        while thread_time() - start < Duration::from_millis(11) {}
        assert!(matches!(deadline.reached(), UpdateDeadline::Interrupt));
    }

    #[test]
    fn even_a_starved_call_ends() {
        let mut deadline = Deadline::new(Duration::from_secs(3600));
        deadline.begin();
        let asked = (0..1000).take_while(|_| matches!(deadline.reached(), UpdateDeadline::Continue(_))).count();
        assert_eq!(asked, 2 * CLOCK_FACTOR as usize);
    }
}
