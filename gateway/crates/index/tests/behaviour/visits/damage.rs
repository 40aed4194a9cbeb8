//! What is lost to damage is told, never passed over; what is whole goes on exactly.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tallygate_disk::{Disk, Simulated};
use tallygate_index::journal::Durability;
use tallygate_index::query::Bucket;
use tallygate_index::visits::{Inspection, Opened, Options, Scratch, VisitsError};
use tallygate_index::{Damage, DamageKind, Day, Hour, Visits};

use super::model::Model;
use crate::support::OfDefault;

fn today() -> Day {
    Day::of_civil(2026, 5, 15).expect("is a date")
}

fn options() -> Options {
    let clock = Arc::new(AtomicI64::new(Hour(today().first_hour().0 + 12).unix_ms()));
    Options { clock: Arc::new(move || clock.load(Ordering::Relaxed)), ..Options::default() }
}

fn accepting() -> Options {
    Options { accept_damage: true, ..options() }
}

fn open(disk: &Simulated, options: Options) -> Result<(Visits, Opened), VisitsError> {
    Visits::open(Arc::new(disk.clone()), options, Arc::new(()))
}

fn damage(opened: Result<(Visits, Opened), VisitsError>) -> Vec<Damage> {
    match opened.map(|_| ()) {
        Err(VisitsError::Damaged(damage)) => damage,
        other => panic!("opened although something is lost: {other:?}"),
    }
}

/// Visits of `count` addresses from one on, and of one IPv6 address, so many days and hours ago.
fn write(visits: &Visits, (days, hours): (u32, u32), (first, count): (u32, u32)) {
    let mut scratch = Scratch::default();
    let mut write = visits.of_default().write(&mut scratch);
    let hour = Hour(today().first_hour().0 + 12 - days * 24 - hours);
    let v4: Vec<u32> = (first..first + count).map(|n| 0xc000_0200 + n * 300).collect();
    write.add(hour, &v4, &[0x2001_0db8 << 96 | u128::from(first)]).expect("is kept");
    write.finish().expect("can be written").map_or(Ok(()), |ticket| visits.wait(ticket)).expect("becomes durable");
}

/// Months, days, hours and a journal, whose addresses overlap; as a killed process leaves them.
fn story() -> Simulated {
    let disk = Simulated::new(1);
    let (visits, _) = open(&disk, options()).expect("an empty disk");
    for days in 1..40 {
        write(&visits, (days, days % 5), (days * 7, 20));
        write(&visits, (days, 3), (0, 9));
    }
    visits.maintain().expect("the disk works");
    for hours in 0..4 {
        write(&visits, (0, hours), (hours * 50, 70));
    }
    visits.flush().expect("the disk works");
    write(&visits, (0, 1), (1_000, 30));
    write(&visits, (2, 1), (1_020, 30));
    disk.kill()
}

/// Counts must follow from what the history says of each address. Where the hours of a day are lost and its month has the day,
/// the days alone are known.
fn check(visits: &Visits) {
    let view = visits.of_default().view();
    let (by_hour, mut by_day, all) = (Model::read(&view), Model::default(), view.all());
    for address in by_hour.visits.keys() {
        let days = view.visited(*address, all).expect("is kept").days;
        by_day.visits.insert(*address, days.into_iter().map(|day| day.first_hour()).collect());
    }
    assert_eq!(visits.of_default().unique(), by_day.ever());
    by_day.compare_counts(&view, all);
    for bucket in [Bucket::Day, Bucket::Month] {
        all.buckets(bucket).for_each(|part| by_day.compare_counts(&view, part));
    }
    for part in all.buckets(Bucket::Hour) {
        let told = view.distinct(part).map(|counts| counts.distinct);
        assert!(told.is_err() || told == Ok(by_hour.counts(part).distinct), "{part:?}: {told:?}");
    }
}

fn put(disk: &Simulated, name: &str, bytes: &[u8]) {
    let mut file = disk.create(name).expect("the disk works");
    file.write_all(bytes).expect("the disk works");
    file.sync().expect("the disk works");
}

/// Everything that can happen to one file, and what it is to be called.
fn harms(whole: &Simulated, name: &str, other: &str) -> Vec<(Simulated, Option<DamageKind>)> {
    let is_journal = name.starts_with("journal-");
    let (removed, flipped, replaced) = (whole.kill(), whole.kill(), whole.kill());
    removed.remove(name).expect("it is there");
    let mut bytes = whole.read(name).expect("it is there").to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    put(&flipped, name, &bytes);
    let missing = if is_journal { DamageKind::JournalMissing } else { DamageKind::SegmentMissing };
    let hole = if is_journal { DamageKind::JournalHole } else { DamageKind::SegmentDamaged };
    let mut harms = vec![(removed, Some(missing)), (flipped, Some(hole))];
    if !is_journal {
        put(&replaced, name, &whole.read(other).expect("it is there"));
        harms.push((replaced, Some(DamageKind::SegmentReplaced)));
    }
    harms
}

#[test]
fn whatever_file_is_lost_is_told_and_the_rest_goes_on_exactly() {
    let whole = story();
    let mut names = whole.list().expect("the disk works");
    names.retain(|name| name.starts_with("segment-") || name.starts_with("journal-"));
    names.sort();
    // One that counts no more may be removed by a process that starts.
    let (visits, opened) = open(&whole.kill(), options()).expect("it is whole");
    assert_eq!(opened.damage, []);
    let unharmed = visits.of_default().unique();
    drop(visits);
    let segments: Vec<_> = names.iter().filter(|name| name.starts_with("segment-")).collect();
    assert!(segments.len() > 5, "{names:?}");
    for (at, name) in names.iter().enumerate() {
        let other = segments.iter().find(|other| ***other != *name).expect("there are several");
        for (disk, kind) in harms(&whole, name, other) {
            let told = damage(open(&disk, options()));
            assert_eq!(told.iter().map(|told| Some(told.kind)).collect::<Vec<_>>(), [kind], "{name}");
            assert_eq!(told[0].file, *name);
            let told_again = Inspection::open(&disk, options()).map(|_| ()).expect_err("it is damaged still");
            assert!(told_again.to_string().contains("--accept-damage"), "{told_again}");

            let durability = if at % 2 == 0 { Durability::Fsync } else { Durability::Memory };
            let (visits, opened) = open(&disk, Options { durability, ..accepting() }).expect("the rest is whole");
            assert_eq!(opened.damage, told);
            assert_eq!(opened.damage_totals.iter().sum::<u64>(), 1);
            assert!(visits.of_default().unique() <= unharmed);
            check(&visits);
            // Who was lost comes again, among others.
            for hours in 0..3 {
                write(&visits, (0, hours), (0, 200));
                write(&visits, (20, hours), (100, 300));
            }
            check(&visits);
            visits.maintain().expect("the disk works");
            check(&visits);
            drop(visits);
            let (visits, opened) = open(&disk.kill(), options()).expect("once accepted, it is no damage any more");
            assert_eq!((opened.damage, opened.damage_totals.iter().sum::<u64>()), (vec![], 1), "{name}");
            check(&visits);
        }
    }
}

#[test]
fn damage_says_what_is_lost_as_far_as_that_is_known() {
    let disk = story();
    let journal = disk.list().expect("the disk works").into_iter().filter(|name| name.starts_with("journal-")).max();
    let journal = journal.expect("there is always one");
    let mut bytes = disk.read(&journal).expect("it is there").to_vec();
    // Within the first of two frames that were synced one after the other.
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    put(&disk, &journal, &bytes);
    let told = damage(open(&disk, options()));
    let hour = |days: u32, ago: u32| Hour(today().first_hour().0 + 12 - days * 24 - ago);
    let hours = Some((hour(2, 1), hour(0, 1)));
    assert_eq!(told, [Damage { kind: DamageKind::JournalHole, file: journal.clone(), visits: Some(31), hours }]);
    let words = format!("{journal} lacks part of what was synced, and with it up to 31 visits from 2026-05-13T11 to");
    assert!(told[0].to_string().starts_with(&words), "{}", told[0]);
}

#[test]
fn all_journal_files_gone_is_damage_even_if_nothing_else_was_ever_written() {
    let disk = Simulated::new(1);
    let (visits, _) = open(&disk, options()).expect("an empty disk");
    write(&visits, (0, 0), (0, 10));
    let disk = disk.kill();
    for name in disk.list().expect("the disk works") {
        if name.starts_with("journal-") {
            disk.remove(&name).expect("it is there");
        }
    }
    assert_eq!(damage(open(&disk, options()))[0].kind, DamageKind::JournalMissing);
    let (visits, _) = open(&disk, accepting()).expect("nothing is whole, too");
    assert_eq!(visits.of_default().unique(), 0);
    write(&visits, (0, 0), (0, 10));
    check(&visits);
}

/// The manifest names another tenant. Whoever opened it as one's own would remove what that tenant has.
#[test]
fn visits_of_another_tenant_are_refused_and_left_alone() {
    let disk = story();
    let manifest = disk.read("visits").expect("it is there").to_vec();
    let mut body = manifest[16..].to_vec();
    // Granularity, next file and first journal file, then six numbers about damage and tenants, of one byte each.
    let tenant = 3 + 1 + DamageKind::ALL.len() + 1;
    assert_eq!(body[tenant], 0, "the number of the tenant");
    body[tenant] = 1;
    let mut changed = manifest[..12].to_vec();
    changed.extend(crc32c::crc32c(&body).to_le_bytes());
    changed.extend(body);
    put(&disk, "visits", &changed);
    let before = disk.list().expect("the disk works").len();
    let refused = open(&disk, accepting()).map(|_| ()).expect_err("it is somebody else's");
    assert!(refused.to_string().contains("visits of tenant 1"), "{refused}");
    assert_eq!(disk.list().expect("the disk works").len(), before);
}
