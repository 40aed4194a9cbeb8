//! The metrics of connections.

use prometheus::{IntCounter, IntGauge};

use crate::metrics::Registry;

#[derive(Clone)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: IntGauge,
    pub(super) refused: IntCounter,
}

// === impl ConnectionMetrics ===

impl ConnectionMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            open: registry.gauge("tallygate_connections", "Open connections on the ingest port."),
            refused: registry.counter(
                "tallygate_connections_refused_total",
                "Connections on the ingest port that were turned away because there were too many, or too many waiting.",
            ),
        }
    }
}
