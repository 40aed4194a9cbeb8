//! Hours, days and months, as numbers. All of them are UTC.

use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

/// An hour, counted from the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hour(pub u32);

/// A day, counted from the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(pub u32);

/// A month: twelve times its year, plus 0 for January to 11 for December.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month(pub u32);

const MILLISECONDS: i64 = 3_600_000;

/// Hours of a day.
pub(crate) const HOURS: u32 = 24;

// === impl Hour ===

impl Hour {
    /// The hour that a Unix time in milliseconds lies in, between 1970 and the year 9999.
    #[must_use]
    pub fn of_unix_ms(time: i64) -> Option<Self> {
        let hour = u32::try_from(time.div_euclid(MILLISECONDS)).ok()?;
        (Self(hour).day() <= Day::LAST).then_some(Self(hour))
    }

    /// When it begins, in Unix milliseconds.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        i64::from(self.0) * MILLISECONDS
    }

    /// The day it belongs to.
    #[must_use]
    pub fn day(self) -> Day {
        Day(self.0 / HOURS)
    }

    /// Which hour of its day it is, 0 to 23.
    #[must_use]
    pub fn of_day(self) -> u32 {
        self.0 % HOURS
    }
}

impl Display for Hour {
    /// As the gateway writes hours: ISO 8601, without minutes.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.day(), self.of_day())
    }
}

// === impl Day ===

impl Day {
    /// The last day of the year 9999, the last one that is written with four digits.
    pub const LAST: Self = Self(2_932_896);

    /// Its first hour.
    #[must_use]
    pub fn first_hour(self) -> Hour {
        Hour(self.0 * HOURS)
    }

    /// Its last hour.
    #[must_use]
    pub fn last_hour(self) -> Hour {
        Hour(self.0 * HOURS + HOURS - 1)
    }

    /// The month it belongs to.
    #[must_use]
    pub fn month(self) -> Month {
        let (year, month, _) = civil(self);
        Month(year * 12 + month - 1)
    }

    /// Which day of its month it is, 0 to 30.
    #[must_use]
    pub fn of_month(self) -> u32 {
        civil(self).2 - 1
    }

    /// Year, month (1 to 12), and day of the month (1 to 31).
    #[must_use]
    pub fn civil(self) -> (u32, u32, u32) {
        civil(self)
    }

    /// The day of a date, if there is such a date from 1970 to 9999.
    #[must_use]
    pub fn of_civil(year: u32, month: u32, day: u32) -> Option<Self> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        let found = Self(first_day(year, month).checked_add(day.checked_sub(1)?)?);
        (civil(found) == (year, month, day)).then_some(found)
    }
}

impl Display for Day {
    /// As ISO 8601 has it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

// === impl Month ===

impl Month {
    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> Day {
        Day(first_day(self.0 / 12, self.0 % 12 + 1))
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(self) -> Day {
        Day(Self(self.0 + 1).first_day().0 - 1)
    }

    /// Its days.
    #[must_use]
    pub fn days(self) -> RangeInclusive<Day> {
        self.first_day()..=self.last_day()
    }
}

/// Howard Hinnant's `days_from_civil`, for the first of a month from 1970 on: years begin in March, so that the leap day
/// is their last.
fn first_day(year: u32, month: u32) -> u32 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Howard Hinnant's `civil_from_days`.
fn civil(day: Day) -> (u32, u32, u32) {
    let since = day.0.min(Day::LAST.0) + 719_468;
    let (era, of_era) = (since / 146_097, since % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the days one by one, as the calendar does.
    #[test]
    fn days_are_those_of_the_calendar() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..=Day::LAST.0 {
            assert_eq!(Day(number).civil(), (year, month, day));
            if day == 1 {
                assert_eq!(Day::of_civil(year, month, day), Some(Day(number)));
                assert_eq!(Day(number).month().first_day(), Day(number));
            }
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            if day < last {
                day += 1;
                continue;
            }
            assert_eq!(Day(number).month().last_day(), Day(number));
            assert_eq!(Day::of_civil(year, month, day + 1), None);
            (year, month, day) = if month < 12 { (year, month + 1, 1) } else { (year + 1, 1, 1) };
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn hours_are_those_of_unix_time() {
        let hour = Hour::of_unix_ms(1_767_225_599_999).expect("in range");
        assert_eq!((hour.day().civil(), hour.of_day()), ((2025, 12, 31), 23));
        assert_eq!(Hour::of_unix_ms(1_767_225_600_000), Some(Hour(hour.0 + 1)));
        assert_eq!(Hour(hour.0 + 1).unix_ms(), 1_767_225_600_000);
        assert_eq!(hour.day().last_hour(), hour);
        for outside in [-1, i64::MIN, i64::MAX, 253_402_300_800_000] {
            assert_eq!(Hour::of_unix_ms(outside), None);
        }
    }
}
