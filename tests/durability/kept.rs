//! What a data directory has, read without the gateway.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use tallygate_disk::Folder;
use tallygate_event::TenantId;
use tallygate_index::Hour;
use tallygate_index::visits::{Inspection, Options};

pub(super) type Visit = (Hour, IpAddr);

/// Every visit in a data directory of a gateway that has ended, and how many addresses came ever. Nothing is changed there.
pub(super) fn visits(data: &Path) -> (BTreeSet<Visit>, u64) {
    let folder = Folder::open_to_read(data.join("visits")).expect("the visits are there");
    let (visits, _) =
        Inspection::open(&folder, Options { accept_damage: true, ..Options::default() }).expect("it can be read");
    let (view, ever) = (visits.view(TenantId::DEFAULT), visits.ever(TenantId::DEFAULT));
    let (view, ever) = (view.expect("is kept"), ever.expect("is kept").len());
    let mut addresses = Vec::new();
    let all = view.each(view.all(), |address| {
        addresses.push(address);
        Ok::<_, ()>(())
    });
    all.expect("is kept").expect("goes through");
    let mut found = BTreeSet::new();
    for address in addresses {
        let hours = view.hours(address, view.all()).expect("is kept");
        found.extend(hours.into_iter().map(|hour| (hour, address)));
    }
    // Every address has been looked up on its own; the counts must say the same.
    let distinct = view.distinct(view.all()).expect("is kept").distinct;
    let expected: BTreeSet<IpAddr> = found.iter().map(|(_, address)| *address).collect();
    assert_eq!((distinct, ever), (expected.len() as u64, expected.len() as u64));
    (found, ever)
}

/// The current hour.
pub(super) fn now() -> Hour {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is right").as_millis();
    Hour::of_unix_ms(i64::try_from(now).expect("the clock is right")).expect("the clock is right")
}

/// The beginning of an hour, as logs write it.
pub(super) fn timestamp(hour: Hour) -> String {
    let (year, month, day) = hour.day().civil();
    format!("{year:04}-{month:02}-{day:02}T{:02}:00:00Z", hour.of_day())
}

/// A record of a visit.
pub(super) fn record((hour, address): &Visit) -> String {
    format!("{{\"ip\":\"{address}\",\"timestamp\":\"{}\"}}\n", timestamp(*hour))
}
