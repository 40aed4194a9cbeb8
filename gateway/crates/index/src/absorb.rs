//! How new visits become part of the history: who came before, who comes after, and what that changes in the matrices.

mod known;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ahash::RandomState;

use self::known::Known;
use crate::matrix::{Matrix, Previous};
use crate::segment::{Segment, SegmentError, SegmentWriter, Span};
use crate::snapshot::{Address, Floors, Snapshot};
use crate::{Day, Hour};

/// Visits of one hour that the history is to take in. It may know some of them already.
#[derive(Default, Debug)]
pub(crate) struct Batch {
    /// Whose they are, as the place among the tenants that are kept.
    pub(crate) tenant: usize,
    pub(crate) hour: u32,
    pub(crate) v4: Vec<u32>,
    /// Those of `v4` that had never come before, in the same order.
    pub(crate) first: Vec<u32>,
    pub(crate) v6: Vec<u128>,
}

/// The matrices of days and of hours.
#[derive(Clone)]
pub(crate) struct Matrices {
    pub(crate) days: Matrix,
    pub(crate) hours: Matrix,
}

/// Changes of the matrices.
#[derive(Default)]
pub(crate) struct Deltas {
    days: Cells,
    hours: Cells,
}

type Cells = HashMap<(u32, Previous), i64, RandomState>;

/// What the history did not know.
#[derive(Default)]
struct Fresh {
    v4: BTreeMap<Hour, Vec<u32>>,
    v6: BTreeMap<Hour, Vec<u128>>,
}

/// Addresses of which a visit was taken in, while the one that says that it is the first is still on its way: two threads
/// brought them at the same time.
pub(crate) type Awaited = HashSet<u32, RandomState>;

/// Whether the history knew anything of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    New,
    Again,
}

/// Days per block of the matrix of days, hours per block of that of hours.
pub(crate) const BLOCK_OF_DAYS: u32 = 32;
pub(crate) const BLOCK_OF_HOURS: u32 = 24;

// === impl Matrices ===

impl Matrices {
    pub(crate) fn new(floors: Floors, days: u32, hours: u32) -> Self {
        Self {
            days: Matrix::new(floors.day.0, days, BLOCK_OF_DAYS),
            hours: Matrix::new(floors.hour.0, hours, BLOCK_OF_HOURS),
        }
    }

    /// From when on they tell times apart.
    pub(crate) fn floors(&self) -> Floors {
        Floors { day: Day(self.days.floor()), hour: Hour(self.hours.floor()) }
    }

    /// `change` is 1, or -1 to take them back.
    pub(crate) fn apply(&mut self, deltas: &Deltas, change: i64) {
        apply(&mut self.days, &deltas.days, change);
        apply(&mut self.hours, &deltas.hours, change);
    }
}

fn apply(matrix: &mut Matrix, cells: &Cells, change: i64) {
    for ((at, previous), count) in cells.iter().filter(|(_, count)| **count != 0) {
        matrix.make_room_for(*at);
        matrix.add(*at, *previous, change * count);
    }
}

// === impl Deltas ===

impl Deltas {
    /// A visit comes in between two others.
    fn visit(cells: &mut Cells, at: u32, previous: Previous, next: Option<u32>) {
        *cells.entry((at, previous)).or_default() += 1;
        if let Some(next) = next {
            *cells.entry((next, previous)).or_default() -= 1;
            *cells.entry((next, Previous::At(at))).or_default() += 1;
        }
    }

    /// Adds the visits of one address, at ascending hours, each once, that the history does not know; `keep` gets those. If it
    /// is `unknown`, the history knows nothing at all of the address, and is not asked. Tells whether it came as new.
    pub(crate) fn add<A: Address>(
        &mut self,
        history: &Snapshot,
        (address, unknown): (A, bool),
        hours: &[Hour],
        mut keep: impl FnMut(Hour),
    ) -> Came {
        let (mut last, mut came): (Option<Hour>, _) = (None, Came::New);
        let mut earliest = Previous::Never;
        // It was kept when it was accepted; now it is remembered as having come.
        if let Some(hour) = hours.iter().find(|hour| !history.floors.keep(**hour)) {
            earliest = Previous::Before;
            let known = if unknown { Previous::Never } else { history.day_before(address, history.floors.day) };
            if known == Previous::Never {
                keep(*hour);
                came = if unknown { Came::New } else { self.add_before(history, address) };
            } else {
                came = Came::Again;
            }
        }
        let mut known: Option<Known<'_, A>> = None;
        for hour in hours.iter().copied().filter(|hour| history.floors.keep(*hour)) {
            let day = hour.day();
            let known = match &mut known {
                Some(known) if known.day == day => known,
                known => known.insert(Known::new(history, address, day, unknown)),
            };
            if known.has(hour) {
                came = Came::Again;
                continue;
            }
            self.add_to_hours(history, known, hour, (last, earliest));
            if known.has_day {
                came = Came::Again;
            } else if last.is_none_or(|last| last.day() != day) {
                let earlier = last.map_or(earliest, |last| Previous::At(last.day().0));
                let (before, after) = (known.day_before(), known.day_after());
                if before != Previous::Never || after.is_some() {
                    came = Came::Again;
                }
                Self::visit(&mut self.days, day.0, earlier.max(before), after.map(|day| day.0));
            }
            last = Some(hour);
            keep(hour);
        }
        came
    }

    fn add_to_hours<A: Address>(
        &mut self,
        history: &Snapshot,
        known: &mut Known<'_, A>,
        hour: Hour,
        (last, earliest): (Option<Hour>, Previous),
    ) {
        let floor = history.floors.hour;
        if hour >= floor {
            let earlier = match last {
                None => earliest,
                Some(last) if last < floor => Previous::Before,
                Some(last) => Previous::At(last.0),
            };
            let (before, after) = (known.hour_before(hour), known.hour_after(hour));
            Self::visit(&mut self.hours, hour.0, earlier.max(before), after.map(|hour| hour.0));
        } else if last.is_none() && earliest == Previous::Never && !known.nothing {
            self.add_before_hours(history, known.address);
        }
    }

    /// An address came before the days that are told apart, which was not known.
    fn add_before<A: Address>(&mut self, history: &Snapshot, address: A) -> Came {
        let Some(first) = history.first_day(address) else { return Came::New };
        Self::came_before(&mut self.days, first.0);
        self.add_before_hours(history, address);
        Came::Again
    }

    /// An address came before the hours that are told apart. If that was not known, it is now.
    fn add_before_hours<A: Address>(&mut self, history: &Snapshot, address: A) {
        let floor = history.floors.hour.day();
        if history.day_before(address, floor) == Previous::Never
            && let Some(first) = Known::new(history, address, floor, false).first_hour()
        {
            Self::came_before(&mut self.hours, first.0);
        }
    }

    /// What was taken for the first visit of an address is not.
    fn came_before(cells: &mut Cells, first: u32) {
        *cells.entry((first, Previous::Never)).or_default() -= 1;
        *cells.entry((first, Previous::Before)).or_default() += 1;
    }

    /// What adding all visits of an address, none of them known before, would change.
    pub(crate) fn of_all<A: Address>(history: &Snapshot, address: A) -> Self {
        let mut deltas = Self::default();
        deltas.add_all(history, address);
        deltas
    }

    /// Adds what [`Self::of_all`] tells of an address.
    pub(crate) fn add_all<A: Address>(&mut self, history: &Snapshot, address: A) {
        let came_before = history.day_before(address, history.floors.day);
        let (mut last_day, mut last_hour) = (came_before, came_before);
        let mut next = history.first_day(address);
        while let Some(day) = next {
            Self::visit(&mut self.days, day.0, last_day, None);
            last_day = Previous::At(day.0);
            if day < history.floors.hour.day() {
                last_hour = Previous::Before;
            } else {
                let mask = history.hours_of(address, day);
                for bit in (0..24).filter(|bit| mask & 1 << bit != 0) {
                    let hour = day.first_hour().0 + bit;
                    Self::visit(&mut self.hours, hour, last_hour, None);
                    last_hour = Previous::At(hour);
                }
            }
            next = history.day_after(address, day);
        }
    }
}

/// Takes visits in: the changes of the matrices, and a segment for each hour with what was not known. Those that lie before
/// the hours that are told apart become segments of their months; those before the days, a segment of all that came before.
pub(crate) fn absorb(
    history: &Snapshot,
    batches: &[Batch],
    awaited: &mut Awaited,
) -> Result<(Deltas, Vec<Segment>), SegmentError> {
    let (mut deltas, mut fresh) = (Deltas::default(), Fresh::default());
    let mut hours: Vec<Hour> = Vec::new();
    let mut v4 = sorted_v4(batches);
    v4.dedup_by_key(|visit| *visit >> 1);
    for visits in v4.chunk_by(|a, b| a >> 32 == b >> 32) {
        let Some(address) = visits.first().map(|visit| (*visit >> 32) as u32) else { continue };
        hours.clear();
        hours.extend(visits.iter().map(|visit| Hour((*visit as u32) >> 1)));
        let is_first = visits.iter().any(|visit| visit & 1 == 0);
        let unknown = is_first && !awaited.remove(&address);
        let keep = |hour| fresh.v4.entry(hour).or_default().push(address);
        if deltas.add(history, (address, unknown), &hours, keep) == Came::New && !is_first {
            awaited.insert(address);
        }
    }
    let mut v6: Vec<(u128, Hour)> =
        batches.iter().flat_map(|batch| batch.v6.iter().map(|a| (*a, Hour(batch.hour)))).collect();
    v6.sort_unstable();
    for visits in v6.chunk_by(|a, b| a.0 == b.0) {
        let Some((address, _)) = visits.first() else { continue };
        hours.clear();
        hours.extend(visits.iter().map(|(_, hour)| *hour));
        hours.dedup();
        deltas.add(history, (*address, false), &hours, |hour| fresh.v6.entry(hour).or_default().push(*address));
    }
    Ok((deltas, fresh.into_segments(history.floors, history.tenant.0)?))
}

/// Address, hour, and 0 if it came for the first time, in one number each.
fn sorted_v4(batches: &[Batch]) -> Vec<u64> {
    let mut all = Vec::with_capacity(batches.iter().map(|batch| batch.v4.len()).sum());
    for batch in batches {
        let mut first = batch.first.iter().peekable();
        for address in &batch.v4 {
            let known = first.next_if_eq(&address).is_none();
            all.push(u64::from(*address) << 32 | u64::from(batch.hour) << 1 | u64::from(known));
        }
    }
    all.sort_unstable();
    all
}

// === impl Fresh ===

impl Fresh {
    fn into_segments(mut self, floors: Floors, tenant: u32) -> Result<Vec<Segment>, SegmentError> {
        let mut segments = Vec::new();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for hour in self.hours().into_iter().filter(|hour| !floors.keep(*hour)) {
            v4.append(&mut self.v4.remove(&hour).unwrap_or_default());
            v6.append(&mut self.v6.remove(&hour).unwrap_or_default());
        }
        if !v4.is_empty() || !v6.is_empty() {
            v4.sort_unstable();
            v6.sort_unstable();
            segments.push(segment(tenant, Span::Before, (&v4, &[]), (&v6, &[]))?);
        }
        let late: Vec<Hour> = self.hours().into_iter().filter(|hour| *hour < floors.hour).collect();
        let mut months: BTreeMap<u32, Months> = BTreeMap::new();
        for hour in late {
            let (day, month) = (hour.day(), months.entry(hour.day().month().0).or_default());
            let bit = 1 << day.of_month();
            for address in self.v4.remove(&hour).unwrap_or_default() {
                *month.v4.entry(address).or_default() |= bit;
            }
            for address in self.v6.remove(&hour).unwrap_or_default() {
                *month.v6.entry(address).or_default() |= bit;
            }
        }
        for (month, visits) in months {
            segments.push(visits.into_segment(tenant, Span::Month(crate::Month(month)))?);
        }
        for hour in self.hours() {
            let v4 = self.v4.remove(&hour).unwrap_or_default();
            let v6 = self.v6.remove(&hour).unwrap_or_default();
            segments.push(segment(tenant, Span::Hour(hour), (&v4, &[]), (&v6, &[]))?);
        }
        Ok(segments)
    }

    fn hours(&self) -> BTreeSet<Hour> {
        self.v4.keys().chain(self.v6.keys()).copied().collect()
    }
}

/// Days of a month, by address.
#[derive(Default)]
struct Months {
    v4: BTreeMap<u32, u32>,
    v6: BTreeMap<u128, u32>,
}

// === impl Months ===

impl Months {
    fn into_segment(self, tenant: u32, span: Span) -> Result<Segment, SegmentError> {
        let (v4, masks): (Vec<_>, Vec<_>) = self.v4.into_iter().unzip();
        let (v6, masks_v6): (Vec<_>, Vec<_>) = self.v6.into_iter().unzip();
        segment(tenant, span, (&v4, &masks), (&v6, &masks_v6))
    }
}

/// A segment in memory, of ascending addresses. Without masks, each is 1.
pub(crate) fn segment(
    tenant: u32,
    span: Span,
    (v4, masks): (&[u32], &[u32]),
    (v6, masks_v6): (&[u128], &[u32]),
) -> Result<Segment, SegmentError> {
    const MEMORY: &str = "memory takes what is written to it";
    let mut writer = SegmentWriter::new(Vec::new(), tenant, span);
    let (mut suffixes, mut at) = (Vec::new(), 0);
    for block in v4.chunk_by(|a, b| a >> 16 == b >> 16) {
        suffixes.clear();
        suffixes.extend(block.iter().map(|address| *address as u16));
        let masks = masks.get(at..at + block.len()).unwrap_or_default();
        writer.push_v4((block[0] >> 16) as u16, &suffixes, masks).expect(MEMORY);
        at += block.len();
    }
    for (at, address) in v6.iter().enumerate() {
        writer.push_v6(*address, masks_v6.get(at).copied().unwrap_or(1)).expect(MEMORY);
    }
    let (bytes, _) = writer.finish().expect(MEMORY);
    Segment::open(bytes.into())
}
