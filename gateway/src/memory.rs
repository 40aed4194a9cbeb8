//! Memory that is given back to the system.
//!
//! mimalloc keeps what was freed for the next that needs it, and looks whether that was long ago only when it is asked for more.
//! After a flood, a quiet gateway would keep all that the flood took. So threads that serve connections ask it to look, while
//! little happens. `ARCHITECTURE.md` has the figures that speak for this rather than for another allocator.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// How often a thread considers giving memory back.
const EVERY: Duration = Duration::from_secs(2);

/// Gives memory back now and then, while the thread is quiet: `work` grows with what it does, and `much` is what it does in two
/// seconds when it is not.
pub(crate) async fn give_back_when_quiet(work: impl Fn() -> u64, much: u64) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = 0;
    loop {
        ticks.tick().await;
        let now = work();
        if now.saturating_sub(before) < much {
            give_back();
        }
        before = now;
    }
}

fn give_back() {
    // SAFETY: it may be called by any thread at any time; it touches only memory that is free.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
