//! A thread with a runtime of its own, and its lane through the pipeline. What it is given to do is not its business.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use prometheus::IntGauge;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};

use crate::common::Common;
use crate::memory;
use crate::pipeline::Lane;
use crate::source::Work;
use crate::thread;

/// The other end of a worker: where sources hand over what is to be done.
pub(crate) struct Handle {
    sender: mpsc::Sender<(Work, Guard)>,
    connections: Arc<AtomicUsize>,
    gauge: IntGauge,
    thread: JoinHandle<()>,
}

/// Counts one connection for as long as it lives.
pub(crate) struct Guard {
    connections: Arc<AtomicUsize>,
    gauge: IntGauge,
}

/// Bytes that a thread takes in two seconds while it has better things to do than to give memory back.
const MUCH: u64 = 16 << 20;
/// Connections that may wait for a busy worker to take them.
const HANDOVER: usize = 1024;

// === impl Handle ===

impl Handle {
    /// Starts a worker. It ends when the handle is dropped and its connections are done, or `stop` turns true.
    pub(crate) fn start(
        at: usize,
        common: Arc<Common>,
        draining: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(HANDOVER);
        let gauge = common.metrics.connections.open.clone();
        let thread = std::thread::Builder::new().name(format!("ingest-{at}")).spawn(move || {
            // One blocking thread: plugins that misbehave are contained there, one after the other.
            let mut builder = Builder::new_current_thread();
            builder.enable_all().max_blocking_threads(1).on_thread_start(thread::make_way);
            match builder.build_local(LocalOptions::default()) {
                Ok(runtime) => {
                    let lane = Rc::new(Lane::new(&common, at));
                    let changed = common.changed.subscribe();
                    runtime.block_on(run(lane, changed, receiver, draining, stop));
                    runtime.shutdown_background();
                }
                Err(error) => tracing::error!(%error, "a worker cannot start"),
            }
        })?;
        Ok(Self { sender, connections: Arc::default(), gauge, thread })
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Hands something over to be done.
    ///
    /// # Errors
    /// Gives it back if the worker has too much waiting.
    pub(crate) fn give(&self, work: Work) -> Result<(), Work> {
        let sent = self.sender.try_send((work, Guard::new(&self.connections, &self.gauge)));
        sent.map_err(|back| back.into_inner().0)
    }

    /// Waits until the worker has ended.
    pub(crate) fn join(self) {
        drop(self.sender);
        if self.thread.join().is_err() {
            tracing::error!("a worker ended in a panic");
        }
    }
}

async fn run(
    lane: Rc<Lane>,
    changed: watch::Receiver<()>,
    mut receiver: mpsc::Receiver<(Work, Guard)>,
    draining: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    drop(tokio::task::spawn_local(follow(Rc::clone(&lane), changed)));
    let bytes = lane.own_metrics.requests.bytes.clone();
    drop(tokio::task::spawn_local(memory::give_back_when_quiet(move || bytes.get(), MUCH)));
    let finish = async {
        // All that is under way holds a sender; when all are gone, it is done.
        let (alive, mut all_done) = mpsc::channel::<()>(1);
        while let Some((work, guard)) = receiver.recv().await {
            let (lane, draining, alive) = (Rc::clone(&lane), draining.clone(), alive.clone());
            tokio::task::spawn_local(async move {
                work.run(lane, draining).await;
                drop((guard, alive));
            });
        }
        drop(alive);
        all_done.recv().await;
    };
    tokio::select! {
        () = finish => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Takes notice of what serves, request or no request.
async fn follow(lane: Rc<Lane>, mut changed: watch::Receiver<()>) {
    while changed.changed().await.is_ok() {
        lane.serving();
    }
}

// === impl Guard ===

impl Guard {
    fn new(connections: &Arc<AtomicUsize>, gauge: &IntGauge) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        gauge.inc();
        Self { connections: Arc::clone(connections), gauge: gauge.clone() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        self.gauge.dec();
    }
}
