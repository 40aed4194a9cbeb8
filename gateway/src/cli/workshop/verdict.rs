//! What became of a record, as people and programs read it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
pub(super) fn accepted(outcome: &Outcome) -> Vec<Option<Verdict>> {
    let mut v4 = outcome.v4.iter().map(|bits| IpAddr::from(Ipv4Addr::from_bits(*bits)));
    let mut v6 = outcome.v6.iter().map(|bits| IpAddr::from(Ipv6Addr::from_bits(*bits)));
    let mut times = outcome.times.iter();
    let mut verdict = |status: &u8| {
        if !Outcome::accepts(*status) {
            return None;
        }
        let ip = match *status {
            Outcome::V4 => v4.next(),
            Outcome::V6 => v6.next(),
            _ => None,
        };
        let time = match times.next() {
            None | Some(&NO_TIME) => Time::None,
            Some(&UNREAD_TIME) => Time::Unread,
            Some(time) => Time::At(*time),
        };
        Some(Verdict::Accepted { ip, time })
    };
    outcome.status.iter().map(&mut verdict).collect()
}
