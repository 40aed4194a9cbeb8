//! A thread that serves connections: its own runtime, its own plugin instances.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use arc_swap::{ArcSwap, Cache};
use prometheus::IntGauge;
use tallygate_connect::frame::Chunk;
use tallygate_event::Outcome;
use tallygate_index::journal::{Progress, Settled, Ticket, Unwritable};
use tallygate_index::{NewIps, Visits};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::in_flight::{InFlight, Share};
use crate::ingest;
use crate::memory;
use crate::metrics::{Metrics, WorkerMetrics};
use crate::net::{self, Terms, Waits};
use crate::pipeline::OwnPlugins;
use crate::serving::Serving;
use crate::thread;
use crate::visits::{Believed, Sorter, of_default};

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) serving: Arc<ArcSwap<Serving>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) visits: Arc<Visits>,
    /// How far the journal is.
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) in_flight: InFlight,
    /// How many workers there are.
    pub(crate) workers: usize,
    /// Sent to when something else serves, so that workers without a request let go of what serves no more.
    pub(crate) changed: watch::Sender<()>,
}

/// What belongs to one worker, and to nobody else.
pub(crate) struct Worker {
    /// Which of the workers it is.
    pub(crate) at: usize,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) own_metrics: WorkerMetrics,
    pub(crate) in_flight: Share,
    pub(crate) plugins: OwnPlugins,
    /// The turn on the thread beside this one.
    pub(crate) containment: Arc<Semaphore>,
    visits: Arc<Visits>,
    progress: watch::Receiver<Progress>,
    newest: RefCell<Cache<Arc<ArcSwap<Serving>>, Arc<Serving>>>,
    /// The newest that this worker has seen. Requests share it by a count that is this thread's own: on the snapshot's
    /// count, all workers would meet at every request.
    serving: RefCell<Rc<Newest>>,
    sorter: RefCell<Sorter>,
    chunk: Cell<Option<Chunk>>,
}

/// A snapshot, as one worker has it.
pub(crate) struct Newest(Arc<Serving>);

/// The other end of a worker: where the acceptor hands connections over.
pub(crate) struct Handle {
    sender: mpsc::Sender<(std::net::TcpStream, Guard)>,
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
/// What an answer takes, unless it names rejected records.
const ANSWER: usize = 1 << 10;

/// Connections that may wait for a busy worker to take them.
const HANDOVER: usize = 1024;

// === impl Worker ===

impl Worker {
    fn new(shared: &Shared, at: usize) -> Self {
        Self {
            at,
            metrics: Arc::clone(&shared.metrics),
            own_metrics: shared.metrics.worker(at),
            in_flight: shared.in_flight.share(),
            plugins: OwnPlugins::default(),
            containment: Arc::new(Semaphore::new(1)),
            visits: Arc::clone(&shared.visits),
            progress: shared.progress.clone(),
            newest: RefCell::new(Cache::new(Arc::clone(&shared.serving))),
            serving: RefCell::new(Rc::new(Newest(shared.serving.load_full()))),
            sorter: RefCell::default(),
            chunk: Cell::default(),
        }
    }

    /// What serves now.
    pub(crate) fn serving(&self) -> Rc<Newest> {
        let mut newest = self.newest.borrow_mut();
        let (newest, mut serving) = (newest.load(), self.serving.borrow_mut());
        if !Arc::ptr_eq(newest, &serving.0) {
            *serving = Rc::new(Newest(Arc::clone(newest)));
            self.plugins.keep_only(newest);
        }
        Rc::clone(&serving)
    }

    /// Whether a plugin is among those that served when this worker last looked.
    pub(crate) fn serves(&self, plugin: u64) -> bool {
        self.serving.borrow().has(plugin)
    }

    /// The times that are believed at `now`.
    pub(crate) fn believed(&self, now: i64) -> Believed {
        Believed::at(now, &self.serving().config.visits.event_time, of_default(&self.visits).oldest_day())
    }

    pub(crate) fn visits(&self) -> &Visits {
        &self.visits
    }

    /// Adds the visits of an outcome, and returns what must become durable before they are acknowledged. Records without a
    /// time came when they were received, at `now`.
    pub(crate) fn add(&self, outcome: &Outcome, now: i64) -> (Result<Option<Ticket>, Unwritable>, NewIps) {
        if outcome.accepted() == 0 {
            return (Ok(None), NewIps::default());
        }
        self.sorter.borrow_mut().add(&self.visits, outcome, now)
    }

    /// Waits until it is durable.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), Unwritable> {
        let mut progress = self.progress.clone();
        let settled = |progress: &Progress| ticket.state(*progress) != Settled::Waiting;
        // The sender lives as long as the visits, which this worker holds.
        let settled = progress.wait_for(settled).await.map(|progress| ticket.state(*progress));
        match settled {
            Ok(Settled::Durable) => Ok(()),
            _ => {
                let reason = self.visits.failure().map(|reason| format!("the journal cannot be written: {reason}"));
                Err(Unwritable { reason: reason.unwrap_or_else(|| "the journal failed a moment ago".to_owned()) })
            }
        }
    }

    /// Memory for framing: the worker's own if no other request of this thread has it.
    pub(crate) fn take_chunk(&self) -> Chunk {
        self.chunk.take().unwrap_or_default()
    }

    /// Keeps the memory for the next.
    pub(crate) fn give_back(&self, chunk: Chunk) {
        self.chunk.set(Some(chunk));
    }
}

// === impl Newest ===

impl Deref for Newest {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        &self.0
    }
}

// === impl Handle ===

impl Handle {
    /// Starts a worker. It ends when the handle is dropped and its connections are done, or `stop` turns true.
    pub(crate) fn start(
        at: usize,
        shared: Arc<Shared>,
        draining: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(HANDOVER);
        let gauge = shared.metrics.connections.clone();
        let thread = std::thread::Builder::new().name(format!("ingest-{at}")).spawn(move || {
            // One blocking thread: plugins that misbehave are contained there, one after the other.
            let mut builder = Builder::new_current_thread();
            builder.enable_all().max_blocking_threads(1).on_thread_start(thread::make_way);
            match builder.build_local(LocalOptions::default()) {
                Ok(runtime) => {
                    let worker = Rc::new(Worker::new(&shared, at));
                    let changed = shared.changed.subscribe();
                    runtime.block_on(run(worker, changed, receiver, draining, stop));
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

    /// Hands a connection over.
    ///
    /// # Errors
    /// Gives it back if the worker has too many waiting.
    pub(crate) fn give(&self, stream: std::net::TcpStream) -> Result<(), std::net::TcpStream> {
        let sent = self.sender.try_send((stream, Guard::new(&self.connections, &self.gauge)));
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
    worker: Rc<Worker>,
    changed: watch::Receiver<()>,
    mut receiver: mpsc::Receiver<(std::net::TcpStream, Guard)>,
    draining: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    drop(tokio::task::spawn_local(follow(Rc::clone(&worker), changed)));
    let bytes = worker.own_metrics.ingest_bytes.clone();
    drop(tokio::task::spawn_local(memory::give_back_when_quiet(move || bytes.get(), MUCH)));
    let finish = async {
        // Each connection holds a sender; when all are gone, so are the connections.
        let (alive, mut all_done) = mpsc::channel::<()>(1);
        while let Some((stream, guard)) = receiver.recv().await {
            let (worker, draining, alive) = (Rc::clone(&worker), draining.clone(), alive.clone());
            tokio::task::spawn_local(async move {
                connection(worker, stream, draining).await;
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
async fn follow(worker: Rc<Worker>, mut changed: watch::Receiver<()>) {
    while changed.changed().await.is_ok() {
        worker.serving();
    }
}

async fn connection(worker: Rc<Worker>, stream: std::net::TcpStream, draining: watch::Receiver<bool>) {
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken over");
            return;
        }
    };
    let limits = &worker.serving().config.ingest;
    let waits = Waits { header: limits.header_timeout, idle: limits.idle_timeout, write: limits.body_timeout };
    let terms = Terms { waits, share: worker.in_flight.clone(), answer: ANSWER, places: None };
    net::serve(stream, ingest::service(worker), terms, draining).await;
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
