//! What was sent, what was acknowledged, what was forgotten: and what a history must, may and must not have therefore.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tallygate_index::query::{Bucket, Range, View};
use tallygate_index::{Hour, Visits};

use super::model::Model;
use crate::support::OfDefault;

/// What a client and an operator know.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    addresses: BTreeMap<IpAddr, Known>,
}

/// What they know of one address.
#[derive(Clone, Default)]
struct Known {
    sent: BTreeSet<Hour>,
    acknowledged: BTreeSet<Hour>,
    /// Of an attempt to forget it that failed: what was acknowledged before. All of it is there, or it has come to nothing but
    /// what was sent since.
    doubtful: Option<BTreeSet<Hour>>,
    sent_since: BTreeSet<Hour>,
}

/// Which history is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// That of the process that was told everything: nothing is in doubt.
    Live,
    /// What another process found.
    Again,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn sent(&mut self, address: IpAddr, hour: Hour) {
        let known = self.addresses.entry(address).or_default();
        known.sent.insert(hour);
        known.sent_since.insert(hour);
    }

    pub(crate) fn acknowledged(&mut self, address: IpAddr, hour: Hour) {
        self.addresses.entry(address).or_default().acknowledged.insert(hour);
    }

    pub(crate) fn forgotten(&mut self, address: IpAddr) {
        self.addresses.remove(&address);
    }

    pub(crate) fn not_forgotten(&mut self, address: IpAddr) {
        if let Some(known) = self.addresses.get_mut(&address) {
            let acknowledged = std::mem::take(&mut known.acknowledged);
            known.doubtful.get_or_insert_default().extend(acknowledged);
            known.sent_since.clear();
        }
    }

    /// Everything that was sent and not acknowledged, of hours that are kept.
    pub(crate) fn unacknowledged(&self, visits: &Visits) -> Vec<(Hour, IpAddr)> {
        let of = |(address, known): (&IpAddr, &Known)| {
            let open = known.sent.difference(&known.acknowledged).copied();
            open.map(|hour| (hour, *address)).collect::<Vec<_>>()
        };
        let all = self.addresses.iter().flat_map(of);
        all.filter(|(hour, _)| visits.of_default().keeps(*hour)).collect()
    }

    /// Checks that what is there is what must be, and not what must not be; that every count follows from it; and gives it.
    pub(crate) fn check(&self, visits: &Visits, found: Found) -> Model {
        let view = visits.of_default().view();
        let mut model = Model { oldest: view.oldest_day().0, ..Model::default() };
        let mut unsure = false;
        let mut each = BTreeSet::new();
        let all = view.each(view.all(), |address| {
            each.insert(address);
            Ok::<_, ()>(())
        });
        all.expect("is kept").expect("goes through");
        assert!(each.iter().all(|address| self.addresses.contains_key(address)), "invented or not forgotten: {each:?}");
        for (address, known) in &self.addresses {
            let there = known.check(*address, &view, found);
            let is_old = |hours: &BTreeSet<Hour>| hours.first().is_some_and(|first| first.day() < view.oldest_day());
            let came_before = if there.is_empty() {
                visits.of_default().ever().contains(*address)
            } else {
                unsure |= is_old(&known.sent) && !is_old(&known.acknowledged);
                is_old(&known.acknowledged)
            };
            assert!(
                !is_old(&known.acknowledged) || visits.of_default().ever().contains(*address),
                "{address} came long ago"
            );
            assert!(!came_before || is_old(&known.sent), "{address} did not come before {:?}", view.oldest_day());
            if came_before {
                model.before.insert(*address);
            }
            if !there.is_empty() {
                model.visits.insert(*address, there);
            }
        }
        assert_eq!(visits.of_default().unique(), model.ever());
        if !unsure {
            check_counts(&model, &view);
        }
        model
    }
}

// === impl Known ===

impl Known {
    /// When the address came, according to the view; to the day where that is all that is kept.
    fn check(&self, address: IpAddr, view: &View<'_>, found: Found) -> BTreeSet<Hour> {
        let range = view.all();
        let (oldest_day, oldest_hour) = (view.oldest_day(), view.oldest_hour());
        let days = view.visited(address, range).expect("is kept").days;
        let hours = view.hours(address, range).expect("is kept");
        let of_days = days.into_iter().filter(|day| *day < oldest_hour.day()).map(|day| day.first_hour());
        let there: BTreeSet<Hour> = of_days.chain(hours).collect();

        let told = |hour: &Hour| if *hour < oldest_hour { hour.day().first_hour() } else { *hour };
        let kept = |hours: &BTreeSet<Hour>| -> BTreeSet<Hour> {
            hours.iter().filter(|hour| hour.day() >= oldest_day).map(told).collect()
        };
        let (sent, acknowledged) = (kept(&self.sent), kept(&self.acknowledged));
        let missing: Vec<_> = acknowledged.difference(&there).collect();
        assert!(missing.is_empty(), "{found:?}: {address} was acknowledged at {missing:?}; found are {there:?}");
        let invented: Vec<_> = there.difference(&sent).collect();
        assert!(invented.is_empty(), "{found:?}: {address} did not come at {invented:?}");
        if let Some(doubtful) = &self.doubtful {
            let whole = there.is_superset(&kept(doubtful));
            let gone = found == Found::Again && there.is_subset(&kept(&self.sent_since));
            assert!(whole || gone, "{found:?}: {address} is half forgotten: of {doubtful:?} there are {there:?}");
        }
        there
    }
}

/// Every day, every hour of days with something in them, and several ranges.
fn check_counts(model: &Model, view: &View<'_>) {
    let all = view.all();
    let addresses: Vec<IpAddr> = model.visits.keys().copied().collect();
    let Some(address) = addresses.first().copied() else { return };
    model.compare(view, all, address);
    for bucket in [Bucket::Day, Bucket::Week, Bucket::Month] {
        all.buckets(bucket).for_each(|part| model.compare_counts(view, part));
    }
    let hours: BTreeSet<Hour> = model.visits.values().flatten().copied().collect();
    let recent: Vec<Hour> = hours.into_iter().filter(|hour| *hour >= view.oldest_hour()).collect();
    for (at, from) in recent.iter().enumerate() {
        for to in recent.iter().skip(at).step_by(3) {
            model.compare_counts(view, Range { from: *from, to: *to });
        }
    }
}
