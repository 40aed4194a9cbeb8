//! When one address came.

use std::net::IpAddr;

use super::{Range, RangeError, View};
use crate::snapshot::Address;
use crate::{Day, Hour, Month};

/// When an address came within a range.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Visited {
    /// The first time, if it came.
    pub first: Option<HourOrDay>,
    /// The last time.
    pub last: Option<HourOrDay>,
    /// The days, ascending.
    pub days: Vec<Day>,
}

/// A time, as exactly as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HourOrDay {
    /// An hour.
    Hour(Hour),
    /// A day whose hours are not told apart any more.
    Day(Day),
}

/// What an address is looked up by.
#[derive(Clone, Copy)]
enum Key {
    V4(u32),
    V6(u128),
}

// === impl View ===

impl View<'_> {
    /// When an address came within a range.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn visited(&self, address: IpAddr, range: Range) -> Result<Visited, RangeError> {
        self.check(range)?;
        let key = self.key(address);
        let days = self.days(key, range);
        let moment = |day: Option<&Day>, pick: fn(u32) -> u32| {
            let day = *day?;
            let told_apart = day >= self.oldest_hour().day();
            let hours = if told_apart { self.hours_of(key, day) & range.hours_of(day) } else { 0 };
            Some(if hours != 0 { HourOrDay::Hour(Hour(day.first_hour().0 + pick(hours))) } else { HourOrDay::Day(day) })
        };
        let first = moment(days.first(), u32::trailing_zeros);
        let last = moment(days.last(), u32::ilog2);
        Ok(Visited { first, last, days })
    }

    /// The hours at which an address came, on days whose hours are told apart.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn hours(&self, address: IpAddr, range: Range) -> Result<Vec<Hour>, RangeError> {
        self.check(range)?;
        let key = self.key(address);
        let mut hours = Vec::new();
        for day in self.days(key, range).into_iter().filter(|day| *day >= self.oldest_hour().day()) {
            let mask = self.hours_of(key, day) & range.hours_of(day);
            hours.extend((0..24).filter(|bit| mask & 1 << bit != 0).map(|bit| Hour(day.first_hour().0 + bit)));
        }
        Ok(hours)
    }

    fn key(&self, address: IpAddr) -> Key {
        match self.counted(address) {
            IpAddr::V4(address) => Key::V4(address.to_bits()),
            IpAddr::V6(address) => Key::V6(address.to_bits()),
        }
    }

    fn days(&self, key: Key, range: Range) -> Vec<Day> {
        match key {
            Key::V4(address) => self.days_of(address, key, range),
            Key::V6(address) => self.days_of(address, key, range),
        }
    }

    fn days_of<A: Address>(&self, address: A, key: Key, range: Range) -> Vec<Day> {
        let (from, to) = (range.from.day(), range.to.day().min(self.last));
        if from > to {
            return Vec::new();
        }
        let (first, last) = (from.month(), to.month());
        let mut masks = self.snapshot.days_of_months(address, (first, last));
        for hour in self.hot.iter() {
            let day = hour.hour().day();
            let (month, bit) = (day.month().0.wrapping_sub(first.0), 1 << day.of_month());
            if let Some(mask) = masks.get_mut(month as usize)
                && *mask & bit == 0
                && key.is_in(hour)
            {
                *mask |= bit;
            }
        }
        let mut days = Vec::with_capacity(masks.iter().map(|mask| mask.count_ones() as usize).sum());
        for (month, mut mask) in (first.0..).zip(masks) {
            let first = Month(month).first_day();
            while mask != 0 {
                let day = Day(first.0 + mask.trailing_zeros());
                mask &= mask - 1;
                // Of the days at the ends, perhaps only some hours are asked about.
                let part = (day == from || day == to) && range.hours_of(day).count_ones() < 24;
                if day >= from && day <= to && (!part || self.hours_of(key, day) & range.hours_of(day) != 0) {
                    days.push(day);
                }
            }
        }
        days
    }

    /// The hours of a day, as bits.
    fn hours_of(&self, key: Key, day: Day) -> u32 {
        let mask = match key {
            Key::V4(address) => self.snapshot.hours_of(address, day),
            Key::V6(address) => self.snapshot.hours_of(address, day),
        };
        let hot = self.hot.iter().filter(|hour| hour.hour().day() == day && key.is_in(hour));
        hot.fold(mask, |mask, hour| mask | 1 << hour.hour().of_day())
    }
}

// === impl Key ===

impl Key {
    fn is_in(self, hour: &crate::hot::HotHour) -> bool {
        match self {
            Self::V4(address) => hour.has_v4(address),
            Self::V6(address) => hour.has_v6(address),
        }
    }
}
