//! The metrics of the history that are asked at each scrape.

use prometheus::IntGauge;
use tallygate_index::Visits;

use super::Make;
use crate::visits::of_default;

/// What the history occupies.
pub(crate) struct HistoryMetrics {
    hot_bytes: IntGauge,
    hot_hours: IntGauge,
    segments: IntGauge,
    segment_bytes: IntGauge,
    journal_bytes: IntGauge,
    journal_failing: IntGauge,
    unacknowledged: IntGauge,
}

// === impl HistoryMetrics ===

impl HistoryMetrics {
    pub(super) fn new(make: &Make<'_>) -> Self {
        Self {
            hot_bytes: make.gauge("tallygate_hot_bytes", "Memory of the hours that are being written to."),
            hot_hours: make.gauge("tallygate_hot_hours", "Hours that are being written to."),
            segments: make.gauge("tallygate_segments", "Segments of the history."),
            segment_bytes: make.gauge("tallygate_segment_bytes", "Bytes of the segments of the history."),
            journal_bytes: make.gauge("tallygate_journal_file_bytes", "Bytes of the journal that segments lack yet."),
            journal_failing: make
                .gauge("tallygate_journal_failing", "1 while the journal cannot be written, and visits are refused."),
            unacknowledged: make.gauge(
                "tallygate_unacknowledged_ip_addresses",
                "Addresses in unique_ip_addresses that came in requests which were not acknowledged, and in no other since.",
            ),
        }
    }

    pub(crate) fn refresh(&self, visits: &Visits) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let stats = visits.stats();
        self.hot_bytes.set(gauge(stats.hot_bytes as u64));
        self.hot_hours.set(gauge(stats.hot_hours as u64));
        self.segments.set(gauge(stats.segments as u64));
        self.segment_bytes.set(gauge(stats.segment_bytes));
        self.journal_bytes.set(gauge(stats.journal_bytes));
        self.journal_failing.set(i64::from(visits.progress().failing));
        self.unacknowledged.set(gauge(of_default(visits).unacknowledged()));
    }
}
