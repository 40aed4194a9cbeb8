//! The metrics of requests on the ingest port.

use http::StatusCode;
use prometheus::IntCounter;

use crate::metrics::{CountersByWorker, NOBODY, Registry};

pub(crate) struct RequestMetrics {
    requests: CountersByWorker,
    bytes: CountersByWorker,
}

/// What one worker counts at every request, found once.
pub(crate) struct WorkerRequests {
    accepted: IntCounter,
    /// Bytes of bodies.
    pub(crate) bytes: IntCounter,
}

// === impl RequestMetrics ===

impl RequestMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: registry.counters_by_worker(
                "tallygate_requests_total",
                "Requests on the ingest port, by status.",
                &["code"],
            ),
            bytes: registry.counters_by_worker(
                "tallygate_ingest_bytes_total",
                "Bytes of request bodies, as received.",
                &[],
            ),
        };
        // Zero is an answer too.
        metrics.of_worker(NOBODY);
        metrics
    }

    /// What one worker counts.
    pub(crate) fn of_worker(&self, worker: &str) -> WorkerRequests {
        let accepted = self.requests.of(&[StatusCode::ACCEPTED.as_str()], worker);
        WorkerRequests { accepted, bytes: self.bytes.of(&[], worker) }
    }

    /// Counts a request that was answered. Only the usual answer is one that workers count apart.
    pub(super) fn answered(&self, worker: &WorkerRequests, status: StatusCode) {
        if status == StatusCode::ACCEPTED {
            worker.accepted.inc();
        } else {
            self.requests.of(&[status.as_str()], NOBODY).inc();
        }
    }
}
