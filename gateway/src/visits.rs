//! From records to visits: which hour each belongs to, and how what becomes of them is told.

mod intake;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tallygate_disk::{Folder, FolderError};
use tallygate_event::{Code, NO_TIME, Outcome, TenantId, UNREAD_TIME};
use tallygate_index::journal::{Observer, Progress, Ticket, Unwritable};
use tallygate_index::visits::{Options, Scratch};
use tallygate_index::{Day, Hour, NewIps, TenantVisits, Visits, format_versions};
use tokio::sync::watch;

use crate::config::{Config, EventTime};
use crate::thread;
use crate::time::MILLISECOND;
use metrics::JournalMetrics;

pub(crate) use metrics::VisitMetrics;

pub(crate) use intake::{Added, Intake};

/// The times that are believed, at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Believed {
    earliest: i64,
    latest: i64,
    reject: bool,
}

/// How many times were taken away.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Replaced {
    /// Those that lay beyond what is believed.
    pub(crate) beyond: u64,
    /// Those that the plugin could not read.
    pub(crate) unread: u64,
}

/// Adds visits by their hours. One for each worker, so that its memory serves many batches.
#[derive(Default)]
struct Sorter {
    scratch: Scratch,
    /// In ascending order; those that a batch does not use are empty.
    groups: Vec<Group>,
}

/// The visits of one hour.
struct Group {
    hour: Hour,
    v4: Vec<u32>,
    v6: Vec<u128>,
}

/// Tells what the journal does to metrics, and to those who wait for it.
struct Teller {
    metrics: JournalMetrics,
    progress: watch::Sender<Progress>,
}

/// Groups that are kept for the next batch.
const GROUPS_KEPT: usize = 48;

/// How a configuration wants visits to be kept.
pub(crate) fn options(config: &Config) -> Options {
    Options {
        durability: config.visits.durability,
        ipv6: config.addresses,
        retention: config.visits.retention,
        since_start: config.visits.since_start,
        make_way: thread::make_way,
        ..Options::default()
    }
}

/// Opens the visits of the data directory, and a way to see how far its journal is.
///
/// With `accept_damage`, what is lost of it is counted and gone on without.
pub(crate) fn open(
    config: &Config,
    accept_damage: bool,
    metrics: &VisitMetrics,
) -> anyhow::Result<(Visits, watch::Receiver<Progress>)> {
    let hint = "stop the other gateway first, or give this one another data_dir";
    let folder = Folder::open(config.data_dir.join(FOLDER)).map_err(|error| with_hint_if_locked(error, hint));
    let folder = folder.context("the visits of data_dir")?;
    changes(&folder).iter().for_each(|change| tracing::warn!("new in this version: {change}"));
    let nothing = Progress { durable: 0, failures: 0, failing: false };
    let (progress, receiver) = watch::channel(nothing);
    let teller = Arc::new(Teller { metrics: metrics.journal.clone(), progress });
    let opened = Visits::open(Arc::new(folder), Options { accept_damage, ..options(config) }, teller);
    let (visits, found) = opened.context("the visits of data_dir")?;
    metrics.journal.cut_bytes.inc_by(found.cut_bytes);
    metrics.damage(&found.damage_totals);
    for damage in &found.damage {
        tracing::error!(kind = damage.kind.name(), "accepted as lost: {damage}");
    }
    if found.cut_bytes > 0 {
        tracing::warn!(
            bytes = found.cut_bytes,
            "the journal has bytes that are no whole entry, as after a crash in the midst of writing; they are left out"
        );
    }
    let addresses = of_default(&visits).ever().len();
    tracing::info!(addresses, segments = found.segments, replayed_visits = found.journal_visits, "visits opened");
    Ok((visits, receiver))
}

/// Why a folder cannot be opened, and what to do where that is because another process has it.
pub(crate) fn with_hint_if_locked(error: FolderError, hint: &'static str) -> anyhow::Error {
    let is_locked = matches!(error, FolderError::Locked(_));
    let error = anyhow::Error::new(error);
    if is_locked { error.context(hint) } else { error }
}

/// The visits of the tenant whose everything is, as long as there are no others.
pub(crate) fn of_default(visits: &Visits) -> TenantVisits<'_> {
    visits.of(TenantId::DEFAULT).expect("options() does not ask for other tenants")
}

/// What is different now for a gateway whose data directory was last written by an earlier version, for whoever deployed it.
pub(crate) fn changes(folder: &Folder) -> &'static [&'static str] {
    match format_versions(folder) {
        Some((1, now)) if now > 1 => &CHANGES,
        _ => &[],
    }
}

/// In the order in which they are likely to be noticed. `docs/CHANGELOG.md` says more, and more of them.
const CHANGES: [&str; 5] = [
    "questions under /v1 are answered on this machine alone unless ops.read_token is set",
    "paths in a configuration file are relative to the folder of that file",
    "json and access-log read more records, and more times, than before; a setting `fields` and `strict = true` narrow that",
    "over HTTP/1.1 a request without a header Host is answered 400, and headers of more than 64 KiB are answered 431",
    "lost visits keep serve from starting until they are accepted with --accept-damage; an earlier version cannot read what \
     this one writes",
];

/// Where in the data directory visits are.
pub(crate) const FOLDER: &str = "visits";

// === impl Believed ===

impl Believed {
    /// The times that are believed at `now`, of a history that begins with a day: that may be later than the configuration has
    /// it, as what was let go of does not come back when more is to be kept.
    pub(crate) fn at(now: i64, times: &EventTime, oldest: Day) -> Self {
        let span = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let earliest = now.saturating_sub(span(times.max_age)).max(begin_of(oldest.first_hour()));
        Self { earliest, latest: now.saturating_add(span(times.max_ahead)), reject: times.reject }
    }

    /// Takes away times that could not be read or are not believed. Records of the latter may be rejected instead;
    /// those of the former never are, since a client may have written what stands there.
    pub(crate) fn apply(self, outcome: &mut Outcome) -> Replaced {
        let mut replaced = Replaced::default();
        if outcome.times.iter().all(|time| self.believes(*time)) {
            return replaced;
        }
        for time in outcome.times.iter_mut().filter(|time| **time == UNREAD_TIME) {
            *time = NO_TIME;
            replaced.unread += 1;
        }
        if self.reject {
            self.reject(outcome);
            return replaced;
        }
        for time in outcome.times.iter_mut().filter(|time| !self.believes(**time)) {
            *time = NO_TIME;
            replaced.beyond += 1;
        }
        replaced
    }

    fn believes(self, time: i64) -> bool {
        time == NO_TIME || (self.earliest..=self.latest).contains(&time)
    }

    fn reject(self, outcome: &mut Outcome) {
        let all = std::mem::take(outcome);
        let (mut times, mut v4, mut v6) = (all.times.iter(), all.v4.iter(), all.v6.iter());
        for status in &all.status {
            let (address_v4, address_v6) = match *status {
                Outcome::V4 => (v4.next(), None),
                Outcome::V6 => (None, v6.next()),
                Outcome::NO_CLIENT => (None, None),
                code => {
                    outcome.push_reject(Code(code));
                    continue;
                }
            };
            match times.next() {
                Some(time) if self.believes(*time) => {
                    outcome.status.push(*status);
                    outcome.times.push(*time);
                    outcome.v4.extend(address_v4);
                    outcome.v6.extend(address_v6);
                    outcome.no_client += usize::from(*status == Outcome::NO_CLIENT);
                }
                _ => outcome.push_reject(Code::POLICY),
            }
        }
    }
}

// === impl Sorter ===

impl Sorter {
    /// Adds the visits of an outcome; those without a time came at `now`. Also says which addresses they brought, of which some
    /// may have come in even if not all can.
    fn add(
        &mut self,
        visits: TenantVisits<'_>,
        outcome: &Outcome,
        now: i64,
    ) -> (Result<Option<Ticket>, Unwritable>, NewIps) {
        let added = self.try_add(visits, outcome, now);
        (added, self.scratch.take_arrived())
    }

    fn try_add(&mut self, visits: TenantVisits<'_>, outcome: &Outcome, now: i64) -> Result<Option<Ticket>, Unwritable> {
        let now = hour_of(now)?;
        let mut write = visits.write(&mut self.scratch);
        if let Some(hour) = only_hour(&outcome.times, now) {
            write.add(hour, &outcome.v4, &outcome.v6)?;
        } else {
            sort(&mut self.groups, outcome, now)?;
            let result = self.groups.iter().try_for_each(|group| write.add(group.hour, &group.v4, &group.v6));
            // Kept are the newest, which the next batch is likely to bring again: after a backfill, the rest is not.
            self.groups.drain(..self.groups.len().saturating_sub(GROUPS_KEPT));
            self.groups.iter_mut().for_each(Group::clear);
            result?;
        }
        write.finish()
    }
}

/// The hour of all times, if it is one.
fn only_hour(times: &[i64], now: Hour) -> Option<Hour> {
    let Some(first) = times.first() else { return Some(now) };
    let hour = if *first == NO_TIME { now } else { hour_at(*first)? };
    let (start, end) = (begin_of(hour), begin_of(Hour(hour.0 + 1)));
    let within = |time: &i64| (start..end).contains(time) || *time == NO_TIME && hour == now;
    times.iter().all(within).then_some(hour)
}

/// Puts addresses to their hours.
fn sort(groups: &mut Vec<Group>, outcome: &Outcome, now: Hour) -> Result<(), Unwritable> {
    let (mut times, mut v4, mut v6) = (outcome.times.iter(), outcome.v4.iter(), outcome.v6.iter());
    let mut last = 0;
    for status in outcome.status.iter().filter(|status| Outcome::accepts(**status)) {
        let time = times.next();
        if *status == Outcome::NO_CLIENT {
            continue;
        }
        let hour = match time {
            Some(time) if *time != NO_TIME => hour_of(*time)?,
            _ => now,
        };
        // Logs are in order, mostly.
        if groups.get(last).is_none_or(|group| group.hour != hour) {
            last = groups.partition_point(|group| group.hour < hour);
            if groups.get(last).is_none_or(|group| group.hour != hour) {
                groups.insert(last, Group { hour, v4: Vec::new(), v6: Vec::new() });
            }
        }
        let group = &mut groups[last];
        if *status == Outcome::V4 { group.v4.extend(v4.next()) } else { group.v6.extend(v6.next()) }
    }
    Ok(())
}

/// The hour that a time in Unix nanoseconds lies in, from 1970 on.
fn hour_at(time: i64) -> Option<Hour> {
    Hour::of_unix_ms(time.div_euclid(MILLISECOND))
}

/// When an hour begins, in Unix nanoseconds; for one beyond what these reach, their end.
fn begin_of(hour: Hour) -> i64 {
    hour.unix_ms().saturating_mul(MILLISECOND)
}

fn hour_of(time: i64) -> Result<Hour, Unwritable> {
    hour_at(time).ok_or_else(|| Unwritable { reason: "the clock of this machine is wrong".to_owned() })
}

// === impl Group ===

impl Group {
    fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }
}

// === impl Teller ===

impl Observer for Teller {
    fn written(&self, bytes: u64) {
        self.metrics.bytes.inc_by(bytes);
    }

    fn synced(&self, took: Duration) {
        self.metrics.fsync.observe(took.as_secs_f64());
    }

    fn progress(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }
}

#[cfg(test)]
mod tests;
