//! The sections about visits, and the keys at the root that are: how visits are kept, and which of them are taken.

use std::time::Duration;

use tallygate_index::journal::Durability;

use super::document::Value;
use super::key::{Effect, Key, Keys, Kind};
use super::section::Section;
use super::units::{self, DURATION, DURATION_OR_ZERO, Read, Unit};

/// How visits are kept, and which of them are taken.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct VisitKeeping {
    pub(crate) durability: Durability,
    /// Whether `unique_ip_addresses` counts from the start of the process, rather than ever.
    pub(crate) since_start: bool,
    pub(crate) event_time: EventTime,
    /// Days that are kept.
    pub(crate) retention: u32,
}

/// Which times of records are believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EventTime {
    pub(crate) max_age: Duration,
    pub(crate) max_ahead: Duration,
    /// Whether a record with another time is rejected, rather than counted at the time it came.
    pub(crate) reject: bool,
}

pub(super) const EVENT_TIME: Keys = Keys::table(
    "event_time",
    &[
        Key::new(
            "max_age",
            &DURATION,
            r#""35 days""#,
            Effect::NextRequest,
            "Visits count at the time that the plugin reads from a record, if it is no older than this, which is at most \
             `history.retention` …",
        ),
        Key::new(
            "max_ahead",
            &DURATION_OR_ZERO,
            r#""1 h""#,
            Effect::NextRequest,
            "… and no further ahead of this machine's clock than this, which is at most 7 days.",
        ),
        Key::new(
            "beyond",
            &BEYOND,
            r#""receive-time""#,
            Effect::NextRequest,
            r#"Else: `"receive-time"`, they count at the time they came; `"reject"`, the record is rejected with the code `policy`."#,
        ),
    ],
);

pub(super) const HISTORY: Keys = Keys::table(
    "history",
    &[Key::new(
        "retention",
        &DURATION,
        r#""400 days""#,
        Effect::Restart,
        "Visits are kept at least this long, from 62 to 3660 days; whole months are dropped. Hours are told apart for 62 days.",
    )],
);

pub(super) const DURABILITY: Unit<Durability> =
    Unit { kind: Kind::Word(&["fsync", "interval", "memory"]), read: durability_of };
/// Whether to count since the start.
pub(super) const COUNT_SINCE: Unit<bool> =
    Unit { kind: Kind::Word(&SINCE), read: |value| units::second_of(value, &SINCE) };
/// Whether to reject.
const BEYOND: Unit<bool> = Unit { kind: Kind::Word(&THEN), read: |value| units::second_of(value, &THEN) };

const SINCE: [&str; 2] = ["ever", "start"];
const THEN: [&str; 2] = ["receive-time", "reject"];

/// Hours are kept for so long, so days must be.
const LEAST_RETENTION: Duration = days(tallygate_index::visits::HOUR_DAYS);
const MOST_RETENTION: Duration = days(3_660);
const MOST_AHEAD: Duration = days(7);
/// With `interval`, what a power loss may take.
const INTERVAL: Duration = Duration::from_secs(1);

const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 86_400)
}

pub(super) fn read(root: &mut Section<'_>) -> VisitKeeping {
    let durability = root.take("durability", &DURABILITY);
    let since_start = root.take("count_since", &COUNT_SINCE);
    let mut section = root.section(&EVENT_TIME);
    let event_time = EventTime {
        max_age: section.take("max_age", &DURATION),
        max_ahead: section.take("max_ahead", &DURATION_OR_ZERO),
        reject: section.take("beyond", &BEYOND),
    };
    if event_time.max_ahead > MOST_AHEAD {
        section.problem("max_ahead", "must be at most 7 days");
    }
    section.finish();
    let mut section = root.section(&HISTORY);
    let retention = section.take("retention", &DURATION);
    if !(LEAST_RETENTION..=MOST_RETENTION).contains(&retention) {
        section.problem("retention", "must be from 62 days, as long as hours are kept, to 3660 days");
    }
    section.finish();
    if event_time.max_age > retention {
        root.problem("event_time.max_age", "must be at most history.retention");
    }
    let retention = u32::try_from(retention.as_secs() / 86_400).unwrap_or(u32::MAX);
    VisitKeeping { durability, since_start, event_time, retention }
}

fn durability_of(value: &Value) -> Read<Durability> {
    let text = if let Value::String(text) = value { text.as_str() } else { "" };
    match text {
        "fsync" => Ok(Durability::Fsync),
        "interval" => Ok(Durability::Interval(INTERVAL)),
        "memory" => Ok(Durability::Memory),
        _ => Err(units::expected("one of \"fsync\", \"interval\", \"memory\"", value)),
    }
}
