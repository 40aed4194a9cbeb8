//! Ends connections that wait too long, at no cost to those that do not.
//!
//! hyper can arm a timer for each request header. That is two allocations and two turns of the timer wheel a request, and
//! it does not tell a connection kept open between requests, which is entitled to a long wait, from half a header, which
//! is not. So hyper gets no timer. The stream notes that bytes came or were not taken, the service that a request is under
//! way, and a watch looks at all that at intervals: of a quarter of the shortest wait, so that what waits is cut after one to
//! one and a half times its wait. The watch is a task of its own, which wakes the connection when there is something to do:
//! timers and signals that the connection waited for itself would be asked again at every request.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Waits;
use super::activity::{Activity, Order};

/// The watch over one connection. It stops when this is dropped.
pub(super) struct Watch(JoinHandle<()>);

/// Looks in the time of the shortest wait.
const LOOKS: u32 = 4;
/// Looks while the gateway drains: what waits is not waited for any longer.
const LAST_LOOK: Duration = Duration::from_millis(250);

// === impl Watch ===

impl Watch {
    /// Watches over a connection: it is to drain when `drain` ends, and to end when it has waited too long.
    pub(super) fn start(activity: Rc<Activity>, waits: Waits, drain: impl Future<Output = ()> + 'static) -> Self {
        Self(tokio::task::spawn_local(async move {
            let drained = {
                let mut too_long = pin!(too_long(&activity, waits));
                tokio::select! {
                    () = drain => true,
                    () = too_long.as_mut() => false,
                }
            };
            if drained {
                activity.give_order(Order::Drain);
                too_long_at_the_end(&activity).await;
            }
            activity.give_order(Order::End);
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends when the connection has waited too long: for the rest of a header, for an answer to be taken, or for a request to
/// begin.
async fn too_long(activity: &Activity, waits: Waits) {
    let interval = waits.header.min(waits.write) / LOOKS;
    // The first look that sees something may come right after it began.
    let (header, write) = (looks(waits.header, interval), looks(waits.write, interval));
    let (mut ended, mut idle) = (0, Duration::ZERO);
    loop {
        tokio::time::sleep(interval).await;
        activity.look();
        if activity.has_waited(write) || activity.lacks_a_header(header) {
            return;
        }
        if activity.is_busy() || activity.lacks_a_header(0) || activity.ended() != ended {
            (ended, idle) = (activity.ended(), Duration::ZERO);
            continue;
        }
        idle += interval;
        if idle >= waits.idle {
            return;
        }
    }
}

/// Ends when there is nothing to wait for any more while the gateway drains: no request, and no peer that takes its answer.
async fn too_long_at_the_end(activity: &Activity) {
    let mut idle = 0;
    while idle < LOOKS && !activity.has_waited(LOOKS) {
        tokio::time::sleep(LAST_LOOK).await;
        activity.look();
        idle = if activity.is_busy() { 0 } else { idle + 1 };
    }
}

fn looks(wait: Duration, interval: Duration) -> u32 {
    u32::try_from(wait.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX)
}
