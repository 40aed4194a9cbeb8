//! The metrics of records, and of the plugin calls that judge them.

use prometheus::{Histogram, IntCounter, IntCounterVec};

use crate::metrics::{CountersByWorker, HistogramsByWorker, NOBODY, Registry};

pub(crate) struct RecordMetrics {
    received: CountersByWorker,
    accepted: CountersByWorker,
    rejected: IntCounterVec,
    refused: IntCounterVec,
    seconds: HistogramsByWorker,
    traps: IntCounterVec,
}

/// What one worker counts at every request, found once.
pub(crate) struct WorkerRecords {
    worker: String,
    pub(super) received: IntCounter,
}

/// What one worker counts of one plugin at every request, found once.
pub(super) struct WorkerCalls {
    pub(super) accepted: IntCounter,
    pub(super) seconds: Histogram,
}

/// What is counted of one plugin by its name.
pub(crate) struct PluginRecords {
    name: String,
    rejected: IntCounterVec,
    traps: IntCounterVec,
}

/// Seconds of one plugin call: from a microsecond, four steps to a decade.
const CALL_BUCKETS: [f64; 21] = [
    1e-6, 2e-6, 4e-6, 7e-6, 1e-5, 2e-5, 4e-5, 7e-5, 1e-4, 2e-4, 4e-4, 7e-4, 1e-3, 2e-3, 4e-3, 7e-3, 1e-2, 3e-2, 1e-1,
    3e-1, 1.0,
];

// === impl RecordMetrics ===

impl RecordMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            received: registry.counters_by_worker(
                "tallygate_records_received_total",
                "Records framed out of request bodies: the sum of those accepted, rejected and refused.",
                &[],
            ),
            accepted: registry.counters_by_worker(
                "tallygate_records_accepted_total",
                "Records with an address.",
                &["plugin"],
            ),
            rejected: registry.counters(
                "tallygate_records_rejected_total",
                "Records without an address, by the reason the sender was told.",
                &["plugin", "code"],
            ),
            refused: registry.counters(
                "tallygate_records_refused_total",
                "Records neither accepted nor rejected (`plugin`: it keeps failing; `capacity`: over `ingest.max_in_flight`; \
                 `journal`: visits cannot be taken now, as the journal cannot be written, the history does not keep up, or the \
                 clock is wrong); the sender was told to send them again.",
                &["reason"],
            ),
            seconds: registry.histograms_by_worker(
                "tallygate_plugin_seconds",
                "Seconds of one plugin call, which takes up to 4,096 records.",
                &["plugin"],
                &CALL_BUCKETS,
            ),
            traps: registry.counters(
                "tallygate_plugin_traps_total",
                "Plugin calls that failed: by a `trap`, a missed `deadline` or a broken `contract`.",
                &["plugin", "kind"],
            ),
        };
        // Zero is an answer too: what can be foreseen shows from the start.
        metrics.received.of(&[], NOBODY);
        for reason in ["plugin", "capacity", "journal"] {
            metrics.refused(reason, 0);
        }
        metrics
    }

    /// What one worker counts.
    pub(crate) fn of_worker(&self, worker: &str) -> WorkerRecords {
        WorkerRecords { worker: worker.to_owned(), received: self.received.of(&[], worker) }
    }

    /// What is counted of one plugin.
    pub(crate) fn of_plugin(&self, name: &str) -> PluginRecords {
        self.calls(name, NOBODY);
        for kind in ["trap", "deadline", "contract"] {
            self.traps.with_label_values(&[name, kind]);
        }
        PluginRecords { name: name.to_owned(), rejected: self.rejected.clone(), traps: self.traps.clone() }
    }

    /// What one worker counts of a plugin.
    pub(super) fn calls_of(&self, plugin: &str, worker: &WorkerRecords) -> WorkerCalls {
        self.calls(plugin, &worker.worker)
    }

    pub(super) fn refused(&self, reason: &'static str, records: u64) {
        self.refused.with_label_values(&[reason]).inc_by(records);
    }

    fn calls(&self, plugin: &str, worker: &str) -> WorkerCalls {
        WorkerCalls { accepted: self.accepted.of(&[plugin], worker), seconds: self.seconds.of(&[plugin], worker) }
    }
}

// === impl PluginRecords ===

impl PluginRecords {
    pub(super) fn rejected(&self, code: &str, records: u64) {
        self.rejected.with_label_values(&[self.name.as_str(), code]).inc_by(records);
    }

    pub(super) fn failed(&self, kind: &str) {
        self.traps.with_label_values(&[self.name.as_str(), kind]).inc();
    }
}
