//! What the history knows of an address around one day, each thing asked once: every look at a segment is a few cache misses.

use crate::matrix::Previous;
use crate::snapshot::{Address, Snapshot};
use crate::{Day, Hour};

/// An address and a day.
pub(super) struct Known<'a, A> {
    history: &'a Snapshot,
    pub(super) address: A,
    pub(super) day: Day,
    /// Whether the history knows nothing at all of the address.
    pub(super) nothing: bool,
    pub(super) has_day: bool,
    /// The hours of the day, as bits; none where hours are not told apart.
    hours: u32,
    before: Option<Previous>,
    after: Option<Option<Day>>,
}

// === impl Known ===

impl<'a, A: Address> Known<'a, A> {
    pub(super) fn new(history: &'a Snapshot, address: A, day: Day, nothing: bool) -> Self {
        let known = Self { history, address, day, nothing, has_day: false, hours: 0, before: None, after: None };
        if nothing {
            return Self { before: Some(Previous::Never), after: Some(None), ..known };
        }
        if day < history.floors.hour.day() {
            return Self { has_day: history.has_day(address, day), ..known };
        }
        let hours = history.hours_of(address, day);
        Self { has_day: hours != 0 || history.hours_are_lost && history.has_day(address, day), hours, ..known }
    }

    /// Whether the address came in this hour of the day; where hours are not told apart, on the day.
    pub(super) fn has(&self, hour: Hour) -> bool {
        if hour < self.history.floors.hour { self.has_day } else { self.hours & 1 << hour.of_day() != 0 }
    }

    /// The last day before this one on which it came.
    pub(super) fn day_before(&mut self) -> Previous {
        *self.before.get_or_insert_with(|| self.history.day_before(self.address, self.day))
    }

    /// The first day after this one on which it came.
    pub(super) fn day_after(&mut self) -> Option<Day> {
        *self.after.get_or_insert_with(|| self.history.day_after(self.address, self.day))
    }

    /// The last hour before this one of the day.
    pub(super) fn hour_before(&mut self, hour: Hour) -> Previous {
        if let Some(bit) = (self.hours & ((1 << hour.of_day()) - 1)).checked_ilog2() {
            return Previous::At(self.day.first_hour().0 + bit);
        }
        let mut before = self.day_before();
        while let Previous::At(day) = before {
            let day = Day(day);
            if day < self.history.floors.hour.day() {
                return Previous::Before;
            }
            if let Some(bit) = self.history.hours_of(self.address, day).checked_ilog2() {
                return Previous::At(day.first_hour().0 + bit);
            }
            // Its hours are lost.
            before = self.history.day_before(self.address, day);
        }
        before
    }

    /// The first hour after this one of the day.
    pub(super) fn hour_after(&mut self, hour: Hour) -> Option<Hour> {
        first(self.hours & (u64::MAX << (hour.of_day() + 1)) as u32, self.day).or_else(|| self.hour_of_day_after())
    }

    /// The first hour of the day or after it.
    pub(super) fn first_hour(&mut self) -> Option<Hour> {
        first(self.hours, self.day).or_else(|| self.hour_of_day_after())
    }

    fn hour_of_day_after(&mut self) -> Option<Hour> {
        let mut after = self.day_after();
        while let Some(day) = after {
            let found = first(self.history.hours_of(self.address, day), day);
            if found.is_some() {
                return found;
            }
            // Its hours are lost.
            after = self.history.day_after(self.address, day);
        }
        None
    }
}

fn first(hours: u32, day: Day) -> Option<Hour> {
    (hours != 0).then(|| Hour(day.first_hour().0 + hours.trailing_zeros()))
}
