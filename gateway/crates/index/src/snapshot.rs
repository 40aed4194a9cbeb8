//! The history at one moment: which segments there are, and what they say of an address.

use std::collections::BTreeMap;
use std::sync::Arc;

use tallygate_event::TenantId;

use crate::matrix::{FARTHEST, Previous};
use crate::segment::{Segment, Span};
use crate::{Day, Hour, Month};

/// A segment of the history.
pub(crate) struct Part {
    pub(crate) segment: Arc<Segment>,
    /// The number of its file; none while it is in memory alone.
    pub(crate) file: Option<u64>,
    /// Whether the segments of its month have all that it says, except for the hours. Only days are ever in one.
    pub(crate) in_month: bool,
}

/// From when on the history tells times apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Floors {
    /// The first hour of a day.
    pub(crate) hour: Hour,
    /// The first day of a month. What came before is only known to have come before.
    pub(crate) day: Day,
}

/// An address of either family.
pub(crate) trait Address: Copy + Ord {
    /// Where it may be in a segment.
    type Place<'a>: Copy;

    /// Where it may be in a segment, asked for and not waited for.
    fn place(self, segment: &Segment) -> Option<Self::Place<'_>>;

    /// What is there of it.
    fn mask_at(self, place: Self::Place<'_>) -> u32;

    /// What a segment has of it.
    fn mask(self, segment: &Segment) -> u32 {
        self.place(segment).map_or(0, |place| self.mask_at(place))
    }
}

pub(crate) type Parts = Vec<Arc<Part>>;

/// All segments of a tenant. Those of one span add up: what one of them says of an address, the others need not.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// Whose it is: so are all its segments.
    pub(crate) tenant: TenantId,
    pub(crate) floors: Floors,
    pub(crate) hours: BTreeMap<Hour, Parts>,
    pub(crate) days: BTreeMap<Day, Parts>,
    pub(crate) months: BTreeMap<Month, Parts>,
    pub(crate) before: Parts,
    /// Whether there may be days within those whose hours are told apart that are known without their hours, after damage.
    pub(crate) hours_are_lost: bool,
    /// Days with something that their month does not have, in ascending order. Follows from the rest.
    loose: Vec<Loose>,
}

#[derive(Clone)]
struct Loose {
    day: Day,
    parts: Parts,
    hours: Vec<Parts>,
}

// === impl Floors ===

impl Floors {
    /// Whether the matrices have room for an hour, and tell its day apart.
    pub(crate) fn keep(self, hour: Hour) -> bool {
        hour.day() >= self.day && hour.0 < self.hour.0 + FARTHEST && hour.day().0 < self.day.0 + FARTHEST
    }
}

// === impl Part ===

impl Part {
    pub(crate) fn has<A: Address>(&self, address: A) -> bool {
        address.mask(&self.segment) != 0
    }
}

impl Address for u32 {
    type Place<'a> = (&'a Segment, usize);

    fn place(self, segment: &Segment) -> Option<Self::Place<'_>> {
        segment.block_of(self).map(|block| (segment, block))
    }

    fn mask_at(self, (segment, block): Self::Place<'_>) -> u32 {
        segment.v4_in(block, self)
    }
}

impl Address for u128 {
    type Place<'a> = &'a Segment;

    fn place(self, segment: &Segment) -> Option<&Segment> {
        Some(segment)
    }

    fn mask_at(self, segment: &Segment) -> u32 {
        segment.v6(self)
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// A history without anything in it.
    pub(crate) fn new(tenant: TenantId, floors: Floors) -> Self {
        let (hours, days, months) = Default::default();
        Self { tenant, floors, hours, days, months, before: Vec::new(), hours_are_lost: false, loose: Vec::new() }
    }

    /// Adds a segment. [`Self::settle`] must follow.
    pub(crate) fn add(&mut self, part: Arc<Part>) {
        match part.segment.span() {
            Span::Hour(hour) => self.hours.entry(hour).or_default().push(part),
            Span::Day(day) => self.days.entry(day).or_default().push(part),
            Span::Month(month) => self.months.entry(month).or_default().push(part),
            Span::Before => self.before.push(part),
        }
    }

    /// Takes out the segments that `keep` does not choose. [`Self::settle`] must follow.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Arc<Part>) -> bool) {
        retain(&mut self.hours, &mut keep);
        retain(&mut self.days, &mut keep);
        retain(&mut self.months, &mut keep);
        self.before.retain(keep);
    }

    /// Says of the days of some months that their months do not have them. [`Self::settle`] must follow.
    pub(crate) fn take_out_of_months(&mut self, concerned: impl Fn(Month) -> bool) {
        for (_, parts) in self.days.iter_mut().filter(|(day, _)| concerned(day.month())) {
            for part in parts.iter_mut().filter(|part| part.in_month) {
                *part = Arc::new(Part { segment: Arc::clone(&part.segment), file: part.file, in_month: false });
            }
        }
    }

    /// Takes out segments. [`Self::settle`] must follow.
    pub(crate) fn remove<'a>(&mut self, gone: impl Iterator<Item = &'a Arc<Part>> + Clone) {
        self.retain(|part| !gone.clone().any(|other| Arc::ptr_eq(part, other)));
    }

    /// Brings what follows from the segments up to date.
    pub(crate) fn settle(&mut self) {
        let mut loose: BTreeMap<Day, Loose> = BTreeMap::new();
        let new = |day| Loose { day, parts: Vec::new(), hours: Vec::new() };
        for (day, parts) in &self.days {
            let parts: Parts = parts.iter().filter(|part| !part.in_month).cloned().collect();
            if !parts.is_empty() {
                loose.entry(*day).or_insert_with(|| new(*day)).parts = parts;
            }
        }
        for (hour, parts) in &self.hours {
            loose.entry(hour.day()).or_insert_with(|| new(hour.day())).hours.push(parts.clone());
        }
        self.loose = loose.into_values().collect();
    }

    /// Every segment, in no order that matters.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Arc<Part>> {
        let (hours, days, months) = (self.hours.values(), self.days.values(), self.months.values());
        hours.chain(days).chain(months).flatten().chain(&self.before)
    }

    /// Segments that say of every address that it came: the fewest that do.
    pub(crate) fn ever(&self) -> impl Iterator<Item = &Arc<Part>> {
        let days = self.days.values().flatten().filter(|part| !part.in_month);
        self.months.values().flatten().chain(days).chain(self.hours.values().flatten()).chain(&self.before)
    }

    /// Before this hour nothing came that is told apart.
    pub(crate) fn first_hour(&self) -> Option<Hour> {
        let month = self.months.keys().next().map(|month| month.first_day().first_hour());
        let day = self.days.keys().next().map(|day| day.first_hour());
        [self.hours.keys().next().copied(), day, month].into_iter().flatten().min()
    }

    /// Whether there is anything of an hour.
    pub(crate) fn knows_hour(&self, hour: Hour) -> bool {
        self.hours.contains_key(&hour)
            || self.days.contains_key(&hour.day())
            || (hour < self.floors.hour && self.months.contains_key(&hour.day().month()))
    }

    /// Whether the address came in an hour; where hours are no longer told apart, on its day.
    pub(crate) fn has_hour<A: Address>(&self, address: A, hour: Hour) -> bool {
        if hour < self.floors.hour {
            return self.has_day(address, hour.day());
        }
        let bit = 1 << hour.of_day();
        self.hours.get(&hour).is_some_and(|parts| any(parts, address))
            || self.days.get(&hour.day()).is_some_and(|parts| all(parts, address) & bit != 0)
    }

    /// Whether the address came on a day.
    pub(crate) fn has_day<A: Address>(&self, address: A, day: Day) -> bool {
        self.days_of(address, day.month()) & 1 << day.of_month() != 0
    }

    /// The hours of a day at which the address came, as bits.
    pub(crate) fn hours_of<A: Address>(&self, address: A, day: Day) -> u32 {
        let mask = self.days.get(&day).map_or(0, |parts| all(parts, address));
        let hours = self.hours.range(day.first_hour()..=day.last_hour());
        let hours = hours.filter(|(hour, parts)| mask & 1 << hour.of_day() == 0 && any(parts, address));
        hours.fold(mask, |mask, (hour, _)| mask | 1 << hour.of_day())
    }

    /// The days of a month on which the address came, as bits.
    pub(crate) fn days_of<A: Address>(&self, address: A, month: Month) -> u32 {
        let mask = self.months.get(&month).map_or(0, |parts| all(parts, address));
        let (first, last) = (month.first_day(), month.last_day());
        let loose = self.loose[self.loose.partition_point(|loose| loose.day < first)..].iter();
        let loose = loose.take_while(|loose| loose.day <= last);
        loose.fold(mask, |mask, loose| {
            let bit = 1 << (loose.day.0 - first.0);
            if mask & bit == 0 && loose.has(address) { mask | bit } else { mask }
        })
    }

    /// The days on which the address came, as bits, of each month from one to another. All segments are asked before any is
    /// waited for, so that their cache misses overlap.
    pub(crate) fn days_of_months<A: Address>(&self, address: A, (first, last): (Month, Month)) -> Vec<u32> {
        let mut masks = vec![0; (last.0 - first.0) as usize + 1];
        let mut places = Vec::with_capacity(32);
        let at = |month: Month| (month.0 - first.0) as usize;
        for (month, parts) in self.months.range(first..=last) {
            let found = parts.iter().filter_map(|part| address.place(&part.segment));
            places.extend(found.map(|place| (at(*month), None, place)));
        }
        let loose = self.loose[self.loose.partition_point(|loose| loose.day < first.first_day())..].iter();
        for loose in loose.take_while(|loose| loose.day <= last.last_day()) {
            let found = loose.all().filter_map(|part| address.place(&part.segment));
            let bit = Some(1 << loose.day.of_month());
            places.extend(found.map(|place| (at(loose.day.month()), bit, place)));
        }
        for (at, bit, place) in places {
            masks[at] |= match bit {
                None => address.mask_at(place),
                Some(bit) if masks[at] & bit == 0 && address.mask_at(place) != 0 => bit,
                Some(_) => 0,
            };
        }
        masks
    }

    /// The last day before this one on which the address came.
    pub(crate) fn day_before<A: Address>(&self, address: A, day: Day) -> Previous {
        let mut end = self.loose.partition_point(|loose| loose.day < day);
        let mut months = self.months.range(..=day.month()).rev().peekable();
        // From the latest month to the earliest; within one, what is loose first, as it is usually later.
        loop {
            let loose_month = self.loose[..end].last().map(|loose| loose.day.month());
            let Some(month) = loose_month.max(months.peek().map(|(month, _)| **month)) else { break };
            let first = month.first_day();
            let below = if day > month.last_day() { u32::MAX } else { (1 << (day.0 - first.0)) - 1 };
            let parts = months.next_if(|(own, _)| **own == month);
            let found = parts.and_then(|(_, parts)| (all(parts, address) & below).checked_ilog2());
            let sealed = found.map(|bit| Day(first.0 + bit));
            while let Some(loose) = self.loose[..end].last().filter(|loose| loose.day >= sealed.unwrap_or(first)) {
                if loose.has(address) {
                    return Previous::At(loose.day.0);
                }
                end -= 1;
            }
            if let Some(day) = sealed {
                return Previous::At(day.0);
            }
        }
        if any(&self.before, address) { Previous::Before } else { Previous::Never }
    }

    /// The first day that is told apart on which the address came.
    pub(crate) fn first_day<A: Address>(&self, address: A) -> Option<Day> {
        let floor = self.floors.day;
        if self.has_day(address, floor) { Some(floor) } else { self.day_after(address, floor) }
    }

    /// The first day after this one on which the address came.
    pub(crate) fn day_after<A: Address>(&self, address: A, day: Day) -> Option<Day> {
        let loose = &self.loose[self.loose.partition_point(|loose| loose.day <= day)..];
        let loose = loose.iter().find(|loose| loose.has(address)).map(|loose| loose.day);
        // The loose ones are the latest as a rule: what months have may be earlier still.
        for (month, parts) in self.months.range(day.month()..) {
            let first = month.first_day();
            if loose.is_some_and(|loose| loose < first) {
                break;
            }
            let above = if day < first { u32::MAX } else { (u64::MAX << (day.0 - first.0 + 1)) as u32 };
            let mask = all(parts, address) & above;
            if mask != 0 {
                let found = Day(first.0 + mask.trailing_zeros());
                return Some(loose.map_or(found, |loose| loose.min(found)));
            }
        }
        loose
    }
}

// === impl Loose ===

impl Loose {
    fn all(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.parts.iter().chain(self.hours.iter().flatten())
    }

    fn has<A: Address>(&self, address: A) -> bool {
        self.all().any(|part| part.has(address))
    }
}

fn any<A: Address>(parts: &Parts, address: A) -> bool {
    parts.iter().any(|part| part.has(address))
}

fn all<A: Address>(parts: &Parts, address: A) -> u32 {
    parts.iter().fold(0, |mask, part| mask | address.mask(&part.segment))
}

fn retain<K: Ord>(all: &mut BTreeMap<K, Parts>, keep: &mut impl FnMut(&Arc<Part>) -> bool) {
    all.retain(|_, parts| {
        parts.retain(&mut *keep);
        !parts.is_empty()
    });
}
