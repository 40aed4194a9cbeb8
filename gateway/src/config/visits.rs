//! The keys about visits.

use std::time::Duration;

use tallygate_index::journal::Durability;

use super::section::Section;
use super::units;

/// How visits are kept, and which of them are taken.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Visits {
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

/// Hours are kept for so long, so days must be.
const LEAST_RETENTION: Duration = days(tallygate_index::visits::HOUR_DAYS);
const MOST_RETENTION: Duration = days(3_660);
const MOST_AHEAD: Duration = days(7);
/// With `interval`, what a power loss may take.
const INTERVAL: Duration = Duration::from_secs(1);

const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 86_400)
}

pub(super) fn read(root: &mut Section<'_>) -> Visits {
    let durability = root.take("durability", units::durability, Durability::Fsync);
    let since_start = root.take("count_since", units::since_start, false);
    let mut section = root.section("event_time");
    let event_time = EventTime {
        max_age: section.take("max_age", units::duration, days(35)),
        max_ahead: section.take("max_ahead", units::duration_or_zero, Duration::from_secs(3600)),
        reject: section.take("beyond", units::beyond, false),
    };
    if event_time.max_ahead > MOST_AHEAD {
        section.problem("max_ahead", "must be at most 7 days");
    }
    section.finish();
    let mut section = root.section("history");
    let retention = section.take("retention", units::duration, days(400));
    if !(LEAST_RETENTION..=MOST_RETENTION).contains(&retention) {
        section.problem("retention", "must be from 62 days, as long as hours are kept, to 3660 days");
    }
    section.finish();
    if event_time.max_age > retention {
        root.problem("event_time.max_age", "must be at most history.retention");
    }
    let retention = u32::try_from(retention.as_secs() / 86_400).unwrap_or(u32::MAX);
    Visits { durability, since_start, event_time, retention }
}

/// What a durability means.
pub(super) fn durability(name: &str) -> Option<Durability> {
    match name {
        "fsync" => Some(Durability::Fsync),
        "interval" => Some(Durability::Interval(INTERVAL)),
        "memory" => Some(Durability::Memory),
        _ => None,
    }
}
