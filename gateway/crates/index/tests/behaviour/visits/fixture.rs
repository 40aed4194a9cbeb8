//! A data directory of every version ever written can be opened, and answers as it did. With `UPDATE_FIXTURES=1` in the
//! environment, one that is missing is written: [`story`] tells on a disk in memory what happened to it, and ends as if the
//! process had been killed. Those that are there never change.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tallygate_disk::{Disk, Folder, Simulated};
use tallygate_index::query::{Bucket, Range};
use tallygate_index::visits::{Opened, Options, Scratch};
use tallygate_index::{Day, Hour, Visits};

use super::RETENTION;
use super::model::Model;
use crate::support::OfDefault;

/// Every visit: days before the last of the story, the hour of that day, how many IPv4 addresses from which one on, and the
/// same for IPv6.
type Told = (u32, u32, (u32, u32), (u32, u32));

/// Those that came before the oldest day that is kept; in months; in days; in hours; in the journal alone.
const TOLD: [&[Told]; 2] = [
    &[(80, 3, (40, 0), (5, 0)), (66, 4, (60, 20), (5, 3)), (40, 5, (300, 0), (9, 0)), (30, 6, (80, 250), (3, 7))],
    &[(9, 1, (90, 300), (4, 8)), (9, 2, (50, 320), (2, 9)), (1, 22, (200, 100), (6, 2)), (0, 3, (70, 380), (7, 9))],
];
const JOURNAL: &[Told] = &[(0, 4, (25, 430), (3, 14)), (12, 7, (10, 445), (1, 20))];

fn last_day() -> Day {
    Day::of_civil(2026, 1, 20).expect("is a date")
}

fn hour(told: &Told) -> Hour {
    Hour(Day(last_day().0 - told.0).first_hour().0 + told.1)
}

fn v4(told: &Told) -> Vec<u32> {
    // In three networks, two of them sparse.
    (told.2.1..told.2.1 + told.2.0).map(|n| 0xc000_0000 | ((n % 3) << 16) | ((n * (1 + n % 3 * 50)) & 0xffff)).collect()
}

fn v6(told: &Told) -> Vec<u128> {
    (told.3.1..told.3.1 + told.3.0).map(|n| 0x2001_0db8 << 96 | u128::from(n / 4) << 64 | u128::from(n)).collect()
}

fn open(disk: Arc<dyn Disk>, clock: &Arc<AtomicI64>) -> (Visits, Opened) {
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let options = Options { retention: RETENTION, clock, patience: Duration::ZERO, ..Options::default() };
    Visits::open(disk, options, Arc::new(())).expect("what was written once can be opened for ever")
}

fn clock_at(day: Day, hour: i64) -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(day.first_hour().unix_ms() + hour * 3_600_000))
}

/// What happened.
fn story() -> Simulated {
    let disk = Simulated::default();
    let clock = clock_at(Day(last_day().0 - 20), 0);
    let (visits, _) = open(Arc::new(disk.clone()), &clock);
    let write = |told: &[Told]| {
        let mut scratch = Scratch::default();
        let mut write = visits.of_default().write(&mut scratch);
        told.iter().for_each(|told| write.add(hour(told), &v4(told), &v6(told)).expect("is kept"));
        let ticket = write.finish().expect("the disk works");
        ticket.map_or(Ok(()), |ticket| visits.wait(ticket)).expect("the disk works");
    };
    for told in TOLD {
        write(told);
        visits.maintain().expect("the disk works");
        clock.store(last_day().first_hour().unix_ms() + 5 * 3_600_000, Ordering::Relaxed);
    }
    write(JOURNAL);
    disk.kill()
}

fn model() -> Model {
    let mut model = Model::default();
    for told in TOLD.into_iter().chain([JOURNAL]).flatten() {
        let all = v4(told).into_iter().map(|address| IpAddr::from(address.to_be_bytes()));
        let all = all.chain(v6(told).into_iter().map(|address| IpAddr::from(address.to_be_bytes())));
        for address in all {
            model.visits.entry(address).or_default().insert(hour(told));
        }
    }
    model
}

/// Version 1 had neither marks in the journal nor checksums in the list of segments, which version 2 has.
const VERSIONS: [&str; 2] = ["v1", "v2"];

fn folder(version: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "behaviour", "fixtures", version].iter().collect()
}

#[test]
fn a_data_directory_of_every_version_answers_as_it_did() {
    let newest = folder(VERSIONS[VERSIONS.len() - 1]);
    if std::env::var_os("UPDATE_FIXTURES").is_some() && !newest.exists() {
        fs::create_dir_all(&newest).expect("the sources can be written");
        let disk = story();
        for name in disk.list().expect("nothing fails") {
            let content = disk.read(&name).expect("nothing fails");
            fs::write(newest.join(name), &*content).expect("the sources can be written");
        }
    }
    VERSIONS.into_iter().for_each(answers_as_it_did);
}

fn answers_as_it_did(version: &str) {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for file in fs::read_dir(folder(version)).expect("every version has a folder").flatten() {
        fs::copy(file.path(), copy.path().join(file.file_name())).expect("readable");
    }
    let clock = clock_at(last_day(), 5);
    let disk = Folder::open(copy.path()).expect("writable");
    let (visits, opened) = open(Arc::new(disk), &clock);
    let expected = Opened { segments: opened.segments, journal_visits: 39, ..Opened::default() };
    assert_eq!(opened, expected);
    assert!(opened.segments >= 5, "of months, days, hours, and before: {opened:?}");
    let mut model = model();
    let check = |model: &Model| {
        let view = visits.of_default().view();
        assert_eq!((view.oldest_day().civil(), visits.of_default().unique()), ((2025, 11, 1), model.ever()));
        assert_eq!(view.oldest_hour().day().civil(), (2025, 11, 19));
        let all = view.all();
        for address in model.visits.keys() {
            model.compare(&view, all, *address);
        }
        for bucket in [Bucket::Day, Bucket::Month] {
            all.buckets(bucket).for_each(|part| model.compare_counts(&view, part));
        }
        let recent = Range { from: Hour(all.to.0 - 24 * 45), to: all.to };
        recent.buckets(Bucket::Hour).for_each(|part| model.compare_counts(&view, part));
    };
    model.forget_days_before(Day::of_civil(2025, 11, 1).expect("is a date"));
    check(&model);
    visits.maintain().expect("it can be gone on with");
    check(&model);
}
