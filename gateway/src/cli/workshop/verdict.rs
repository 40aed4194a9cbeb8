//! What became of a record, as people and programs read it.

use std::net::IpAddr;

use serde_json::json;
use tallygate_event::{NO_TIME, Outcome, UNREAD_TIME};

use crate::time::rfc3339;

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Accepted {
        /// `None` if the record names no client, and none is required.
        ip: Option<IpAddr>,
        time: Time,
    },
    Rejected {
        code: String,
        message: String,
    },
}

/// What a record says of when it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Time {
    /// In Unix nanoseconds.
    At(i64),
    /// Nothing.
    None,
    /// Something that the plugin cannot read.
    Unread,
}

// === impl Verdict ===

impl Verdict {
    /// One line of JSON, its members in the order in which they are documented.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Accepted { ip, time } => {
                let time = if let Time::At(time) = time { Some(rfc3339(*time)) } else { None };
                format!("{{\"ip\":{},\"time\":{}}}", json!(ip.map(|ip| ip.to_string())), json!(time))
            }
            Self::Rejected { code, message } => {
                format!("{{\"reject\":{},\"message\":{}}}", json!(code), json!(message))
            }
        }
    }

    /// One line.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Accepted { ip, time } => {
                let ip = ip.map_or_else(|| "no client".to_owned(), |ip| ip.to_string());
                let time = match time {
                    Time::At(time) => rfc3339(*time),
                    Time::None => "no time".to_owned(),
                    Time::Unread => "a time that cannot be read".to_owned(),
                };
                format!("{ip}\t{time}")
            }
            Self::Rejected { code, message } => format!("rejected as {code}: {message}"),
        }
    }
}

/// The accepted records of an outcome, in order; `None` stands for one that was rejected.
pub(super) fn accepted(outcome: &Outcome) -> impl Iterator<Item = Option<Verdict>> + '_ {
    outcome.visits().map(|visit| {
        let (ip, time) = visit?;
        let time = match time {
            NO_TIME => Time::None,
            UNREAD_TIME => Time::Unread,
            time => Time::At(time),
        };
        Some(Verdict::Accepted { ip, time })
    })
}
