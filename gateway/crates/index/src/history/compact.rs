//! Merging: hours into days, days into months, and small segments into larger ones, in the background; and letting go of what
//! is too old.
//!
//! | when | what |
//! |---|---|
//! | a day is over | its hours become a segment of the day, that knows the hours of each address |
//! | eight days of a month, or all of a month that is over | they become part of a segment of the month, that knows the days of each address; the segments of the days stay, for the hours |
//! | several segments of one span | they are merged, the small ones first: late data makes new segments, and rewrites old ones rarely |
//! | the month of a day has it, and its hours are kept no longer | the segment of the day goes |
//! | all of a month is older than what is kept | its addresses become part of the segment of those that came before |

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::state::write_segment_while;
use super::{Command, History, State};
use crate::absorb::Matrices;
use crate::segment::{Input, Project, Segment, Span, Without};
use crate::snapshot::{Floors, Part, Parts, Snapshot};
use crate::visits::load::{floors, windows};
use crate::visits::{Core, VisitsError};
use crate::{Day, Month};
use tallygate_disk::Disk;

/// What is to be merged.
pub(crate) struct Plan {
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
/// Days that a clock may be ahead of the history without having leapt.
const LEAP: u32 = 3;
/// Hours that are let go of so much too late are put into their months at once, rather than by merging in the background.
const OVERDUE: u32 = 48;
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
        let (file, core) = (self.state.new_file(), Arc::clone(&self.core));
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
        self.close_idle(|_| true);
        self.flush()?;
        loop {
            let (before, mut merged) = (self.state.snapshot.floors, false);
            self.advance_floors()?;
            while let Some(plan) = self.plan() {
                let file = self.state.new_file();
                let result = plan.run(&self.core, file);
                self.apply_merge(Done { plan, file, result })?;
                merged = true;
            }
            if !merged && self.state.snapshot.floors == before {
                return Ok(());
            }
        }
    }

    fn plan(&self) -> Option<Plan> {
        let now = self.core.today();
        plan(&self.state.snapshot, now, floors(now, self.core.options.retention).hour.day())
    }

    fn apply_merge(&mut self, done: Done) -> Result<(), VisitsError> {
        let Done { plan, file, result } = done;
        let segment = Arc::new(result?);
        let there: Vec<_> = self.state.snapshot.parts().cloned().collect();
        let is_there = |part: &Arc<Part>| there.iter().any(|other| Arc::ptr_eq(part, other));
        if !plan.inputs.iter().all(|(part, _)| is_there(part)) {
            // Something was forgotten meanwhile; it is merged again without.
            return Ok(());
        }
        self.flush_with(move |_, _, next| {
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

    /// Lets go of hours and of months that are too old, once others have what is to be kept of them.
    pub(super) fn advance_floors(&mut self) -> Result<(), VisitsError> {
        let (own, target) = (self.state.snapshot.floors, floors(self.core.today(), self.core.options.retention));
        if own == target {
            return Ok(());
        }
        if self.state.snapshot.parts().next().is_none() {
            return self.begin_anew(target);
        }
        if self.may_be_wrong(own, target) {
            return Ok(());
        }
        if target.day > own.day {
            self.let_go(move |state, disk, next| {
                let old = next.parts().filter(|part| begins_before(part.segment.span(), target.day)).cloned();
                let old: Parts = old.collect();
                let inputs: Vec<_> = old.iter().map(|part| came(part)).collect();
                let before = state.write(disk, Span::Before, &inputs, &Without::default())?;
                next.remove(old.iter());
                before.into_iter().for_each(|part| next.add(Arc::new(part)));
                next.floors.day = target.day;
                next.floors.hour = next.floors.hour.max(target.day.first_hour());
                Ok(())
            })?;
        }
        // Late visits may go on to come for these hours.
        let is_overdue = target.hour.0 > own.hour.0 + OVERDUE;
        if target.hour > own.hour && (is_overdue || self.are_in_months(target.hour.day())) {
            self.let_go(move |state, disk, next| {
                put_into_months(state, disk, next, target.hour.day())?;
                next.floors.hour = target.hour;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// While the history has nothing, it begins where the clock says, whatever that said before.
    fn begin_anew(&mut self, target: Floors) -> Result<(), VisitsError> {
        let core = Arc::clone(&self.core);
        // Nobody adds anything meanwhile, which might lie beyond these floors.
        let _gate = core.gate.write().unwrap_or_else(PoisonError::into_inner);
        if !core.queue.is_caught_up() {
            return Ok(());
        }
        let (shared, windows) = (Arc::clone(&self.state.matrices), windows(core.options.retention));
        let begun = Matrices::new(target, windows.days, windows.hours);
        let before = std::mem::replace(&mut *shared.write().unwrap_or_else(PoisonError::into_inner), begun);
        let mut next = self.state.snapshot.clone();
        next.floors = target;
        let stored = self.store(next, self.state.journal_from);
        if stored.is_err() {
            *shared.write().unwrap_or_else(PoisonError::into_inner) = before;
        }
        stored
    }

    /// Whether the clock has leapt ahead, and so may be wrong. It is believed when it has been there for a while.
    fn may_be_wrong(&mut self, own: Floors, target: Floors) -> bool {
        // Days go by one at a time, and so do months.
        let next_month = own.day.month().last_day().0 + 1;
        if target.hour.day().0 <= own.hour.day().0 + LEAP && target.day.0 <= next_month {
            self.leapt = None;
            return false;
        }
        let patience = self.core.options.patience;
        let since = self.leapt.get_or_insert_with(|| {
            let (today, seconds) = (self.core.today(), patience.as_secs());
            tracing::info!(%today, seconds, "the clock is ahead of the history; if it stays, what is too old is let go of");
            Instant::now()
        });
        since.elapsed() < patience
    }

    /// Changes floors, together with the matrices.
    fn let_go(
        &mut self,
        change: impl FnOnce(&mut State, &dyn Disk, &mut Snapshot) -> Result<(), VisitsError>,
    ) -> Result<(), VisitsError> {
        let shared = Arc::clone(&self.state.matrices);
        let mut before: Option<Matrices> = None;
        let changed = self.flush_with(|state, disk, next| {
            change(state, disk, next)?;
            let mut matrices = shared.write().unwrap_or_else(PoisonError::into_inner);
            before = Some(matrices.clone());
            matrices.days.forget_before(next.floors.day.0);
            matrices.hours.forget_before(next.floors.hour.0);
            Ok(())
        });
        if changed.is_err()
            && let Some(before) = before
        {
            *shared.write().unwrap_or_else(PoisonError::into_inner) = before;
        }
        changed
    }

    /// Whether months have all days before this one.
    fn are_in_months(&self, day: Day) -> bool {
        let loose = |part: &Arc<Part>| !part.in_month && is_within_days(part.segment.span(), day);
        !self.state.snapshot.parts().any(loose)
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
        write_segment_while(&going, &*core.disk, (file, self.span), &inputs, &Without::default())
    }

    /// Segments of one span become one.
    fn same(parts: Parts) -> Option<Self> {
        let first = parts.first()?;
        let (span, in_month) = (first.segment.span(), first.in_month);
        let inputs = parts.into_iter().map(|part| (part, Project::AsIs)).collect();
        Some(Self { span, inputs, keeps_days: false, in_month })
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
        return Plan::same(tier(parts));
    }
    for parts in history.days.values() {
        for in_month in [false, true] {
            let alike: Parts = files(parts).into_iter().filter(|part| part.in_month == in_month).collect();
            let some = tier(alike);
            if some.len() > 1 {
                return Plan::same(some);
            }
        }
    }
    if let Some(plan) = month(history, today, hours_from) {
        return Some(plan);
    }
    let crowded = history.months.values().chain([&history.before]).map(files).find(|parts| parts.len() > SIDE_BY_SIDE);
    Plan::same(tier(crowded?))
}

/// The hours of a day that is over become a segment of the day.
fn day(history: &Snapshot, day: Day) -> Plan {
    let hours = history.hours.range(day.first_hour()..=day.last_hour());
    let hours =
        hours.flat_map(|(hour, parts)| files(parts).into_iter().map(|part| (part, Project::Bit(hour.of_day()))));
    Plan { span: Span::Day(day), inputs: hours.collect(), keeps_days: false, in_month: false }
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
        return Some(Plan { span: Span::Month(month), inputs, keeps_days: true, in_month: false });
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

/// Lets go of all hours and days before one, after putting into months what these do not have.
fn put_into_months(state: &mut State, disk: &dyn Disk, next: &mut Snapshot, end: Day) -> Result<(), VisitsError> {
    let old: Parts = next.parts().filter(|part| is_within_days(part.segment.span(), end)).cloned().collect();
    let mut loose: BTreeMap<Month, Vec<Input<'_>>> = BTreeMap::new();
    for part in old.iter().filter(|part| !part.in_month) {
        let day = match part.segment.span() {
            Span::Hour(hour) => hour.day(),
            Span::Day(day) => day,
            Span::Month(_) | Span::Before => continue,
        };
        let input = Input { segment: &part.segment, keep: u32::MAX, project: Project::Bit(day.of_month()) };
        loose.entry(day.month()).or_default().push(input);
    }
    for (month, inputs) in loose {
        let written = state.write(disk, Span::Month(month), &inputs, &Without::default())?;
        written.into_iter().for_each(|part| next.add(Arc::new(part)));
    }
    next.remove(old.iter());
    Ok(())
}

/// Those that are in files. The others are about to be.
fn files(parts: &Parts) -> Parts {
    parts.iter().filter(|part| part.file.is_some()).cloned().collect()
}

/// Who is in a segment, without telling when.
fn came(part: &Arc<Part>) -> Input<'_> {
    Input { segment: &part.segment, keep: u32::MAX, project: Project::Bit(0) }
}

fn begins_before(span: Span, day: Day) -> bool {
    match span {
        Span::Hour(hour) => hour.day() < day,
        Span::Day(own) => own < day,
        Span::Month(month) => month.first_day() < day,
        Span::Before => true,
    }
}

/// Whether it is an hour or a day before this day.
fn is_within_days(span: Span, day: Day) -> bool {
    match span {
        Span::Hour(hour) => hour.day() < day,
        Span::Day(own) => own < day,
        Span::Month(_) | Span::Before => false,
    }
}
