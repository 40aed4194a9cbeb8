//! A plain model of visits, and every kind of question compared with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tallygate_index::query::{Bucket, HourOrDay, Network, Range, View};
use tallygate_index::{Counts, Day, Hour};

/// Visits, as plainly as can be.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) visits: BTreeMap<IpAddr, BTreeSet<Hour>>,
    /// Addresses that came before the oldest day.
    pub(crate) before: BTreeSet<IpAddr>,
    pub(crate) oldest: u32,
}

// === impl Model ===

impl Model {
    /// What a history says of each address by itself, if all of it is recent. Counts must follow from that.
    pub(crate) fn read(view: &View<'_>) -> Self {
        let mut model = Self { oldest: view.oldest_day().0, ..Self::default() };
        let all = view.each(view.all(), |address| {
            let hours = view.hours(address, view.all()).expect("is kept");
            model.visits.insert(address, hours.into_iter().collect());
            Ok::<_, ()>(())
        });
        all.expect("is kept").expect("goes through");
        model
    }

    pub(crate) fn forget_days_before(&mut self, day: Day) {
        self.oldest = day.0;
        for (address, hours) in &mut self.visits {
            let kept = hours.split_off(&day.first_hour());
            if !hours.is_empty() {
                self.before.insert(*address);
            }
            *hours = kept;
        }
        self.visits.retain(|_, hours| !hours.is_empty());
    }

    pub(crate) fn ever(&self) -> u64 {
        self.visits.keys().chain(&self.before).collect::<BTreeSet<_>>().len() as u64
    }

    pub(crate) fn within(&self, range: Range) -> impl Iterator<Item = IpAddr> {
        let came = move |hours: &BTreeSet<Hour>| hours.range(range.from..=range.to).next().is_some();
        self.visits.iter().filter(move |(_, hours)| came(hours)).map(|(address, _)| *address)
    }

    pub(crate) fn counts(&self, range: Range) -> Counts {
        let is_new = |address: &IpAddr| {
            let first = self.visits.get(address).and_then(BTreeSet::first);
            !self.before.contains(address) && first.is_some_and(|first| (range.from..=range.to).contains(first))
        };
        let all: Vec<IpAddr> = self.within(range).collect();
        Counts { distinct: all.len() as u64, new: all.iter().filter(|address| is_new(address)).count() as u64 }
    }

    /// Compares every kind of question about a range, and about an address within it, with what a view says.
    pub(crate) fn compare(&self, view: &View<'_>, range: Range, address: IpAddr) {
        self.compare_counts(view, range);
        for bucket in [Bucket::Day, Bucket::Week, Bucket::Month] {
            range.buckets(bucket).take(40).for_each(|part| self.compare_counts(view, part));
        }
        let mut each = Vec::new();
        let all = view.each(range, |address| {
            each.push(address);
            Ok::<_, ()>(())
        });
        all.expect("is kept").expect("goes through");
        assert_eq!(each, self.within(range).collect::<Vec<_>>(), "{range:?}");

        let came = self.visits.get(&address).map(|hours| hours.range(range.from..=range.to).copied());
        let came: Vec<Hour> = came.into_iter().flatten().collect();
        let mut days: Vec<Day> = came.iter().map(|hour| hour.day()).collect();
        days.dedup();
        let moment = |hour: &Hour| {
            if *hour < view.oldest_hour() { HourOrDay::Day(hour.day()) } else { HourOrDay::Hour(*hour) }
        };
        let visited = view.visited(address, range).expect("is kept");
        assert_eq!(visited.days, days, "{address} in {range:?}");
        assert_eq!((visited.first, visited.last), (came.first().map(moment), came.last().map(moment)));
        let hours: Vec<Hour> = came.into_iter().filter(|hour| *hour >= view.oldest_hour()).collect();
        assert_eq!(view.hours(address, range).expect("is kept"), hours);

        for prefix in [if address.is_ipv4() { 16 } else { 64 }, 30] {
            self.compare_network(view, range, Network::of(address, prefix).expect("is a prefix"));
        }
        let top = view.top(range, (16, 64), 3).expect("is kept");
        let mut networks: BTreeMap<Network, u64> = BTreeMap::new();
        for address in self.within(range) {
            let network = Network::of(address, if address.is_ipv4() { 16 } else { 64 });
            *networks.entry(network.expect("is a prefix")).or_default() += 1;
        }
        let mut expected: Vec<_> = networks.into_iter().collect();
        expected.sort_by_key(|(network, count)| (std::cmp::Reverse(*count), *network));
        expected.truncate(3);
        assert_eq!(top.into_iter().map(|top| (top.network, top.distinct)).collect::<Vec<_>>(), expected);
    }

    pub(crate) fn compare_network(&self, view: &View<'_>, range: Range, network: Network) {
        let inside = |address: &IpAddr| Network::of(*address, network.prefix) == Some(network);
        let expected = self.within(range).filter(inside).count();
        assert_eq!(view.distinct_in(network, range), Ok(expected as u64), "{network:?} in {range:?}");
    }

    pub(crate) fn compare_counts(&self, view: &View<'_>, range: Range) {
        // A part of the range may cut a day, or the history may have let go of it a moment ago.
        if let Ok(counts) = view.distinct(range) {
            assert_eq!(counts, self.counts(range), "{range:?}");
        }
    }
}
