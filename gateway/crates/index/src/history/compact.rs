//! Merging: hours into days, days into months, and small segments into larger ones, in the background. Letting go of what is
//! too old is in `retention.rs`.
//!
//! | when | what |
//! |---|---|
//! | a day is over | its hours become a segment of the day, that knows the hours of each address |
//! | eight days of a month, or all of a month that is over | they become part of a segment of the month, that knows the days of each address; the segments of the days stay, for the hours |
//! | several segments of one span | they are merged, the small ones first: late data makes new segments, and rewrites old ones rarely |
//! | the month of a day has it, and its hours are kept no longer | the segment of the day goes |
//! | all of a month is older than what is kept | its addresses become part of the segment of those that came before |

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use tallygate_event::TenantId;

use super::store::{Target, write_segment_while};
use super::{Command, History};
use crate::segment::{Input, Project, Segment, Span, Without};
use crate::snapshot::{Part, Parts, Snapshot};
use crate::visits::load::floors;
use crate::visits::{Core, VisitsError};
use crate::{Day, Month};

/// What is to be merged.
pub(crate) struct Plan {
    /// Whose segments.
    tenant: TenantId,
    span: Span,
    inputs: Vec<(Arc<Part>, Project)>,
    /// Whether the inputs that are days stay, as their hours are not in the month.
    keeps_days: bool,
    in_month: bool,
}

/// A merge that has ended.
pub(crate) struct Done {
    plan: Plan,
    file: u64,
    result: Result<Segment, VisitsError>,
}

/// A merge in the background.
pub(super) struct Running {
    file: u64,
    thread: JoinHandle<()>,
}

/// Segments of one span that may stand side by side.
const SIDE_BY_SIDE: usize = 4;
/// More are merged whatever their sizes.
const TOO_MANY: usize = 8;
/// A segment is merged with smaller ones if it is at most so many times what they are together.
const RATIO: u64 = 4;
/// Days that wait for each other to become part of their month.
const DAYS_TOGETHER: usize = 8;

// === impl History ===

impl History {
    /// Starts the next merge, if there is one and none is under way.
    pub(super) fn start_merging(&mut self) -> Result<(), VisitsError> {
        if self.running.is_some() {
            return Ok(());
        }
        let Some(plan) = self.plan() else { return Ok(()) };
        let (file, core) = (self.store.new_file(), Arc::clone(&self.core));
        let merge = move || {
            (core.options.make_way)();
            let merged = std::panic::catch_unwind(AssertUnwindSafe(|| plan.run(&core, file)));
            // A panic has been reported where it happened.
            let result = merged.unwrap_or(Err(VisitsError::Merge));
            core.queue.command(Command::Merged(Done { plan, file, result }));
        };
        let thread = std::thread::Builder::new().name("merge".into()).spawn(merge);
        let thread = thread.map_err(|source| VisitsError::Io { what: "start a thread".into(), source })?;
        self.running = Some(Running { file, thread });
        Ok(())
    }

    /// A merge has ended: its result takes the place of what went into it, unless that has changed meanwhile.
    pub(super) fn merged(&mut self, done: Done) {
        if let Some(running) = self.running.take() {
            running.wait();
        }
        if self.core.stopping.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.apply_merge(done) {
            tracing::error!(%error, "segments cannot be merged; they are used as they are");
            self.failed = Some(Instant::now());
            self.remove_unused();
        }
    }

    /// All that is due, at once.
    pub(super) fn maintain(&mut self) -> Result<(), VisitsError> {
        self.close_idle(|_, _| true);
        self.flush()?;
        loop {
            let (before, mut merged) = (self.all_floors(), false);
            self.advance_floors()?;
            while let Some(plan) = self.plan() {
                let file = self.store.new_file();
                let result = plan.run(&self.core, file);
                self.apply_merge(Done { plan, file, result })?;
                merged = true;
            }
            if !merged && self.all_floors() == before {
                return Ok(());
            }
        }
    }

    /// What is to be merged next. The tenants take turns, so that one who always has something keeps no other waiting.
    fn plan(&mut self) -> Option<Plan> {
        let now = self.core.today();
        let hours_from = floors(now, self.core.options.retention).hour.day();
        let count = self.store.tenants.len();
        let turns = (self.merge_first..count).chain(0..self.merge_first);
        let of = |at: usize| Some((at, plan(&self.store.tenants[at].snapshot, now, hours_from)?));
        let (at, plan) = turns.into_iter().find_map(of)?;
        self.merge_first = (at + 1) % count;
        Some(plan)
    }

    fn apply_merge(&mut self, done: Done) -> Result<(), VisitsError> {
        let Done { plan, file, result } = done;
        let segment = Arc::new(result?);
        let tenants = &self.store.tenants;
        let at = tenants.iter().position(|own| own.snapshot.tenant == plan.tenant);
        let at = at.expect("plans are made for tenants that are there");
        let there: Vec<_> = tenants[at].snapshot.parts().cloned().collect();
        let is_there = |part: &Arc<Part>| there.iter().any(|other| Arc::ptr_eq(part, other));
        if !plan.inputs.iter().all(|(part, _)| is_there(part)) {
            // Something was forgotten meanwhile; it is merged again without.
            return Ok(());
        }
        self.flush_with(move |_, _, all| {
            let next = &mut all[at];
            next.remove(plan.inputs.iter().map(|(part, _)| part));
            for (part, _) in plan.inputs.iter().filter(|_| plan.keeps_days) {
                if let Span::Day(_) = part.segment.span() {
                    let segment = Arc::clone(&part.segment);
                    next.add(Arc::new(Part { segment, file: part.file, in_month: true }));
                }
            }
            next.add(Arc::new(Part { segment, file: Some(file), in_month: plan.in_month }));
            Ok(())
        })
    }
}

// === impl Running ===

impl Running {
    pub(super) fn file(&self) -> u64 {
        self.file
    }

    /// Waits for its end. What it has written is removed with other files that do not count.
    pub(super) fn wait(self) {
        // A panic in it has been reported where it happened.
        drop(self.thread.join());
    }
}

// === impl Plan ===

impl Plan {
    fn run(&self, core: &Core, file: u64) -> Result<Segment, VisitsError> {
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|(part, project)| Input { segment: &part.segment, keep: u32::MAX, project: *project });
        let inputs: Vec<_> = inputs.collect();
        let going = || !core.stopping.load(Ordering::Relaxed);
        let target = Target { file, tenant: self.tenant, span: self.span };
        write_segment_while(&going, &*core.disk, target, &inputs, &Without::default())
    }

    fn new(history: &Snapshot, span: Span, inputs: Vec<(Arc<Part>, Project)>) -> Self {
        Self { tenant: history.tenant, span, inputs, keeps_days: false, in_month: false }
    }

    /// Segments of one span become one.
    fn same(history: &Snapshot, parts: Parts) -> Option<Self> {
        let first = parts.first()?;
        let (span, in_month) = (first.segment.span(), first.in_month);
        let inputs = parts.into_iter().map(|part| (part, Project::AsIs)).collect();
        Some(Self { in_month, ..Self::new(history, span, inputs) })
    }
}

/// The next merge: the most urgent first.
fn plan(history: &Snapshot, today: Day, hours_from: Day) -> Option<Plan> {
    let hours = history.hours.range(..today.first_hour()).find(|(_, parts)| !files(parts).is_empty());
    if let Some((hour, _)) = hours {
        return Some(day(history, hour.day()));
    }
    let crowded = history.hours.values().map(files).find(|parts| parts.len() > SIDE_BY_SIDE);
    if let Some(parts) = crowded {
        return Plan::same(history, tier(parts));
    }
    for parts in history.days.values() {
        for in_month in [false, true] {
            let alike: Parts = files(parts).into_iter().filter(|part| part.in_month == in_month).collect();
            let some = tier(alike);
            if some.len() > 1 {
                return Plan::same(history, some);
            }
        }
    }
    if let Some(plan) = month(history, today, hours_from) {
        return Some(plan);
    }
    let crowded = history.months.values().chain([&history.before]).map(files).find(|parts| parts.len() > SIDE_BY_SIDE);
    Plan::same(history, tier(crowded?))
}

/// The hours of a day that is over become a segment of the day.
fn day(history: &Snapshot, day: Day) -> Plan {
    let hours = history.hours.range(day.first_hour()..=day.last_hour());
    let hours =
        hours.flat_map(|(hour, parts)| files(parts).into_iter().map(|part| (part, Project::Bit(hour.of_day()))));
    Plan::new(history, Span::Day(day), hours.collect())
}

/// Days that are over become part of their month.
fn month(history: &Snapshot, today: Day, hours_from: Day) -> Option<Plan> {
    let mut months: Vec<Month> = history.days.range(..today).map(|(day, _)| day.month()).collect();
    months.dedup();
    for month in months {
        let days = history.days.range(month.first_day()..=month.last_day().min(Day(today.0 - 1)));
        let loose = days.flat_map(|(day, parts)| {
            let parts = files(parts).into_iter().filter(|part| !part.in_month);
            parts.map(|part| (part, Project::Bit(day.of_month())))
        });
        let mut inputs: Vec<_> = loose.collect();
        let is_over = month.last_day() < today || month.first_day() < hours_from;
        if inputs.is_empty() || !is_over && inputs.len() < DAYS_TOGETHER {
            continue;
        }
        let bytes: u64 = inputs.iter().map(|(part, _)| part.segment.bytes()).sum();
        let mut own = history.months.get(&month).map(files).unwrap_or_default();
        own.retain(|part| part.segment.bytes() <= RATIO * bytes);
        inputs.extend(own.into_iter().map(|part| (part, Project::AsIs)));
        return Some(Plan { keeps_days: true, ..Plan::new(history, Span::Month(month), inputs) });
    }
    None
}

/// Of segments of one span, those that are worth merging: small ones, and others that are not much larger than these.
fn tier(mut parts: Parts) -> Parts {
    if parts.len() > TOO_MANY {
        return parts;
    }
    parts.sort_by_key(|part| part.segment.bytes());
    let (mut bytes, mut count) = (0, 0);
    for part in &parts {
        if count > 0 && part.segment.bytes() > RATIO * bytes {
            break;
        }
        bytes += part.segment.bytes();
        count += 1;
    }
    if count == 1 && parts.len() > SIDE_BY_SIDE {
        return parts;
    }
    parts.truncate(count);
    parts
}

/// Those that are in files. The others are about to be.
fn files(parts: &Parts) -> Parts {
    parts.iter().filter(|part| part.file.is_some()).cloned().collect()
}
