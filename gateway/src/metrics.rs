//! The registry that every component registers its metrics in, and how they are written down. The metrics themselves are
//! described beside what they measure. Labels never come from a payload.
//!
//! What every request counts, each worker counts for itself: two cores that add to one counter wait for each other longer
//! than all the rest of the counting takes. Those metrics have one more label inside, [`WORKER`], which `merge` takes
//! out again by adding up.

mod merge;
mod openmetrics;
#[cfg(test)]
mod written;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, TextEncoder,
};

use crate::acceptor::ConnectionMetrics;
use crate::in_flight::InFlightMetrics;
use crate::pipeline::{PluginRecords, RecordMetrics, WorkerRecords};
use crate::reload::ReloadMetrics;
use crate::source::{RequestMetrics, WorkerRequests};
use crate::swap::{PluginSwaps, SwapMetrics};
use crate::visits::VisitMetrics;

/// The metrics of all components.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) visits: VisitMetrics,
    pub(crate) records: RecordMetrics,
    pub(crate) requests: RequestMetrics,
    pub(crate) in_flight: InFlightMetrics,
    pub(crate) connections: ConnectionMetrics,
    pub(crate) plugins: SwapMetrics,
    pub(crate) reloads: ReloadMetrics,
}

/// What one worker counts at every request, found once.
pub(crate) struct WorkerMetrics {
    pub(crate) records: WorkerRecords,
    pub(crate) requests: WorkerRequests,
}

/// What is counted of one plugin, found once.
pub(crate) struct PluginMetrics {
    pub(crate) records: PluginRecords,
    pub(crate) swaps: PluginSwaps,
}

/// Where metrics are registered. All names and labels are fixed in the code, so that it cannot fail.
#[derive(Default)]
pub(crate) struct Registry {
    inner: prometheus::Registry,
    /// What has been registered, for the README.
    #[cfg(test)]
    table: Vec<written::Row>,
}

/// Counters that each worker has for itself.
pub(crate) struct CountersByWorker(IntCounterVec);

/// Histograms that each worker has for itself.
pub(crate) struct HistogramsByWorker(HistogramVec);

/// How the metrics are written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exposition {
    /// The Prometheus text format, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// Stands for the worker where whoever counts is none.
pub(crate) const NOBODY: &str = "";

/// The label that exists only inside.
const WORKER: &str = "worker";

/// The value of a gauge.
pub(crate) fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

// === impl Metrics ===

impl Metrics {
    /// Registers the metrics of all components, in the order of the README's table.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        Self {
            visits: VisitMetrics::register(&mut registry),
            records: RecordMetrics::register(&mut registry),
            requests: RequestMetrics::register(&mut registry),
            in_flight: InFlightMetrics::register(&mut registry),
            connections: ConnectionMetrics::register(&mut registry),
            plugins: SwapMetrics::register(&mut registry),
            reloads: ReloadMetrics::register(&mut registry),
            registry: with_build_info(registry),
        }
    }

    /// What one worker counts.
    pub(crate) fn worker(&self, worker: usize) -> WorkerMetrics {
        let worker = worker.to_string();
        WorkerMetrics { records: self.records.of_worker(&worker), requests: self.requests.of_worker(&worker) }
    }

    /// What is counted of one plugin.
    pub(crate) fn plugin(&self, name: &str) -> PluginMetrics {
        PluginMetrics { records: self.records.of_plugin(name), swaps: self.plugins.of_plugin(name) }
    }

    /// All metrics as text.
    pub(crate) fn render(&self, exposition: Exposition) -> Result<String, prometheus::Error> {
        let families = merge::without_label(self.registry.inner.gather(), WORKER);
        match exposition {
            Exposition::Text => TextEncoder::new().encode_to_string(&families),
            Exposition::OpenMetrics => Ok(openmetrics::encode(&families)),
        }
    }
}

// === impl Registry ===

/// What a metric is called is fixed; what it is, is said in Markdown, for the README and, without the marks, for `# HELP`.
impl Registry {
    pub(crate) fn counter(&mut self, name: &str, what: &str) -> IntCounter {
        self.note((name, "counter"), what, &[]);
        self.register(IntCounter::with_opts(options(name, what)))
    }

    pub(crate) fn gauge(&mut self, name: &str, what: &str) -> IntGauge {
        self.note((name, "gauge"), what, &[]);
        self.register(IntGauge::with_opts(options(name, what)))
    }

    pub(crate) fn histogram(&mut self, name: &str, what: &str, buckets: &[f64]) -> Histogram {
        self.note((name, "histogram"), what, &[]);
        self.register(Histogram::with_opts(histogram_options(name, what, buckets)))
    }

    pub(crate) fn counters(&mut self, name: &str, what: &str, labels: &[&str]) -> IntCounterVec {
        self.note((name, "counter"), what, labels);
        self.register(IntCounterVec::new(options(name, what), labels))
    }

    pub(crate) fn gauges(&mut self, name: &str, what: &str, labels: &[&str]) -> IntGaugeVec {
        self.note((name, "gauge"), what, labels);
        self.register(IntGaugeVec::new(options(name, what), labels))
    }

    pub(crate) fn histograms(&mut self, name: &str, what: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        self.note((name, "histogram"), what, labels);
        self.register(HistogramVec::new(histogram_options(name, what, buckets), labels))
    }

    pub(crate) fn counters_by_worker(&mut self, name: &str, what: &str, labels: &[&str]) -> CountersByWorker {
        self.note((name, "counter"), what, labels);
        CountersByWorker(self.register(IntCounterVec::new(options(name, what), &[labels, &[WORKER]].concat())))
    }

    pub(crate) fn histograms_by_worker(
        &mut self,
        name: &str,
        what: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramsByWorker {
        self.note((name, "histogram"), what, labels);
        let options = histogram_options(name, what, buckets);
        HistogramsByWorker(self.register(HistogramVec::new(options, &[labels, &[WORKER]].concat())))
    }

    fn register<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        const FIXED: &str = "names and labels are fixed, valid and used once";
        let metric = metric.expect(FIXED);
        self.inner.register(Box::new(metric.clone())).expect(FIXED);
        metric
    }

    #[cfg(test)]
    fn note(&mut self, (name, kind): (&str, &'static str), what: &str, labels: &[&str]) {
        self.table.push(written::Row::new((name, kind), what, labels));
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "only a test makes the README's table")]
    fn note(&mut self, _: (&str, &'static str), _: &str, _: &[&str]) {}
}

fn with_build_info(mut registry: Registry) -> Registry {
    let build = registry.gauges("tallygate_build_info", "What is running; always 1.", &["version", "revision"]);
    build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("TALLYGATE_REVISION")]).set(1);
    registry
}

fn options(name: &str, what: &str) -> Opts {
    Opts::new(name, what.replace('`', ""))
}

fn histogram_options(name: &str, what: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, what.replace('`', "")).buckets(buckets.to_vec())
}

// === impl CountersByWorker ===

impl CountersByWorker {
    pub(crate) fn of(&self, labels: &[&str], worker: &str) -> IntCounter {
        self.0.with_label_values(&[labels, &[worker]].concat())
    }
}

// === impl HistogramsByWorker ===

impl HistogramsByWorker {
    pub(crate) fn of(&self, labels: &[&str], worker: &str) -> Histogram {
        self.0.with_label_values(&[labels, &[worker]].concat())
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
