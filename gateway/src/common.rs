//! What all threads of the gateway share. Nothing else is shared by all of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tallygate_index::Visits;
use tallygate_index::journal::Progress;
use tokio::sync::watch;

use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::serving::Serving;

pub(crate) struct Common {
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
