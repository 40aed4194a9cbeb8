//! The metrics of plugins: what serves, and how it came to.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::metrics::Registry;

pub(crate) struct SwapMetrics {
    memory: IntGaugeVec,
    generation: IntGaugeVec,
    reloads: IntCounterVec,
    stages: HistogramVec,
    replayed: IntCounterVec,
    rollbacks: IntCounterVec,
}

/// Those of one plugin, found once.
pub(crate) struct PluginSwaps {
    pub(crate) memory: IntGauge,
    pub(super) generation: IntGauge,
    pub(super) rollbacks: IntCounter,
}

/// Seconds of one stage of a swap.
const STAGE_BUCKETS: [f64; 10] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0, 1e1, 1e2];

// === impl SwapMetrics ===

impl SwapMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            memory: registry.gauges(
                "tallygate_plugin_memory_bytes",
                "Linear memory of all instances of the plugin.",
                &["plugin"],
            ),
            generation: registry.gauges(
                "tallygate_plugin_generation",
                "The generation of the plugin that serves: each one that comes to serve has the next number.",
                &["plugin"],
            ),
            reloads: registry.counters(
                "tallygate_plugin_reloads_total",
                "Tries to load a plugin: `result` is `ok` or `refused`, `stage` where it ended.",
                &["plugin", "stage", "result"],
            ),
            stages: registry.histograms(
                "tallygate_plugin_stage_seconds",
                "Seconds of the stages that components passed on their way to serve.",
                &["plugin", "stage"],
                &STAGE_BUCKETS,
            ),
            replayed: registry.counters(
                "tallygate_plugin_replayed_total",
                "Past records that new plugins were tried on: judged the `same` as by the one that served, or `different`.",
                &["plugin", "outcome"],
            ),
            rollbacks: registry.counters(
                "tallygate_plugin_rollbacks_total",
                "Returns to the previous generation of a plugin, by itself or by hand.",
                &["plugin"],
            ),
        }
    }

    /// Those of one plugin.
    pub(crate) fn of_plugin(&self, name: &str) -> PluginSwaps {
        for outcome in ["same", "different"] {
            self.replayed.with_label_values(&[name, outcome]);
        }
        PluginSwaps {
            memory: self.memory.with_label_values(&[name]),
            generation: self.generation.with_label_values(&[name]),
            rollbacks: self.rollbacks.with_label_values(&[name]),
        }
    }

    pub(super) fn loaded(&self, name: &str, stage: &str, result: &'static str) {
        self.reloads.with_label_values(&[name, stage, result]).inc();
    }

    /// A plugin serves no more: its gauges go, its counters stay as they are.
    pub(super) fn gone(&self, name: &str) {
        for gauge in [&self.generation, &self.memory] {
            // One that was not there is as gone as it can be.
            drop(gauge.remove_label_values(&[name]));
        }
    }

    pub(super) fn stage_passed(&self, name: &str, stage: &str, took: Duration) {
        self.stages.with_label_values(&[name, stage]).observe(took.as_secs_f64());
    }

    pub(super) fn replayed(&self, name: &str, records: u64, different: u64) {
        self.replayed.with_label_values(&[name, "same"]).inc_by(records.saturating_sub(different));
        self.replayed.with_label_values(&[name, "different"]).inc_by(different);
    }
}
