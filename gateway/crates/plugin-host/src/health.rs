use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Limits;

/// How long a plugin that missed a deadline is kept off the threads that serve connections.
const ISOLATION: Duration = Duration::from_secs(10);
/// How long a plugin that failed through a whole containment is not called at all.
const PAUSE: Duration = Duration::from_secs(1);

/// How a plugin has behaved lately, and so where it may run.
///
/// A missed deadline holds up every connection of its thread. So after one, the plugin's calls move for
/// ten seconds to a thread where they hold up only each other; a plugin that spins at every call thus costs the
/// other connections one deadline in ten seconds. A plugin that cannot even be contained is paused for a second:
/// its clients are told to come back, and one call a second finds out whether it has recovered.
pub struct Health {
    epoch: Instant,
    /// Whether it is isolated whatever it does.
    always_isolated: bool,
    /// How long one caller that finds out may take.
    probe: Duration,
    isolated_until: AtomicU64,
    paused_until: AtomicU64,
}

// === impl Health ===

impl Health {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            epoch: Instant::now(),
            always_isolated: limits.isolated,
            probe: limits.containment(),
            isolated_until: AtomicU64::new(0),
            paused_until: AtomicU64::new(0),
        }
    }

    /// Keeps the plugin off the threads that serve connections for a while.
    pub fn isolate(&self) {
        self.isolated_until.store(self.now() + millis(ISOLATION), Ordering::Relaxed);
    }

    /// Whether it missed a deadline or was slow lately, though it is not said to be slow by nature.
    #[must_use]
    pub fn misbehaved(&self) -> bool {
        let until = self.isolated_until.load(Ordering::Relaxed);
        until != 0 && self.now() < until
    }

    /// Whether it is isolated whatever it does.
    #[must_use]
    pub fn is_always_isolated(&self) -> bool {
        self.always_isolated
    }

    /// Whether the plugin is to be called on a thread of its own.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.always_isolated || self.misbehaved()
    }

    /// Lets nobody call the plugin for a moment.
    pub fn pause(&self) {
        self.paused_until.store(self.now() + millis(PAUSE), Ordering::Relaxed);
    }

    /// Whether the plugin is paused. When a pause has ended, one caller is let through to find out, and the others go on
    /// waiting for as long as that may take, unless [`Health::recover`] or [`Health::pause`] tells sooner.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let until = self.paused_until.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let now = self.now();
        let next = now + millis(PAUSE.max(self.probe));
        now < until || self.paused_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_err()
    }

    /// The plugin answered: no more pauses.
    pub fn recover(&self) {
        if self.paused_until.load(Ordering::Relaxed) != 0 {
            self.paused_until.store(0, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_pause_one_caller_finds_out_for_all() {
        let health = Health::new(Limits::default());
        assert!(!health.is_paused());
        health.pause();
        assert!(health.is_paused());
        health.paused_until.store(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!health.is_paused(), "the first is let through");
        assert!(health.is_paused(), "the second waits for what the first finds");
        health.recover();
        assert!(!health.is_paused());
    }
}
