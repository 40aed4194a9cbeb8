//! Calls of a plugin: in place on the connection's own thread, or beside it if the plugin has been misbehaving.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tallygate_connect::frame::Chunk;
use tallygate_event::{Code, Outcome, Records};
use tallygate_plugin_host::{Failure, Instance, Plugin, contain, thread_time};
use tokio::sync::OwnedSemaphorePermit;

use super::lane::Lane;
use super::metrics::WorkerCalls;
use crate::serving::{Active, Serving};

/// After a question that took so long, the other connections of the thread have a turn before the next.
const SLOW: Duration = Duration::from_millis(1);

/// A call that answers after so much computing holds up its thread for too long to be made there.
const SLOW_CALL: Duration = Duration::from_millis(10);

/// A call that fails after so long is like a missed deadline: it holds up a thread for nothing. One that answers is not:
/// the machine may have been busy with something else.
const SLOW_FAILURE: Duration = Duration::from_millis(5);

/// A plugin that fails more often than this without an answer between costs its thread more than it is worth.
const FAILURES_IN_A_ROW: u32 = 2;

/// The plugins as one worker has them.
#[derive(Default)]
pub(crate) struct OwnPlugins(RefCell<Vec<OwnPlugin>>);

/// A plugin as one worker has it: an instance kept from call to call, and counters that nobody else touches.
struct OwnPlugin {
    id: u64,
    instance: Option<Instance>,
    /// The instance for calls beside the worker's thread.
    beside: Kept,
    /// Calls that failed, one after the other.
    failures: u32,
    /// Whether the last call took long by the clock, so that the next is measured by what it computes.
    suspect: bool,
    metrics: WorkerCalls,
}

/// An instance that is kept for calls beside a worker's thread. There is one turn at a time, so nobody waits for the lock.
type Kept = Arc<Mutex<Option<Instance>>>;

/// The plugin cannot be relied on now; nothing was judged.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}: {why}; the records were not judged, send them again")]
pub(crate) struct Unavailable {
    plugin: String,
    why: String,
}

/// What the plugin makes of a chunk of the body.
pub(super) async fn extract(
    lane: &Lane,
    active: &Arc<Active>,
    body: &Bytes,
    (chunk, received): (&Chunk, i64),
) -> Result<Outcome, Unavailable> {
    let counts = active.counts.of(lane.at);
    let called = |failed| counts.map(|counts| counts.called(failed)).unwrap_or_default();
    if active.plugin.health().is_isolated() {
        let turn = turn(lane).await;
        // Asked only now: whoever had the turn before may have found out.
        refuse_if_paused(active)?;
        let kept = Some(lane.plugins.beside(lane, active));
        let (outcome, failed) = ask_beside(active, chunk.records(body, received), Beside { kept, turn }).await;
        called(failed);
        return outcome;
    }
    refuse_if_paused(active)?;
    let answer = lane.plugins.timed_call(lane, active, |instance| instance.extract(chunk.records(body, received)));
    called(answer.is_err());
    match answer {
        Ok(outcome) => {
            active.plugin.health().recover();
            Ok(outcome)
        }
        Err(failure) => {
            note(active, &failure);
            let turn = turn(lane).await;
            ask_beside(active, chunk.records(body, received), Beside { kept: None, turn }).await.0
        }
    }
}

/// In the plugin's words, why a record was rejected. `None` if it has none, or had better not be asked.
///
/// Of a record that names no client, which the route rejects, the plugin says what it read out of it.
pub(super) async fn explain(
    lane: &Lane,
    active: &Arc<Active>,
    (record, received): (&[u8], i64),
    code: Code,
) -> Option<String> {
    let health = active.plugin.health();
    if health.misbehaved() {
        return None;
    }
    let words = if health.is_isolated() {
        explain_beside(lane, active, record, received).await?
    } else {
        let start = Instant::now();
        let words = lane.plugins.call(lane, active, |instance| instance.explain(record, received));
        if start.elapsed() > SLOW {
            tokio::task::yield_now().await;
        }
        words
    };
    match words {
        Ok(words) => code.reason(words),
        Err(failure) => {
            note(active, &failure);
            if let Some(counts) = active.counts.of(lane.at) {
                counts.called(true);
            }
            None
        }
    }
}

/// Asks a plugin that is slow by nature on the thread beside this worker's. `None` if the gateway itself failed.
async fn explain_beside(
    lane: &Lane,
    active: &Arc<Active>,
    record: &[u8],
    received: i64,
) -> Option<Result<Result<String, String>, Failure>> {
    let turn = turn(lane).await;
    let (kept, active, record) = (lane.plugins.beside(lane, active), Arc::clone(active), record.to_vec());
    let asked = tokio::task::spawn_blocking(move || {
        let mut own = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let words = call_kept(&mut own, &active.plugin, |instance| instance.explain(&record, received));
        drop(turn);
        words
    });
    asked.await.ok()
}

/// Waits for the turn on the thread beside this worker's.
async fn turn(lane: &Lane) -> OwnedSemaphorePermit {
    Arc::clone(&lane.containment).acquire_owned().await.expect("the semaphore is never closed")
}

fn refuse_if_paused(active: &Active) -> Result<(), Unavailable> {
    if active.plugin.health().is_paused() { Err(unavailable(active, "it keeps failing")) } else { Ok(()) }
}

/// What a call beside a worker's thread has to itself.
struct Beside {
    /// The instance for calls beside. `None`: the call has failed in place, and what is left is to find out why.
    kept: Option<Kept>,
    turn: OwnedSemaphorePermit,
}

/// Asks on another thread, so that nobody else waits for the answer. There is one such thread per worker, and one turn on
/// it: plugins that misbehave wait for each other, and whoever stops waiting leaves nothing behind. What is found out about
/// the plugin is noted over there, whether or not anybody still waits. Tells also whether the plugin failed.
async fn ask_beside(
    active: &Arc<Active>,
    records: Records<'_>,
    beside: Beside,
) -> (Result<Outcome, Unavailable>, bool) {
    // A copy, so that the rest of the body goes with its request.
    let (data, bounds, received) = (records.data.to_vec(), records.bounds.to_vec(), records.received);
    let (active_there, gone) = (Arc::clone(active), Gone::default());
    let seen_there = Arc::clone(&gone.0);
    let asked = tokio::task::spawn_blocking(move || {
        let records = Records { data: &data, bounds: &bounds, received };
        let Beside { kept, turn } = beside;
        let answer = kept.and_then(|kept| ask_kept(&active_there, &kept, records));
        let failed = answer.is_none();
        let outcome = answer.map_or_else(|| contain_here(&active_there, records, &seen_there), Ok);
        drop(turn);
        (outcome, failed)
    });
    let answer = asked.await;
    drop(gone);
    answer.unwrap_or_else(|_| {
        (Err(unavailable(active, "the gateway failed while it looked for the record to blame")), true)
    })
}

/// Turns true when dropped: the one who asked waits no longer.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One call of the instance for calls beside. `None` if it failed.
fn ask_kept(active: &Active, kept: &Kept, records: Records<'_>) -> Option<Outcome> {
    let start = thread_time();
    let mut own = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = call_kept(&mut own, &active.plugin, |instance| instance.extract(records));
    let health = active.plugin.health();
    match answer {
        Ok(outcome) => {
            health.recover();
            if thread_time().saturating_sub(start) > SLOW_CALL && !health.is_always_isolated() {
                health.isolate();
            }
            Some(outcome)
        }
        Err(failure) => {
            note(active, &failure);
            // It fails over and over: no reason to let it back among those that serve connections.
            health.isolate();
            None
        }
    }
}

/// Finds out which records make the plugin fail. On probation, the generation before judges instead: what a new plugin
/// fails at costs no record.
fn contain_here(active: &Active, records: Records<'_>, gone: &AtomicBool) -> Result<Outcome, Unavailable> {
    let stand_in = active.stand_in();
    let plugin = stand_in.as_deref().unwrap_or(&active.plugin);
    let health = active.plugin.health();
    let outcome = contain(plugin, records, |failure| {
        note(active, failure);
        if gone.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match outcome {
        Ok(mut outcome) => {
            health.recover();
            if let Some(stand_in) = &stand_in {
                active.plugin.rename_codes(&mut outcome, stand_in);
            }
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
    active.metrics.records.failed(failure.kind());
    active.failures.fetch_add(1, Ordering::Relaxed);
    if active.may_warn() {
        tracing::warn!(plugin = active.plugin.name(), kind = failure.kind(), error = %failure, "plugin call failed");
    }
    if matches!(failure, Failure::Deadline { .. }) {
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
        lane: &Lane,
        active: &Active,
        call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with(lane, active, |own| own.call(&active.plugin, call))
    }

    /// The same, and notes how long it took.
    fn timed_call<T>(
        &self,
        lane: &Lane,
        active: &Active,
        call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with(lane, active, |own| {
            let computed = own.suspect.then(thread_time);
            let start = Instant::now();
            let answer = own.call(&active.plugin, call);
            let took = start.elapsed();
            own.metrics.seconds.observe(took.as_secs_f64());
            own.failures = if answer.is_ok() { 0 } else { own.failures + 1 };
            // By the clock alone, a plugin would be blamed for a busy machine.
            let slow = computed.is_some_and(|before| thread_time().saturating_sub(before) > SLOW_CALL);
            own.suspect = took > SLOW_CALL;
            if slow || own.failures > FAILURES_IN_A_ROW || (answer.is_err() && took > SLOW_FAILURE) {
                active.plugin.health().isolate();
            }
            answer
        })
    }

    /// The worker's instance for calls beside its thread.
    fn beside(&self, lane: &Lane, active: &Active) -> Kept {
        self.with(lane, active, |own| Arc::clone(&own.beside))
    }

    /// Counts records that the plugin accepted.
    pub(super) fn count_accepted(&self, lane: &Lane, active: &Active, records: u64) {
        self.with(lane, active, |own| own.metrics.accepted.inc_by(records));
    }

    /// Lets go of plugins that do not serve any more.
    pub(crate) fn keep_only(&self, serving: &Serving) {
        self.0.borrow_mut().retain(|own| serving.has(own.id));
    }

    fn with<T>(&self, lane: &Lane, active: &Active, act: impl FnOnce(&mut OwnPlugin) -> T) -> T {
        let (id, mut all) = (active.plugin.id(), self.0.borrow_mut());
        if let Some(own) = all.iter_mut().find(|own| own.id == id) {
            return act(own);
        }
        let metrics = lane.metrics.records.calls_of(active.plugin.name(), &lane.own_metrics.records);
        let mut own = OwnPlugin { id, instance: None, beside: Kept::default(), failures: 0, suspect: false, metrics };
        let result = act(&mut own);
        // A request that began under an older snapshot may still ask a plugin that was let go of.
        if lane.serves(id) {
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
        call_kept(&mut self.instance, plugin, call)
    }
}

/// Calls an instance, made if there is none. One that failed or has grown is dropped.
fn call_kept<T>(
    kept: &mut Option<Instance>,
    plugin: &Plugin,
    call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let instance = match kept {
        Some(instance) => instance,
        None => kept.insert(plugin.instantiate().map_err(|error| Failure::Trap(error.to_string()))?),
    };
    let answer = call(instance);
    if answer.is_err() || instance.is_worn() {
        *kept = None;
    }
    answer
}
