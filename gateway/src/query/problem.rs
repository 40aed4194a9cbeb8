//! Why a question is not answered.

use serde::Serialize;
use tallygate_index::query::RangeError;
use tallygate_index::{Day, Hour};

use super::times;

/// What is wrong with a question.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "{which} is {found}, and is to be a day (2026-01-31), an hour (2026-01-31T05), or an instant with its offset \
         (2026-01-31T05:12:33+01:00), from 1970 to 9999"
    )]
    Time { which: &'static str, found: String },
    #[error("the range ends before it begins: from is {from}, to is {to}")]
    Backwards { from: String, to: String },
    #[error("by is {0}, and is to be hour, day, week or month")]
    Bucket(String),
    #[error("the range has more than {0} buckets; choose larger ones with by, or a shorter range")]
    Buckets(usize),
    #[error("{0} is no IP address; write one such as 192.0.2.1 or 2001:db8::1")]
    Address(String),
    #[error("{0} is neither an IP address nor a network; write 192.0.2.1, 2001:db8::1 or 192.0.2.0/24")]
    Line(String),
    #[error("{which} is {found}, and is to be a number from 0 to {most}")]
    Prefix { which: &'static str, found: String, most: u8 },
    #[error("limit is {found}, and is to be a number from 1 to {most}")]
    Limit { found: String, most: usize },
    #[error("format is {0}, and is to be roaring, csv or ndjson")]
    Format(String),
    #[error("{0}")]
    Query(String),
    #[error(
        "the range begins before the oldest day that is kept, {}; begin there or later",
        times::day(*.0)
    )]
    BeyondDay(Day),
    #[error(
        "the range cuts a day of which only the whole is kept; hours are kept from {} on, ask for whole days before that",
        times::hour(*.0)
    )]
    BeyondHour(Hour),
}

/// A problem as JSON, with what only some problems have.
#[derive(Serialize)]
pub(crate) struct Envelope {
    error: Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

#[derive(Serialize)]
struct Body {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_hour: Option<String>,
}

/// Characters of what was found that a message repeats.
const SHOWN: usize = 64;

// === impl Problem ===

impl Problem {
    /// What the index says about a range.
    pub(crate) fn of_range(error: RangeError, from: String, to: String) -> Self {
        match error {
            RangeError::Backwards => Self::Backwards { from, to },
            RangeError::Day { oldest } => Self::BeyondDay(oldest),
            RangeError::Hour { oldest } => Self::BeyondHour(oldest),
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Time { .. } | Self::Backwards { .. } | Self::Bucket(_) | Self::Buckets(_) => "bad-range",
            Self::Address(_) | Self::Line(_) => "bad-address",
            Self::Prefix { .. } => "bad-prefix",
            Self::Limit { .. } => "bad-limit",
            Self::Format(_) => "bad-format",
            Self::Query(_) => "bad-query",
            Self::BeyondDay(_) | Self::BeyondHour(_) => "beyond-retention",
        }
    }

    /// As the answer of a request.
    pub(crate) fn envelope(&self) -> Envelope {
        let (oldest_day, oldest_hour) = match self {
            Self::BeyondDay(oldest) => (Some(times::day(*oldest).to_string()), None),
            Self::BeyondHour(oldest) => (None, Some(times::hour(*oldest).to_string())),
            _ => (None, None),
        };
        let error = Body { code: self.code(), message: self.to_string(), oldest_day, oldest_hour };
        Envelope { error, line: None }
    }

    /// In place of the answer to one line of a list.
    pub(crate) fn of_line(&self, line: u64) -> Envelope {
        Envelope { line: Some(line), ..self.envelope() }
    }
}

/// What somebody else wrote, fit for a message.
pub(crate) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut characters = text.chars();
    let mut start: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        start.push('…');
    }
    format!("{start:?}")
}
