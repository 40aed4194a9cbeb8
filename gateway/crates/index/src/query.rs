//! Questions to the history.

mod union;
mod visited;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use crate::absorb::Matrices;
use crate::hot::HotHour;
use crate::matrix::Counts;
use crate::segment::count_union;
use crate::snapshot::{Floors, Snapshot};
use crate::visits::Options;
use crate::{Day, Granularity, Hour};

pub use self::union::{Network, Top};
pub use self::visited::{HourOrDay, Visited};

/// The history at one moment, to be asked.
pub struct View<'a> {
    snapshot: Arc<Snapshot>,
    matrices: &'a RwLock<Matrices>,
    /// The hours that are being written to: what the history does not have yet is in them.
    hot: Arc<[Arc<HotHour>]>,
    granularity: Granularity,
    now: Hour,
    /// Today, or the last day that something came for.
    last: Day,
}

/// A stretch of time: whole hours, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first hour.
    pub from: Hour,
    /// The last hour.
    pub to: Hour,
}

/// What a range is split into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bucket {
    /// Hours; only where hours are told apart.
    Hour,
    /// Days.
    Day,
    /// Weeks, from Monday to Sunday (ISO 8601).
    Week,
    /// Months.
    Month,
}

/// Why a range cannot be asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RangeError {
    /// It ends before it begins.
    #[error("the range ends before it begins")]
    Backwards,
    /// It begins before the oldest day kept.
    #[error("the range begins before the oldest day that is kept")]
    Day {
        /// The oldest day kept.
        oldest: Day,
    },
    /// It cuts a day whose hours are not told apart any more.
    #[error(
        "the range cuts a day of which only the whole is kept, not its hours; hours are kept for the last days only"
    )]
    Hour {
        /// The oldest hour kept.
        oldest: Hour,
    },
}

// === impl Range ===

impl Range {
    /// Whole days, both included.
    #[must_use]
    pub fn days(from: Day, to: Day) -> Self {
        Self { from: from.first_hour(), to: to.last_hour() }
    }

    /// The buckets that a range consists of, the first and the last cut to it.
    pub fn buckets(self, bucket: Bucket) -> impl Iterator<Item = Self> {
        let mut next = Some(self.from);
        std::iter::from_fn(move || {
            let from = next.filter(|from| *from <= self.to)?;
            let to = bucket.end(from).min(self.to);
            next = to.0.checked_add(1).map(Hour);
            Some(Self { from, to })
        })
    }

    fn is_whole_days(self) -> bool {
        self.from.of_day() == 0 && self.to.of_day() == 23
    }

    /// The hours of a day that lie within it, as bits.
    fn hours_of(self, day: Day) -> u32 {
        let (first, last) = (day.first_hour(), day.last_hour());
        if self.to < first || self.from > last {
            return 0;
        }
        let (from, to) = (self.from.max(first).of_day(), self.to.min(last).of_day());
        (u32::MAX >> (31 - to)) & (u32::MAX << from)
    }
}

// === impl Bucket ===

impl Bucket {
    /// The last hour of the bucket that an hour lies in.
    fn end(self, hour: Hour) -> Hour {
        let day = hour.day();
        match self {
            Self::Hour => hour,
            Self::Day => day.last_hour(),
            // The epoch was a Thursday.
            Self::Week => Day(day.0 + 6 - (day.0 + 3) % 7).last_hour(),
            Self::Month => day.month().last_day().last_hour(),
        }
    }
}

// === impl View ===

impl<'a> View<'a> {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        matrices: &'a RwLock<Matrices>,
        hot: Arc<[Arc<HotHour>]>,
        options: &Options,
    ) -> Self {
        let (granularity, now) = (options.ipv6.granularity, options.now());
        let known = matrices.read().unwrap_or_else(PoisonError::into_inner).days.last().map(Day);
        let hot_day = hot.last().map(|hour| hour.hour().day());
        let last = now.day().max(known.unwrap_or(now.day())).max(hot_day.unwrap_or(now.day()));
        Self { snapshot, matrices, hot, granularity, now, last }
    }

    /// All that is kept, to the end of today, or of the last day that something came for.
    #[must_use]
    pub fn all(&self) -> Range {
        Range::days(self.floors().day, self.last)
    }

    /// The day of the first visit that is kept, or today if there is none.
    #[must_use]
    pub fn first_day(&self) -> Day {
        let first = self.matrices.read().unwrap_or_else(PoisonError::into_inner).days.first().map(Day);
        let hot = self.hot.iter().map(|hour| hour.hour().day()).min();
        let first = first.into_iter().chain(hot).min().unwrap_or(self.now.day());
        first.clamp(self.floors().day, self.last)
    }

    /// The current hour.
    #[must_use]
    pub fn now(&self) -> Hour {
        self.now
    }

    /// The oldest day that is kept.
    #[must_use]
    pub fn oldest_day(&self) -> Day {
        self.floors().day
    }

    /// The oldest hour that is told apart from others of its day.
    #[must_use]
    pub fn oldest_hour(&self) -> Hour {
        self.floors().hour
    }

    /// Whether all of a range can be asked about.
    ///
    /// # Errors
    /// If it is backwards, or reaches back to what is not kept.
    pub fn check(&self, range: Range) -> Result<(), RangeError> {
        Self::check_against(self.floors(), range)
    }

    fn check_against(floors: Floors, range: Range) -> Result<(), RangeError> {
        if range.from > range.to {
            return Err(RangeError::Backwards);
        }
        if range.from.day() < floors.day {
            return Err(RangeError::Day { oldest: floors.day });
        }
        let cuts = range.from.of_day() != 0 && range.from < floors.hour;
        if cuts || range.to.of_day() != 23 && range.to < floors.hour {
            return Err(RangeError::Hour { oldest: floors.hour });
        }
        Ok(())
    }

    /// How many distinct addresses came in a range, and how many of them for the first time ever.
    ///
    /// Takes microseconds, whatever the range, unless it begins where hours are not told apart and ends within a day.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn distinct(&self, range: Range) -> Result<Counts, RangeError> {
        self.check(range)?;
        let matrices = self.matrices.read().unwrap_or_else(PoisonError::into_inner);
        // They may have let go of more than this view's segments, a moment ago.
        let floors = matrices.floors();
        Self::check_against(floors, range)?;
        if range.is_whole_days() {
            return Ok(matrices.days.counts(range.from.day().0, range.to.day().0));
        }
        if range.from >= floors.hour {
            return Ok(matrices.hours.counts(range.from.0, range.to.0));
        }
        let days = matrices.days.counts(range.from.day().0, range.to.day().0 - 1);
        let hours = matrices.hours.counts(range.to.day().first_hour().0, range.to.0);
        drop(matrices);
        Ok(Counts { distinct: count_union(&self.inputs(range)), new: days.new + hours.new })
    }

    fn floors(&self) -> Floors {
        self.snapshot.floors
    }

    /// The address as it is counted.
    fn counted(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(self.granularity.mask(address.to_bits()).into()),
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}
