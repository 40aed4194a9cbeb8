//! The metrics of visits: the set that is counted, the history, its journal, and the times that are believed.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};
use tallygate_index::{DamageKind, DamageTotals, Visits};

use super::of_default;
use crate::metrics::{Registry, gauge};

pub(crate) struct VisitMetrics {
    unique: IntGauge,
    saturated_prefixes: IntGauge,
    set_bytes: IntGauge,
    hot_bytes: IntGauge,
    hot_hours: IntGauge,
    segments: IntGauge,
    segment_bytes: IntGauge,
    pub(super) journal: JournalMetrics,
    damage: IntCounterVec,
    unacknowledged: IntGauge,
    pub(crate) times_replaced: IntCounter,
    pub(crate) times_unread: IntCounter,
}

#[derive(Clone)]
pub(super) struct JournalMetrics {
    pub(super) bytes: IntCounter,
    pub(super) fsync: Histogram,
    file_bytes: IntGauge,
    failing: IntGauge,
    pub(super) cut_bytes: IntCounter,
}

/// Seconds of one fsync: from a tenth of a millisecond, three steps to a decade.
const FSYNC_BUCKETS: [f64; 13] = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1.0];

// === impl VisitMetrics ===

impl VisitMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            unique: registry.gauge(
                "unique_ip_addresses",
                "Distinct client addresses, ever or since the start (`count_since`); exact while `tallygate_saturated_prefixes` is 0.",
            ),
            saturated_prefixes: registry.gauge(
                "tallygate_saturated_prefixes",
                "IPv6 /64 networks that brought more than `addresses.max_per_64`; above 0, `unique_ip_addresses` is too low.",
            ),
            set_bytes: registry.gauge("tallygate_set_bytes", "Memory of the set of unique addresses."),
            hot_bytes: registry.gauge("tallygate_hot_bytes", "Memory of the hours that are being written to."),
            hot_hours: registry.gauge("tallygate_hot_hours", "Hours that are being written to."),
            segments: registry.gauge("tallygate_segments", "Segments of the history."),
            segment_bytes: registry.gauge("tallygate_segment_bytes", "Bytes of the segments of the history."),
            journal: JournalMetrics::register(registry),
            damage: registry.counters(
                "tallygate_damage_total",
                "Files of the data directory that lost acknowledged visits, which somebody accepted with `--accept-damage`: \
                 `journal-missing`, `journal-hole`, `segment-missing`, `segment-damaged`, `segment-replaced`; kept over restarts.",
                &["kind"],
            ),
            unacknowledged: registry.gauge(
                "tallygate_unacknowledged_ip_addresses",
                "Addresses in `unique_ip_addresses` that came in requests which were not acknowledged, as the journal failed or \
                 the client was gone, and in no other since the start.",
            ),
            times_replaced: registry.counter(
                "tallygate_event_times_replaced_total",
                "Records whose time lay beyond `event_time.max_age` or `max_ahead`, and which count at the time they came.",
            ),
            times_unread: registry.counter(
                "tallygate_event_times_unread_total",
                "Records that have a time which their plugin could not read, and which count at the time they came, also with \
                 `event_time.beyond = \"reject\"`.",
            ),
        }
    }

    /// Brings the gauges up to date that are read rather than counted.
    pub(crate) fn refresh(&self, visits: &Visits) {
        let own = of_default(visits);
        let (ever, stats) = (own.ever(), visits.stats());
        self.unique.set(gauge(own.counted().len()));
        self.saturated_prefixes.set(gauge(ever.saturated_prefixes()));
        self.set_bytes.set(gauge(ever.memory_bytes() as u64));
        self.hot_bytes.set(gauge(stats.hot_bytes as u64));
        self.hot_hours.set(gauge(stats.hot_hours as u64));
        self.segments.set(gauge(stats.segments as u64));
        self.segment_bytes.set(gauge(stats.segment_bytes));
        self.journal.file_bytes.set(gauge(stats.journal_bytes));
        self.journal.failing.set(i64::from(visits.progress().failing));
        self.unacknowledged.set(gauge(own.unacknowledged()));
    }

    /// Counts what the data directory has lost ever.
    pub(super) fn damage(&self, totals: &DamageTotals) {
        for (kind, total) in DamageKind::ALL.into_iter().zip(totals) {
            self.damage.with_label_values(&[kind.name()]).inc_by(*total);
        }
    }
}

// === impl JournalMetrics ===

impl JournalMetrics {
    fn register(registry: &mut Registry) -> Self {
        Self {
            bytes: registry.counter("tallygate_journal_bytes_total", "Bytes written to the journal."),
            fsync: registry.histogram(
                "tallygate_journal_fsync_seconds",
                "Seconds of making the journal durable; all requests that came meanwhile wait for the next together.",
                &FSYNC_BUCKETS,
            ),
            file_bytes: registry
                .gauge("tallygate_journal_file_bytes", "Bytes of the journal that are not in segments yet."),
            failing: registry
                .gauge("tallygate_journal_failing", "1 while the journal cannot be written, and visits are refused."),
            cut_bytes: registry.counter(
                "tallygate_journal_cut_bytes_total",
                "Bytes of the journal that were no whole entry when it was read at the start.",
            ),
        }
    }
}
