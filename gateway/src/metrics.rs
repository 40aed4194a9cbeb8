//! Every metric of the gateway, in one registry that is passed down. Labels never come from a payload.
//!
//! What every request counts, each worker counts for itself: two cores that add to one counter wait for each other longer
//! than all the rest of the counting takes. Those metrics have one more label inside, [`WORKER`], which `merge` takes
//! out again by adding up.

mod history;
mod merge;
mod openmetrics;

use std::time::Duration;

use history::HistoryMetrics;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use tallygate_index::{DamageKind, DamageTotals};

/// Seconds of one plugin call: from a microsecond, four steps to a decade.
const CALL_BUCKETS: [f64; 21] = [
    1e-6, 2e-6, 4e-6, 7e-6, 1e-5, 2e-5, 4e-5, 7e-5, 1e-4, 2e-4, 4e-4, 7e-4, 1e-3, 2e-3, 4e-3, 7e-3, 1e-2, 3e-2, 1e-1,
    3e-1, 1.0,
];

/// Seconds of one stage of a swap.
const STAGE_BUCKETS: [f64; 10] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0, 1e1, 1e2];

/// Seconds of one fsync: from a tenth of a millisecond, three steps to a decade.
const FSYNC_BUCKETS: [f64; 13] = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1.0];

pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) unique: IntGauge,
    received: IntCounterVec,
    accepted: IntCounterVec,
    rejected: IntCounterVec,
    refused: IntCounterVec,
    requests: IntCounterVec,
    ingest_bytes: IntCounterVec,
    pub(crate) in_flight: IntGauge,
    pub(crate) in_flight_limit: IntGauge,
    pub(crate) connections: IntGauge,
    connections_refused: IntCounter,
    pub(crate) saturated_prefixes: IntGauge,
    pub(crate) set_bytes: IntGauge,
    generation: IntGaugeVec,
    reloads: IntCounterVec,
    rollbacks: IntCounterVec,
    stages: HistogramVec,
    replayed: IntCounterVec,
    traps: IntCounterVec,
    seconds: HistogramVec,
    memory: IntGaugeVec,
    config_reloads: IntCounterVec,
    pub(crate) times_replaced: IntCounter,
    pub(crate) times_unread: IntCounter,
    pub(crate) journal_bytes: IntCounter,
    pub(crate) journal_fsync: Histogram,
    pub(crate) journal_cut: IntCounter,
    damage: IntCounterVec,
    pub(crate) history: HistoryMetrics,
}

/// What one worker counts at every request, found once.
pub(crate) struct WorkerMetrics {
    worker: String,
    pub(crate) received: IntCounter,
    pub(crate) ingest_bytes: IntCounter,
    requests_accepted: IntCounter,
}

/// What one worker counts of one plugin at every request, found once.
pub(crate) struct CallMetrics {
    pub(crate) accepted: IntCounter,
    pub(crate) seconds: Histogram,
}

/// The other metrics of one plugin, found once.
pub(crate) struct PluginMetrics {
    name: String,
    pub(crate) memory: IntGauge,
    pub(crate) generation: IntGauge,
    pub(crate) rollbacks: IntCounter,
    rejected: IntCounterVec,
    traps: IntCounterVec,
}

/// How the metrics are written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exposition {
    /// The Prometheus text format, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// The label that exists only inside.
const WORKER: &str = "worker";
/// Whoever counts without being a worker.
const NOBODY: &str = "";

/// Makes metrics and registers them. All names are fixed in this file, so neither step can fail.
struct Make<'a>(&'a Registry);

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let make = Make(&registry);
        let metrics = Self {
            unique: make.gauge(
                "unique_ip_addresses",
                "Distinct client addresses, ever or since the start (count_since); exact while tallygate_saturated_prefixes is 0.",
            ),
            received: make.counters(
                "tallygate_records_received_total",
                "Records framed out of request bodies: the sum of those accepted, rejected and refused.",
                &[WORKER],
            ),
            accepted: make.counters(
                "tallygate_records_accepted_total",
                "Records with an address.",
                &["plugin", WORKER],
            ),
            rejected: make.counters(
                "tallygate_records_rejected_total",
                "Records without an address, by the reason the sender was told.",
                &["plugin", "code"],
            ),
            refused: make.counters(
                "tallygate_records_refused_total",
                "Records that were framed but neither accepted nor rejected, by what kept them from it; the sender was told to send them again.",
                &["reason"],
            ),
            requests: make.counters(
                "tallygate_requests_total",
                "Requests on the ingest port, by status.",
                &["code", WORKER],
            ),
            ingest_bytes: make.counters(
                "tallygate_ingest_bytes_total",
                "Bytes of request bodies, as received.",
                &[WORKER],
            ),
            in_flight: make.gauge("tallygate_in_flight_bytes", "Bytes of request bodies held in memory now."),
            in_flight_limit: make.gauge("tallygate_in_flight_limit_bytes", "The bound on tallygate_in_flight_bytes."),
            connections: make.gauge("tallygate_connections", "Open connections on the ingest port."),
            connections_refused: make.counter(
                "tallygate_connections_refused_total",
                "Connections on the ingest port that were turned away because there were too many, or too many waiting.",
            ),
            saturated_prefixes: make.gauge(
                "tallygate_saturated_prefixes",
                "IPv6 /64 networks with more addresses than are kept of one: unique_ip_addresses is too low if not 0.",
            ),
            set_bytes: make.gauge("tallygate_set_bytes", "Memory of the set of unique addresses."),
            generation: make.gauges(
                "tallygate_plugin_generation",
                "The generation of the plugin that serves: each one that comes to serve has the next number.",
                &["plugin"],
            ),
            reloads: make.counters(
                "tallygate_plugin_reloads_total",
                "Attempts to load a plugin, by the stage they ended at and how.",
                &["plugin", "stage", "result"],
            ),
            rollbacks: make.counters(
                "tallygate_plugin_rollbacks_total",
                "Returns to the previous generation of a plugin.",
                &["plugin"],
            ),
            stages: make.histograms(
                "tallygate_plugin_stage_seconds",
                "Seconds of the stages that components passed on their way to serve.",
                &["plugin", "stage"],
                &STAGE_BUCKETS,
            ),
            replayed: make.counters(
                "tallygate_plugin_replayed_total",
                "Past records that a new plugin was tried on, by whether it judged them as the one that served.",
                &["plugin", "outcome"],
            ),
            traps: make.counters(
                "tallygate_plugin_traps_total",
                "Plugin calls that failed: by a trap, a missed deadline or a broken contract.",
                &["plugin", "kind"],
            ),
            seconds: make.histograms(
                "tallygate_plugin_seconds",
                "Seconds of one plugin call, which takes up to 4,096 records.",
                &["plugin", WORKER],
                &CALL_BUCKETS,
            ),
            memory: make.gauges(
                "tallygate_plugin_memory_bytes",
                "Linear memory of all instances of the plugin.",
                &["plugin"],
            ),
            config_reloads: make.counters(
                "tallygate_config_reloads_total",
                "Attempts to reload the configuration, by result.",
                &["result"],
            ),
            times_replaced: make.counter(
                "tallygate_event_times_replaced_total",
                "Records whose time lay beyond event_time.max_age or max_ahead, and which count at the time they came.",
            ),
            times_unread: make.counter(
                "tallygate_event_times_unread_total",
                "Records that have a time which their plugin could not read, and which count at the time they came.",
            ),
            journal_bytes: make.counter("tallygate_journal_bytes_total", "Bytes written to the journal."),
            journal_fsync: make.histogram(
                "tallygate_journal_fsync_seconds",
                "Seconds of making the journal durable; all requests that came meanwhile wait for the next together.",
                &FSYNC_BUCKETS,
            ),
            journal_cut: make.counter(
                "tallygate_journal_cut_bytes_total",
                "Bytes of the journal that were no whole entry when it was read at the start.",
            ),
            damage: make.counters(
                "tallygate_damage_total",
                "Files of the data directory that lost acknowledged visits, by what happened to them; kept over restarts.",
                &["kind"],
            ),
            history: HistoryMetrics::new(&make),
            registry: registry.clone(),
        };
        metrics.describe_build(&make);
        // Zero is an answer too: what can be foreseen shows from the start.
        for reason in ["plugin", "capacity", "journal"] {
            metrics.refused(reason, 0);
        }
        metrics.received.with_label_values(&[NOBODY]);
        metrics.ingest_bytes.with_label_values(&[NOBODY]);
        metrics.requests.with_label_values(&["202", NOBODY]);
        for result in ["ok", "refused"] {
            metrics.config_reloads.with_label_values(&[result]);
        }
        metrics
    }

    pub(crate) fn plugin(&self, name: &str) -> PluginMetrics {
        self.calls(name, NOBODY);
        for outcome in ["same", "different"] {
            self.replayed.with_label_values(&[name, outcome]);
        }
        for kind in ["trap", "deadline", "contract"] {
            self.traps.with_label_values(&[name, kind]);
        }
        PluginMetrics {
            name: name.to_owned(),
            memory: self.memory.with_label_values(&[name]),
            generation: self.generation.with_label_values(&[name]),
            rollbacks: self.rollbacks.with_label_values(&[name]),
            rejected: self.rejected.clone(),
            traps: self.traps.clone(),
        }
    }

    /// The metrics of one worker.
    pub(crate) fn worker(&self, worker: usize) -> WorkerMetrics {
        let worker = worker.to_string();
        WorkerMetrics {
            received: self.received.with_label_values(&[worker.as_str()]),
            ingest_bytes: self.ingest_bytes.with_label_values(&[worker.as_str()]),
            requests_accepted: self.requests.with_label_values(&["202", &worker]),
            worker,
        }
    }

    /// What a worker counts of a plugin.
    pub(crate) fn calls_of(&self, plugin: &str, worker: &WorkerMetrics) -> CallMetrics {
        self.calls(plugin, &worker.worker)
    }

    pub(crate) fn request(&self, worker: &WorkerMetrics, status: http::StatusCode) {
        if status == http::StatusCode::ACCEPTED {
            worker.requests_accepted.inc();
        } else {
            self.requests.with_label_values(&[status.as_str(), NOBODY]).inc();
        }
    }

    pub(crate) fn refused(&self, reason: &'static str, records: u64) {
        self.refused.with_label_values(&[reason]).inc_by(records);
    }

    pub(crate) fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    pub(crate) fn plugin_loaded(&self, name: &str, stage: &str, result: &'static str) {
        self.reloads.with_label_values(&[name, stage, result]).inc();
    }

    /// What the data directory has lost ever.
    pub(crate) fn damage(&self, totals: &DamageTotals) {
        for (kind, total) in DamageKind::ALL.into_iter().zip(totals) {
            self.damage.with_label_values(&[kind.name()]).inc_by(*total);
        }
    }

    /// A plugin serves no more: its gauges go, its counters stay as they are.
    pub(crate) fn plugin_gone(&self, name: &str) {
        for gauge in [&self.generation, &self.memory] {
            // One that was not there is as gone as it can be.
            drop(gauge.remove_label_values(&[name]));
        }
    }

    pub(crate) fn stage_passed(&self, name: &str, stage: &str, took: Duration) {
        self.stages.with_label_values(&[name, stage]).observe(took.as_secs_f64());
    }

    pub(crate) fn replayed(&self, name: &str, records: u64, different: u64) {
        self.replayed.with_label_values(&[name, "same"]).inc_by(records.saturating_sub(different));
        self.replayed.with_label_values(&[name, "different"]).inc_by(different);
    }

    pub(crate) fn config_reloaded(&self, result: &'static str) {
        self.config_reloads.with_label_values(&[result]).inc();
    }

    /// All metrics as text.
    pub(crate) fn render(&self, exposition: Exposition) -> Result<String, prometheus::Error> {
        let families = merge::without_label(self.registry.gather(), WORKER);
        match exposition {
            Exposition::Text => TextEncoder::new().encode_to_string(&families),
            Exposition::OpenMetrics => Ok(openmetrics::encode(&families)),
        }
    }

    fn calls(&self, plugin: &str, worker: &str) -> CallMetrics {
        CallMetrics {
            accepted: self.accepted.with_label_values(&[plugin, worker]),
            seconds: self.seconds.with_label_values(&[plugin, worker]),
        }
    }

    fn describe_build(&self, make: &Make<'_>) {
        let build = make.gauges("tallygate_build_info", "What is running; always 1.", &["version", "revision"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("TALLYGATE_REVISION")]).set(1);
    }
}

// === impl PluginMetrics ===

impl PluginMetrics {
    pub(crate) fn rejected(&self, code: &str, records: u64) {
        self.rejected.with_label_values(&[self.name.as_str(), code]).inc_by(records);
    }

    pub(crate) fn failed(&self, kind: &str) {
        self.traps.with_label_values(&[self.name.as_str(), kind]).inc();
    }
}

// === impl Exposition ===

impl Exposition {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

// === impl Make ===

const FIXED: &str = "names and labels are fixed, valid and used once";

impl Make<'_> {
    fn register<M: prometheus::core::Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        let metric = metric.expect(FIXED);
        self.0.register(Box::new(metric.clone())).expect(FIXED);
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }
}
