//! The components of a running gateway, and how each is drained.

use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tallygate_index::Visits;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::swap::Threads;
use crate::worker::Handle;

/// A part of the gateway that runs until it is drained.
pub(super) enum Component {
    /// The threads that keep visits.
    Visits(Arc<Visits>),
    /// The threads that look for changed files, and after plugins on probation.
    Swap(Threads),
    /// The operations port.
    Ops(JoinHandle<()>),
    /// What serves connections.
    Workers(Rc<Vec<Handle>>),
    /// What takes connections on the ingest port.
    Ingest(tokio::task::JoinHandle<()>),
}

/// How components are told to end: first no new work, then no work at all.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) draining: watch::Sender<bool>,
    pub(super) stop: watch::Sender<bool>,
}

/// For what ends by itself as soon as it is told to.
const MOMENT: Duration = Duration::from_millis(500);
/// For what only the journal has to be written to segments. It can be cut off, as by a crash, unless `durability` is `memory`:
/// then it is the only time that visits are written.
const LAST_FLUSH: Duration = Duration::from_mins(5);

/// Drains components, the last that was started first. Those that wait for requests have `limit` together.
pub(super) async fn drain(components: Vec<Component>, limit: Duration, ends: &Ends) {
    ends.draining.send_replace(true);
    let until = Instant::now() + limit;
    for component in components.into_iter().rev() {
        let (name, cut_off) = (component.name(), component.cut_off());
        let (start, bound) = (Instant::now(), component.bound(until));
        let in_time = component.drain(bound, ends).await;
        let (took, limit) = (milliseconds(start.elapsed()), milliseconds(bound));
        if in_time {
            tracing::info!(component = name, milliseconds = took, "drained");
        } else {
            tracing::warn!(component = name, milliseconds = took, limit_milliseconds = limit, "{cut_off}");
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

// === impl Component ===

impl Component {
    /// As the log has it.
    fn name(&self) -> &'static str {
        match self {
            Self::Visits(_) => "visits",
            Self::Swap(_) => "swap",
            Self::Ops(_) => "ops",
            Self::Workers(_) => "workers",
            Self::Ingest(_) => "ingest",
        }
    }

    /// How long it may take, where requests have time until then.
    fn bound(&self, until: Instant) -> Duration {
        let left = until.saturating_duration_since(Instant::now());
        match self {
            Self::Workers(_) => left,
            // Requests with logs may have taken all the time there was.
            Self::Ops(_) => left.max(MOMENT),
            Self::Visits(_) => LAST_FLUSH,
            Self::Swap(_) | Self::Ingest(_) => MOMENT,
        }
    }

    /// What it means if it takes longer.
    fn cut_off(&self) -> &'static str {
        match self {
            Self::Visits(_) => {
                "the last visits could not be written to segments in time; unless durability is memory, the journal has them for the next start"
            }
            Self::Workers(_) => {
                "some requests were still in flight when ingest.drain_timeout had passed; they are cut off"
            }
            Self::Ops(_) => {
                "requests to the operations port were still under way when ingest.drain_timeout had passed; they are cut off"
            }
            Self::Swap(_) | Self::Ingest(_) => "it did not end when it was told to, and is left behind",
        }
    }

    /// Ends it. False if that took longer than it may, and something was cut off.
    async fn drain(self, bound: Duration, ends: &Ends) -> bool {
        match self {
            Self::Ingest(accepting) => timeout(bound, accepting).await.is_ok(),
            Self::Workers(workers) => {
                let Some(workers) = Rc::into_inner(workers) else { return false };
                let mut joined = tokio::task::spawn_blocking(move || workers.into_iter().for_each(Handle::join));
                let in_time = timeout(bound, &mut joined).await.is_ok();
                ends.stop.send_replace(true);
                if !in_time {
                    // They end now that they were told to; a panic in them has been reported where it happened.
                    drop(joined.await);
                }
                in_time
            }
            // Its threads may do what does not look up. Questions only read, and what writes can be cut off at any moment, as by a
            // crash.
            Self::Ops(thread) => {
                ends.stop.send_replace(true);
                timeout(bound, tokio::task::spawn_blocking(move || thread.join())).await.is_ok()
            }
            // They end when what they are at is done: a load that hangs, in a file system or a compiler, is not waited for.
            Self::Swap(threads) => {
                drop(threads);
                true
            }
            // Not left to whoever lets go of the visits last: a question that was left behind holds them.
            Self::Visits(visits) => timeout(bound, tokio::task::spawn_blocking(move || visits.close())).await.is_ok(),
        }
    }
}
