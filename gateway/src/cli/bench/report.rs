//! What a run found, for people and for scripts.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::client::Tally;

#[derive(Serialize)]
pub(super) struct Report {
    connections: usize,
    /// None for a body of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    records_per_request: Option<usize>,
    seconds: f64,
    requests: u64,
    failed: u64,
    records_accepted: u64,
    records_rejected: u64,
    requests_per_second: f64,
    /// Of those that were accepted.
    records_per_second: f64,
    statuses: BTreeMap<u16, u64>,
    refusals: Vec<Refused>,
    latency_microseconds: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// Why something was not taken, and how often the answers said so.
#[derive(Serialize)]
struct Refused {
    status: u16,
    code: String,
    count: u64,
    /// The first of them.
    message: String,
}

#[derive(Serialize)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

// === impl Report ===

impl Report {
    #[allow(clippy::cast_precision_loss, reason = "counts of one run stay far below 2^53")]
    pub(super) fn new(tally: &Tally, batch: Option<usize>, connections: usize, took: Duration) -> Self {
        let (requests, seconds) = (tally.latencies.len(), took.as_secs_f64());
        let at = |quantile| tally.latencies.value_at_quantile(quantile);
        Self {
            connections,
            records_per_request: batch,
            seconds,
            requests,
            failed: tally.failed,
            requests_per_second: requests as f64 / seconds,
            records_accepted: tally.accepted,
            records_rejected: tally.rejected,
            records_per_second: tally.accepted as f64 / seconds,
            statuses: tally.statuses.clone(),
            refusals: tally
                .refusals
                .iter()
                .map(|((status, code), refusal)| Refused {
                    status: *status,
                    code: code.clone(),
                    count: refusal.count,
                    message: refusal.message.clone(),
                })
                .collect(),
            latency_microseconds: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p99_9: at(0.999),
                max: tally.latencies.max(),
            },
            last_error: tally.last_error.clone(),
        }
    }

    /// Whether every request was sent and accepted.
    pub(super) fn is_clean(&self) -> bool {
        self.failed == 0 && self.requests > 0 && self.statuses.keys().all(|status| *status == 202)
    }

    pub(super) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = crate::cli::terminal::stdout();
        if json {
            serde_json::to_writer(&mut out, self)?;
            return writeln!(out);
        }
        let statuses: Vec<_> = self.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        let latency = &self.latency_microseconds;
        writeln!(out, "connections       {}", self.connections)?;
        if let Some(batch) = self.records_per_request {
            writeln!(out, "records/request   {batch}")?;
        }
        writeln!(out, "requests          {} in {:.2} s ({})", self.requests, self.seconds, statuses.join(", "))?;
        writeln!(out, "requests/s        {:.0}", self.requests_per_second)?;
        writeln!(out, "records           {} accepted, {} rejected", self.records_accepted, self.records_rejected)?;
        writeln!(out, "records/s         {:.0} (accepted)", self.records_per_second)?;
        let Latency { p50, p90, p99, p99_9, max } = latency;
        writeln!(out, "latency (µs)      p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p99_9}, max {max}")?;
        for Refused { status, code, count, message } in &self.refusals {
            writeln!(out, "not taken         {count} times {status} {code}, the first: {message}")?;
        }
        if let Some(error) = &self.last_error {
            writeln!(out, "failed            {}, the last: {error}", self.failed)?;
        }
        Ok(())
    }
}
