//! Calls of a plugin: in place on the connection's own thread, or beside it if the plugin has been misbehaving.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tallygate_connect::frame::Chunk;
use tallygate_event::{Outcome, Records};
use tallygate_plugin_host::{Failure, Instance, Plugin, contain};
use tokio::sync::OwnedSemaphorePermit;

use crate::metrics::CallMetrics;
use crate::serving::{Active, Serving};
use crate::worker::Worker;

/// After a question that took so long, the other connections of the thread have a turn before the next.
const SLOW: Duration = Duration::from_millis(1);

/// A call that fails after so long is like a missed deadline: it holds up a thread for nothing. One that answers is not:
/// the machine may have been busy with something else.
const SLOW_FAILURE: Duration = Duration::from_millis(5);

/// The plugins as one worker has them.
#[derive(Default)]
pub(crate) struct OwnPlugins(RefCell<Vec<OwnPlugin>>);

/// A plugin as one worker has it: an instance kept from call to call, and counters that nobody else touches.
struct OwnPlugin {
    id: u64,
    instance: Option<Instance>,
    metrics: CallMetrics,
}

/// The plugin cannot be relied on now; nothing was judged.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}: {why}; the records were not judged, send them again")]
pub(crate) struct Unavailable {
    plugin: String,
    why: String,
}

/// What the plugin makes of a chunk of the body.
pub(super) async fn extract(
    worker: &Worker,
    active: &Arc<Active>,
    body: &Bytes,
    chunk: &Chunk,
) -> Result<Outcome, Unavailable> {
    let health = active.plugin.health();
    if health.is_isolated() {
        let turn = turn(worker).await;
        // Asked only now: whoever had the turn before may have found out.
        refuse_if_paused(active)?;
        return contain_beside(active, body, chunk, turn).await;
    }
    refuse_if_paused(active)?;
    match worker.plugins.timed_call(worker, active, |instance| instance.extract(chunk.records(body))) {
        Ok(outcome) => {
            health.recover();
            Ok(outcome)
        }
        Err(failure) => {
            note(active, &failure);
            contain_beside(active, body, chunk, turn(worker).await).await
        }
    }
}

/// In the plugin's words, why it rejected a record. `None` if it has none, or had better not be asked.
pub(super) async fn explain(worker: &Worker, active: &Active, record: &[u8]) -> Option<String> {
    if active.plugin.health().is_isolated() {
        return None;
    }
    let start = Instant::now();
    let words = worker.plugins.call(worker, active, |instance| instance.explain(record));
    if start.elapsed() > SLOW {
        tokio::task::yield_now().await;
    }
    match words {
        Ok(words) => words.err(),
        Err(failure) => {
            note(active, &failure);
            None
        }
    }
}

/// Waits for the turn on the thread beside this worker's.
async fn turn(worker: &Worker) -> OwnedSemaphorePermit {
    Arc::clone(&worker.containment).acquire_owned().await.expect("the semaphore is never closed")
}

fn refuse_if_paused(active: &Active) -> Result<(), Unavailable> {
    if active.plugin.health().is_paused() { Err(unavailable(active, "it keeps failing")) } else { Ok(()) }
}

/// Finds out on another thread which records are to blame, so that nobody else waits for it. There is one such thread
/// per worker, and one turn on it: plugins that misbehave wait for each other, and whoever stops waiting leaves nothing
/// behind. What is found out about the plugin is noted over there, whether or not anybody still waits for the answer.
async fn contain_beside(
    active: &Arc<Active>,
    body: &Bytes,
    chunk: &Chunk,
    turn: OwnedSemaphorePermit,
) -> Result<Outcome, Unavailable> {
    let records = chunk.records(body);
    // A copy, so that the rest of the body goes with its request.
    let (data, starts, ends) = (records.data.to_vec(), records.starts.to_vec(), records.ends.to_vec());
    let (active_there, gone) = (Arc::clone(active), Gone::default());
    let seen_there = Arc::clone(&gone.0);
    let contained = tokio::task::spawn_blocking(move || {
        let records = Records { data: &data, starts: &starts, ends: &ends };
        let outcome = contain_here(&active_there, records, &seen_there);
        drop(turn);
        outcome
    });
    let outcome = contained.await;
    drop(gone);
    outcome.unwrap_or_else(|_| Err(unavailable(active, "the gateway failed while it looked for the record to blame")))
}

/// Turns true when dropped: the one who asked waits no longer.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn contain_here(active: &Active, records: Records<'_>, gone: &AtomicBool) -> Result<Outcome, Unavailable> {
    let health = active.plugin.health();
    let outcome = contain(&active.plugin, records, |failure| {
        note(active, failure);
        if gone.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match outcome {
        Ok(outcome) => {
            health.recover();
            Ok(outcome)
        }
        // Given up because nobody waits for it: that says nothing about the plugin.
        Err(_) if gone.load(Ordering::Relaxed) => Err(unavailable(active, "nobody waits for the answer")),
        Err(exhausted) => {
            health.pause();
            if active.may_warn() {
                tracing::error!(plugin = active.plugin.name(), error = %exhausted, "plugin paused, records refused");
            }
            Err(unavailable(active, &exhausted.to_string()))
        }
    }
}

fn note(active: &Active, failure: &Failure) {
    active.metrics.failed(failure.kind());
    if active.may_warn() {
        tracing::warn!(plugin = active.plugin.name(), kind = failure.kind(), error = %failure, "plugin call failed");
    }
    if matches!(failure, Failure::Deadline(_)) {
        active.plugin.health().isolate();
    }
}

fn unavailable(active: &Active, why: &str) -> Unavailable {
    Unavailable { plugin: active.plugin.name().to_owned(), why: why.to_owned() }
}

// === impl OwnPlugins ===

impl OwnPlugins {
    /// Calls the worker's instance of the plugin, made if there is none. One that failed or has grown is dropped.
    fn call<T>(
        &self,
        worker: &Worker,
        active: &Active,
        call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with(worker, active, |own| own.call(&active.plugin, call))
    }

    /// The same, and notes how long it took.
    fn timed_call<T>(
        &self,
        worker: &Worker,
        active: &Active,
        call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with(worker, active, |own| {
            let start = Instant::now();
            let answer = own.call(&active.plugin, call);
            let took = start.elapsed();
            own.metrics.seconds.observe(took.as_secs_f64());
            if answer.is_err() && took > SLOW_FAILURE {
                active.plugin.health().isolate();
            }
            answer
        })
    }

    /// Counts records that the plugin accepted.
    pub(super) fn count_accepted(&self, worker: &Worker, active: &Active, records: u64) {
        self.with(worker, active, |own| own.metrics.accepted.inc_by(records));
    }

    /// Lets go of plugins that do not serve any more.
    pub(crate) fn keep_only(&self, serving: &Serving) {
        self.0.borrow_mut().retain(|own| serving.has(own.id));
    }

    fn with<T>(&self, worker: &Worker, active: &Active, act: impl FnOnce(&mut OwnPlugin) -> T) -> T {
        let (id, mut all) = (active.plugin.id(), self.0.borrow_mut());
        if let Some(own) = all.iter_mut().find(|own| own.id == id) {
            return act(own);
        }
        let metrics = worker.metrics.calls_of(active.plugin.name(), &worker.own_metrics);
        let mut own = OwnPlugin { id, instance: None, metrics };
        let result = act(&mut own);
        // A request that began under an older snapshot may still ask a plugin that was let go of.
        if worker.serves(id) {
            all.push(own);
        }
        result
    }
}

// === impl OwnPlugin ===

impl OwnPlugin {
    fn call<T>(
        &mut self,
        plugin: &Plugin,
        call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let instance = match &mut self.instance {
            Some(instance) => instance,
            none => none.insert(plugin.instantiate().map_err(|error| Failure::Trap(error.to_string()))?),
        };
        let answer = call(instance);
        if answer.is_err() || instance.is_worn() {
            self.instance = None;
        }
        answer
    }
}
