//! Letting go of what is too old, as the clock says it; and doubting the clock.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::{History, Store, TenantStore};
use crate::absorb::Matrices;
use crate::segment::{Input, Project, Span, Without};
use crate::snapshot::{Floors, Part, Parts, Snapshot};
use crate::visits::VisitsError;
use crate::visits::load::{floors, windows};
use crate::{Day, Month};
use tallygate_disk::Disk;

/// Days that a clock may be ahead of the history without having leapt.
const LEAP: u32 = 3;
/// Hours that are let go of so much too late are put into their months at once, rather than by merging in the background.
const OVERDUE: u32 = 48;

// === impl History ===

impl History {
    /// Lets go of hours and of months that are too old, once others have what is to be kept of them.
    pub(super) fn advance_floors(&mut self) -> Result<(), VisitsError> {
        let target = floors(self.core.today(), self.core.options.retention);
        if self.store.parts().next().is_none() && self.all_floors().iter().any(|own| *own != target) {
            return self.begin_anew(target);
        }
        (0..self.store.tenants.len()).try_for_each(|at| self.advance_floors_of(at, target))
    }

    pub(super) fn all_floors(&self) -> Vec<Floors> {
        self.store.tenants.iter().map(|tenant| tenant.snapshot.floors).collect()
    }

    fn advance_floors_of(&mut self, at: usize, target: Floors) -> Result<(), VisitsError> {
        let own = self.store.tenants[at].snapshot.floors;
        if own == target || self.may_be_wrong(at, own, target) {
            return Ok(());
        }
        if target.day > own.day {
            self.let_go(at, move |store, disk, next| {
                let old = next.parts().filter(|part| begins_before(part.segment.span(), target.day)).cloned();
                let old: Parts = old.collect();
                let inputs: Vec<_> = old.iter().map(|part| came(part)).collect();
                let before = store.write(disk, (next.tenant, Span::Before), &inputs, &Without::default())?;
                next.remove(old.iter());
                before.into_iter().for_each(|part| next.add(Arc::new(part)));
                next.floors.day = target.day;
                next.floors.hour = next.floors.hour.max(target.day.first_hour());
                Ok(())
            })?;
        }
        // Late visits may go on to come for these hours.
        let is_overdue = target.hour.0 > own.hour.0 + OVERDUE;
        if target.hour > own.hour && (is_overdue || self.are_in_months(at, target.hour.day())) {
            self.let_go(at, move |store, disk, next| {
                put_into_months(store, disk, next, target.hour.day())?;
                next.floors.hour = target.hour;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// While the history has nothing of any tenant, it begins where the clock says, whatever that said before.
    fn begin_anew(&mut self, target: Floors) -> Result<(), VisitsError> {
        let core = Arc::clone(&self.core);
        // Nobody adds anything meanwhile, which might lie beyond these floors.
        let gates = core.tenants.iter().map(|tenant| tenant.gate.write().unwrap_or_else(PoisonError::into_inner));
        let _gates: Vec<_> = gates.collect();
        if !core.queue.is_caught_up() {
            return Ok(());
        }
        let (windows, mut next) = (windows(core.options.retention), self.store.snapshots());
        next.iter_mut().for_each(|next| next.floors = target);
        let begun = || Matrices::new(target, windows.days, windows.hours);
        let replaced = |tenant: &TenantStore, by| {
            std::mem::replace(&mut *tenant.matrices.write().unwrap_or_else(PoisonError::into_inner), by)
        };
        let before: Vec<_> = self.store.tenants.iter().map(|tenant| replaced(tenant, begun())).collect();
        let stored = self.store(next, self.store.journal_from);
        if stored.is_err() {
            self.store.tenants.iter().zip(before).for_each(|(tenant, before)| drop(replaced(tenant, before)));
        }
        stored
    }

    /// Whether the clock has leapt ahead, and so may be wrong. It is believed when it has been there for a while.
    fn may_be_wrong(&mut self, at: usize, own: Floors, target: Floors) -> bool {
        // Days go by one at a time, and so do months.
        let next_month = own.day.month().last_day().0 + 1;
        if target.hour.day().0 <= own.hour.day().0 + LEAP && target.day.0 <= next_month {
            self.leapt[at] = None;
            return false;
        }
        let patience = self.core.options.patience;
        if self.leapt.iter().all(Option::is_none) {
            let (today, seconds) = (self.core.today(), patience.as_secs());
            tracing::info!(%today, seconds, "the clock is ahead of the history; if it stays, what is too old is let go of");
        }
        self.leapt[at].get_or_insert_with(Instant::now).elapsed() < patience
    }

    /// Changes the floors of a tenant, together with its matrices.
    fn let_go(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut Store, &dyn Disk, &mut Snapshot) -> Result<(), VisitsError>,
    ) -> Result<(), VisitsError> {
        let shared = Arc::clone(&self.store.tenants[at].matrices);
        let mut before: Option<Matrices> = None;
        let changed = self.flush_with(|store, disk, all| {
            let next = &mut all[at];
            change(store, disk, next)?;
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
    fn are_in_months(&self, at: usize, day: Day) -> bool {
        let loose = |part: &Arc<Part>| !part.in_month && is_within_days(part.segment.span(), day);
        !self.store.tenants[at].snapshot.parts().any(loose)
    }
}

/// Lets go of all hours and days before one, after putting into months what these do not have.
fn put_into_months(store: &mut Store, disk: &dyn Disk, next: &mut Snapshot, end: Day) -> Result<(), VisitsError> {
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
        let written = store.write(disk, (next.tenant, Span::Month(month)), &inputs, &Without::default())?;
        written.into_iter().for_each(|part| next.add(Arc::new(part)));
    }
    next.remove(old.iter());
    Ok(())
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
