//! Records through a plugin, as a route with defaults would judge them, with an explanation for each that is rejected.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tallygate_event::{Code, Outcome, Records};
use tallygate_plugin_host::{Instance, Plugin};

use super::verdict::{self, Verdict};
use crate::pipeline;

/// On what terms records are judged.
#[derive(Args, Clone, Default)]
pub(super) struct Terms {
    /// When the records came in, in RFC 3339: plugins infer from it what a time leaves out [default: now]
    #[arg(long, value_name = "TIME", value_parser = received)]
    pub(super) received: Option<i64>,
    /// What becomes of a valid record that names no client: [default: required, as in a route]
    #[arg(long, value_enum)]
    pub(super) address: Option<Address>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Address {
    Required,
    Optional,
}

pub(super) struct Judge {
    plugin: Arc<Plugin>,
    instance: Option<Instance>,
    requires_client: bool,
    received: i64,
}

/// Why a record was not judged: the plugin failed at it.
const TRAP: &str = "trap";

// === impl Judge ===

impl Judge {
    pub(super) fn new(plugin: Arc<Plugin>, terms: &Terms) -> Self {
        let received = terms.received.unwrap_or_else(crate::time::now);
        Self { plugin, instance: None, requires_client: terms.address != Some(Address::Optional), received }
    }

    /// When the records came in, in Unix nanoseconds.
    pub(super) fn received(&self) -> i64 {
        self.received
    }

    /// What becomes of each record. Where the plugin fails at some together, each is judged alone.
    pub(super) fn judge(&mut self, records: Records<'_>) -> Vec<Verdict> {
        match self.extract(records) {
            Ok(outcome) => self.verdicts(records, &outcome),
            Err(_) => (0..records.len()).map(|at| self.judge_alone(records.get(at).unwrap_or_default())).collect(),
        }
    }

    /// What becomes of a record that is longer than the gateway takes.
    pub(super) fn too_long() -> Verdict {
        Self::rejected(Code::TOO_LONG, pipeline::in_general(Code::TOO_LONG, false).to_owned())
    }

    fn judge_alone(&mut self, record: &[u8]) -> Verdict {
        let Ok(length) = u32::try_from(record.len()) else { return Self::too_long() };
        let records = Records { data: record, bounds: &[0, length], received: self.received };
        match self.extract(records) {
            Ok(outcome) => self.verdicts(records, &outcome).pop().unwrap_or_else(Self::too_long),
            Err(message) => Verdict::Rejected { code: TRAP.to_owned(), message },
        }
    }

    /// Asks the plugin. An instance that failed is not asked again.
    fn extract(&mut self, records: Records<'_>) -> Result<Outcome, String> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.plugin.instantiate().map_err(|error| error.to_string())?,
        };
        let mut outcome = instance.extract(records).map_err(|failure| failure.to_string())?;
        if !instance.is_worn() {
            self.instance = Some(instance);
        }
        if self.requires_client {
            outcome.require_client();
        }
        Ok(outcome)
    }

    fn verdicts(&mut self, records: Records<'_>, outcome: &Outcome) -> Vec<Verdict> {
        let accepted = verdict::accepted(outcome);
        let all = accepted.zip(&outcome.status).enumerate();
        all.map(|(at, (accepted, status))| {
            accepted.unwrap_or_else(|| {
                let code = Code(*status);
                let message = self.explain(records.get(at).unwrap_or_default(), code);
                Verdict::Rejected { code: self.plugin.code_name(code).to_owned(), message }
            })
        })
        .collect()
    }

    /// Why a record is rejected, in the plugin's words, or in general where it has none or fails.
    fn explain(&mut self, record: &[u8], code: Code) -> String {
        let instance = self.instance.take().map_or_else(|| self.plugin.instantiate().ok(), Some);
        let words = instance.and_then(|mut instance| {
            let words = instance.explain(record, self.received).ok()?;
            self.instance = Some(instance);
            code.reason(words)
        });
        words.unwrap_or_else(|| pipeline::in_general(code, true).to_owned())
    }

    fn rejected(code: Code, message: String) -> Verdict {
        Verdict::Rejected { code: code.name().unwrap_or("other").to_owned(), message }
    }
}

/// A time in RFC 3339, in Unix nanoseconds.
pub(super) fn received(text: &str) -> Result<i64, String> {
    let time: Timestamp =
        text.parse().map_err(|_| format!("expected a time such as 2026-01-31T05:00:00Z, found {text}"))?;
    i64::try_from(time.as_nanosecond()).map_err(|_| "the time lies beyond the years from 1678 to 2261".to_owned())
}
