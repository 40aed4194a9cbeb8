//! What the history's thread does beside taking visits in, and what must not be seen of it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tallygate_disk::{Disk, Simulated};
use tallygate_event::TenantId;
use tallygate_index::journal::Durability;
use tallygate_index::query::Range;
use tallygate_index::visits::{Inspection, Options, Scratch};
use tallygate_index::{Day, Granularity, Hour, Ipv6Policy, Visits};

use crate::support::{OfDefault, Random};

const PATIENCE: Duration = Duration::from_secs(60);

fn clock() -> Arc<AtomicI64> {
    let day = Day::of_civil(2026, 5, 15).expect("is a date");
    Arc::new(AtomicI64::new(Hour(day.first_hour().0 + 12).unix_ms()))
}

fn now(clock: &Arc<AtomicI64>) -> Hour {
    Hour::of_unix_ms(clock.load(Ordering::Relaxed)).expect("is in range")
}

fn options(clock: &Arc<AtomicI64>) -> Options {
    let clock = Arc::clone(clock);
    Options { clock: Arc::new(move || clock.load(Ordering::Relaxed)), ..Options::default() }
}

fn open(disk: &Simulated, options: Options) -> Visits {
    let opened = Visits::open(Arc::new(disk.clone()), options, Arc::new(()));
    opened.expect("what it wrote itself can be opened").0
}

fn write(visits: &Visits, hour: Hour, v4: &[u32], v6: &[u128]) {
    let mut scratch = Scratch::default();
    let mut write = visits.of_default().write(&mut scratch);
    write.add(hour, v4, v6).expect("is kept");
    write.finish().expect("can be written").map_or(Ok(()), |ticket| visits.wait(ticket)).expect("becomes durable");
}

fn used(disk: &Simulated) -> u64 {
    let names = disk.list().expect("the disk works");
    names.iter().map(|name| disk.read(name).expect("the disk works").len() as u64).sum()
}

fn segments(disk: &Simulated) -> usize {
    disk.list().expect("the disk works").iter().filter(|name| name.starts_with("segment-")).count()
}

#[test]
fn a_disk_that_is_too_full_for_the_segments_keeps_what_room_it_has() {
    let (clock, disk, mut random) = (clock(), Simulated::new(1), Random(1));
    let visits = open(&disk, options(&clock));
    for ago in 0..6 {
        let addresses: Vec<u32> = (0..50_000).map(|_| random.next() as u32).collect();
        write(&visits, Hour(now(&clock).0 - ago), &addresses, &[]);
    }
    let before = used(&disk);
    disk.full(before + 300_000);
    for round in 0..4 {
        visits.flush().expect_err("there is no room");
        assert_eq!(segments(&disk), 0, "round {round}");
        write(&visits, now(&clock), &[0x0101_0000 + round], &[]);
    }
    let unique = visits.of_default().unique();
    disk.full(before + 4_000_000);
    visits.flush().expect("there is room");
    drop(visits);
    assert_eq!(open(&disk, options(&clock)).of_default().unique(), unique);
}

#[test]
fn what_a_crash_left_behind_is_removed_at_the_next_start() {
    let (clock, disk) = (clock(), Simulated::new(1));
    let visits = open(&disk, options(&clock));
    write(&visits, now(&clock), &[1], &[]);
    visits.flush().expect("the disk works");
    drop(visits);
    let mut file = disk.create("segment-0000000077").expect("the disk works");
    file.write_all(b"half a segment").expect("the disk works");
    drop(file);
    let visits = open(&disk, options(&clock));
    let start = Instant::now();
    while segments(&disk) > 1 {
        assert!(start.elapsed() < PATIENCE, "it is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(visits.of_default().unique(), 1);
}

/// A tool that opens a history for a moment need not know how it is kept.
#[test]
fn a_history_that_is_opened_as_it_was_kept_stays_as_it_is() {
    let (clock, disk) = (clock(), Simulated::new(1));
    let today = now(&clock).day();
    let ages = [0, 500, 1_000, 2_000];
    let ipv6 = Ipv6Policy { granularity: Granularity::Prefix48, ..Ipv6Policy::default() };
    let own = || Options { retention: 3_660, ipv6, ..options(&clock) };
    let visits = open(&disk, own());
    for age in ages {
        write(&visits, Hour(now(&clock).0 - age * 24), &[age], &[u128::from(age + 1) << 80 | 7]);
    }
    visits.maintain().expect("the disk works");
    drop(visits);

    let tool = || Options { as_kept: true, ..options(&clock) };
    let visits = open(&disk, tool());
    assert_eq!(visits.of_default().forget(&[Ipv4Addr::new(203, 0, 113, 99).into()]).expect("the disk works"), 0);
    assert_eq!(
        visits.of_default().forget(&[std::net::Ipv6Addr::from_bits(501 << 80 | 9).into()]).expect("the disk works"),
        1
    );
    drop(visits);

    let (inspection, _) = Inspection::open(&disk, options(&clock)).expect("can be read");
    let whole = Range::days(Day(today.0 - 2_000), today);
    assert_eq!(
        inspection.view(TenantId::DEFAULT).expect("is kept").distinct(whole).map(|counts| counts.distinct),
        Ok(7)
    );
    let visits = open(&disk, own());
    assert_eq!(visits.of_default().view().distinct(whole).map(|counts| counts.distinct), Ok(7));
    assert_eq!(visits.of_default().unique(), 7);
}

/// Without a journal of its own, it still has the files that the process before wrote.
#[test]
fn what_is_forgotten_is_in_no_journal_either() {
    let (clock, disk) = (clock(), Simulated::new(1));
    let gone = 0xdead_beef_u32;
    let visits = open(&disk, options(&clock));
    write(&visits, now(&clock), &[gone], &[]);
    let disk = disk.kill();
    drop(visits);
    let visits = open(&disk, Options { durability: Durability::Memory, ..options(&clock) });
    let has_it = |name: &String| {
        let content = disk.read(name).expect("the disk works");
        content.windows(4).any(|window| window == gone.to_le_bytes())
    };
    assert!(disk.list().expect("the disk works").iter().any(has_it));
    assert_eq!(visits.of_default().forget(&[Ipv4Addr::from_bits(gone).into()]).expect("the disk works"), 1);
    assert!(!disk.list().expect("the disk works").iter().any(has_it));
}

#[test]
fn what_is_closed_acknowledges_nothing() {
    for durability in [Durability::Fsync, Durability::Interval(Duration::from_secs(1))] {
        let (clock, disk) = (clock(), Simulated::new(1));
        let visits = open(&disk, Options { durability, ..options(&clock) });
        write(&visits, now(&clock), &[1], &[]);
        visits.close();
        let mut scratch = Scratch::default();
        assert!(visits.of_default().write(&mut scratch).add(now(&clock), &[2], &[]).is_err());
    }
}

#[test]
fn a_tool_begins_no_history() {
    let (clock, disk) = (clock(), Simulated::new(1));
    let tool = Options { as_kept: true, ..options(&clock) };
    assert!(Visits::open(Arc::new(disk.clone()), tool, Arc::new(())).is_err());
    assert!(Inspection::open(&disk, options(&clock)).is_err());
    assert!(disk.list().expect("the disk works").is_empty());
}

#[test]
fn what_is_acknowledged_is_found_at_once_while_hours_are_closed() {
    let (clock, disk) = (clock(), Simulated::new(1));
    let visits = open(&disk, Options { durability: Durability::Memory, ..options(&clock) });
    let (late, ended) = (Hour(now(&clock).0 - 3), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2_u32)
            .map(|thread| {
                let visits = &visits;
                scope.spawn(move || {
                    for n in 0..4_000 {
                        let addresses: Vec<u32> = (0..64).map(|k| thread << 30 | (n * 64 + k)).collect();
                        write(visits, late, &addresses, &[]);
                        let (view, last) = (visits.of_default().view_now(), Ipv4Addr::from_bits(addresses[63]));
                        let found = view.visited(last.into(), view.all()).expect("is kept");
                        assert_eq!(found.days, [late.day()], "{last}");
                    }
                })
            })
            .collect();
        let maintainer = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                visits.maintain().expect("the disk works");
            }
        });
        let ends: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        ended.store(true, Ordering::Relaxed);
        maintainer.join().expect("the disk works");
        ends.into_iter().for_each(|end| end.expect("each is found"));
    });
}
