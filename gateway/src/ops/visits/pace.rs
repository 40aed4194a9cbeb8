//! How fast the client of a long question must be.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::timeout;

/// What a client did while it was waited for. A long question holds one of few places, so whoever asks it must keep moving:
/// send the list and take the answers. Time in which the answers are looked for is not the client's.
#[derive(Default)]
pub(super) struct Pace {
    /// For how long it was waited for since it was last looked at.
    waited: Cell<Duration>,
    /// Bytes that it sent or took since then.
    moved: Cell<usize>,
}

/// A client does not keep moving.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the client sent and took less than {} KiB in {} s in which it was waited for, so that its place was given to others; send \
     the list and take the answers faster, or ask in parts",
    LEAST >> 10,
    WINDOW.as_secs()
)]
pub(super) struct TooSlow;

/// When a client was waited for so long, it is looked at what it did meanwhile.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Bytes that it must have sent or taken by then: a tenth of what 64 KiB/s are, since buffers on the way give them on in bursts.
pub(super) const LEAST: usize = 64 << 10;

// === impl Pace ===

impl Pace {
    /// Waits for something that is up to the client. Only for threads that may block.
    ///
    /// # Errors
    /// [`TooSlow`], if it takes too long.
    pub(super) fn wait<T>(&self, what: impl Future<Output = T>) -> io::Result<T> {
        let mut what = pin!(what);
        loop {
            let (began, left) = (Instant::now(), WINDOW.saturating_sub(self.waited.get()));
            let done = Handle::current().block_on(async { timeout(left, what.as_mut()).await });
            self.waited(began.elapsed());
            if let Ok(done) = done {
                return Ok(done);
            }
            self.look().map_err(|slow| io::Error::new(io::ErrorKind::TimedOut, slow))?;
        }
    }

    /// Notes that bytes were sent or taken.
    pub(super) fn moved(&self, bytes: usize) {
        self.moved.set(self.moved.get().saturating_add(bytes));
    }

    fn waited(&self, time: Duration) {
        self.waited.set(self.waited.get() + time);
    }

    /// Looks whether it has moved enough since it was last looked at, if it is time to look.
    fn look(&self) -> Result<(), TooSlow> {
        if self.waited.get() < WINDOW {
            return Ok(());
        }
        self.waited.set(Duration::ZERO);
        if self.moved.replace(0) < LEAST { Err(TooSlow) } else { Ok(()) }
    }
}

// === impl TooSlow ===

impl TooSlow {
    /// If this is why something failed.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many seconds of waiting a client is given that moves so many bytes in each.
    fn seconds(bytes: impl Fn(u64) -> usize) -> Option<u64> {
        let pace = Pace::default();
        (0..600).find(|second| {
            pace.moved(bytes(*second));
            pace.waited(Duration::from_secs(1));
            pace.look().is_err()
        })
    }

    #[test]
    fn a_slow_line_is_fast_enough_and_a_trickle_is_not() {
        assert_eq!(seconds(|_| 64 << 10), None);
        assert_eq!(seconds(|second| if second % 8 == 7 { 8 * (64 << 10) } else { 0 }), None, "in bursts");
        assert_eq!(seconds(|_| 1), Some(9));
        assert_eq!(seconds(|second| if second < 10 { 1 << 20 } else { 1 }), Some(19), "for a while");
    }

    #[test]
    fn while_nobody_waits_for_it_a_client_may_do_nothing() {
        let pace = Pace::default();
        pace.waited(WINDOW - Duration::from_millis(1));
        assert_eq!(pace.look(), Ok(()));
        pace.waited(Duration::from_millis(1));
        assert_eq!(pace.look(), Err(TooSlow));
    }
}
