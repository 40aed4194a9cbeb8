//! What one worker has of the pipeline, and nobody else.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use tallygate_connect::frame::Chunk;
use tallygate_index::visits::TenantVisits;
use tallygate_index::{Day, Visits};
use tokio::sync::Semaphore;

use super::batch::Origin;
use super::call::OwnPlugins;
use super::destination::Destination;
use crate::common::Common;
use crate::in_flight::Share;
use crate::metrics::{Metrics, WorkerMetrics};
use crate::serving::Serving;
use crate::visits::{Believed, Intake};

/// One worker's lane through the pipeline. All its requests, one beside the other, run on the worker's thread.
pub(crate) struct Lane {
    /// Which of the workers it is.
    pub(crate) at: usize,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) own_metrics: WorkerMetrics,
    pub(crate) in_flight: Share,
    pub(super) plugins: OwnPlugins,
    /// The turn on the thread beside this one.
    pub(super) containment: Arc<Semaphore>,
    /// Where judged batches go.
    pub(super) destinations: Vec<Destination>,
    visits: Arc<Visits>,
    newest: RefCell<Cache<Arc<ArcSwap<Serving>>, Arc<Serving>>>,
    /// The newest that this worker has seen. `Rc`, not `Arc`: one count that all requests of all workers change would make the
    /// cores wait for each other.
    serving: RefCell<Rc<Newest>>,
    chunk: Cell<Option<Chunk>>,
}

/// A snapshot, as one worker has it.
pub(crate) struct Newest(Arc<Serving>);

// === impl Lane ===

impl Lane {
    pub(crate) fn new(common: &Common, at: usize) -> Self {
        let visits = Intake::new(Arc::clone(&common.visits), common.progress.clone());
        Self {
            at,
            metrics: Arc::clone(&common.metrics),
            own_metrics: common.metrics.worker(at),
            in_flight: common.in_flight.share(),
            plugins: OwnPlugins::default(),
            containment: Arc::new(Semaphore::new(1)),
            destinations: vec![Destination::Visits(visits)],
            visits: Arc::clone(&common.visits),
            newest: RefCell::new(Cache::new(Arc::clone(&common.serving))),
            serving: RefCell::new(Rc::new(Newest(common.serving.load_full()))),
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
    pub(super) fn serves(&self, plugin: u64) -> bool {
        self.serving.borrow().has(plugin)
    }

    /// The times of a batch that are believed.
    pub(super) fn believed(&self, origin: &Origin) -> Believed {
        // Of a tenant that is not kept, the visits will refuse the batch.
        let oldest = self.visits.of(origin.tenant).map_or(Day(0), TenantVisits::oldest_day);
        Believed::at(origin.received, &self.serving().config.visits.event_time, oldest)
    }

    /// Memory for framing: the worker's own if no other request of this thread has it.
    pub(super) fn take_chunk(&self) -> Chunk {
        self.chunk.take().unwrap_or_default()
    }

    /// Keeps the memory for the next.
    pub(super) fn give_back(&self, chunk: Chunk) {
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
