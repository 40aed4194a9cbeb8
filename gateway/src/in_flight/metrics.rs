//! The metrics of what requests hold.

use prometheus::IntGauge;

use super::InFlight;
use crate::metrics::{Registry, gauge};

pub(crate) struct InFlightMetrics {
    held: IntGauge,
    limit: IntGauge,
}

// === impl InFlightMetrics ===

impl InFlightMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            held: registry.gauge(
                "tallygate_in_flight_bytes",
                "Bytes held now for requests: bodies, large headers, streams of HTTP/2, answers that are not taken.",
            ),
            limit: registry.gauge(
                "tallygate_in_flight_limit_bytes",
                "The bound on `tallygate_in_flight_bytes`, `ingest.max_in_flight`.",
            ),
        }
    }

    /// Brings the gauges up to date, as they are read rather than counted.
    pub(crate) fn refresh(&self, in_flight: &InFlight) {
        self.held.set(gauge(in_flight.held() as u64));
        self.limit.set(gauge(in_flight.limit() as u64));
    }
}
