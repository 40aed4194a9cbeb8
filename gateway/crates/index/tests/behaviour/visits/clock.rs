//! Clocks that are wrong, and a history that is to reach further back than it did.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tallygate_disk::{Content, Disk, DiskFile, Simulated};
use tallygate_event::TenantId;
use tallygate_index::query::Range;
use tallygate_index::visits::{Inspection, Options, Scratch, VisitsError};
use tallygate_index::{Day, Hour, Visits};

use crate::support::OfDefault;

/// A disk, a clock, and how long the history is to reach back.
struct Machine {
    disk: Simulated,
    clock: Arc<AtomicI64>,
    retention: u32,
    patience: Duration,
}

/// A disk that lets something happen before the history's list of segments is written.
struct Watched {
    disk: Simulated,
    at_manifest: Mutex<Option<Box<dyn Fn() + Send>>>,
}

const YEAR: u32 = 365;

// === impl Watched ===

impl Disk for Watched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        if name.starts_with("visits")
            && let Some(happens) = &*self.at_manifest.lock().expect("nobody panics")
        {
            happens();
        }
        self.disk.create(name)
    }

    fn read(&self, name: &str) -> io::Result<Content> {
        self.disk.read(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

// === impl Machine ===

impl Machine {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let machine = Self { disk: Simulated::new(1), clock, retention: 100, patience: Duration::MAX };
        machine.set(today());
        machine
    }

    fn set(&self, day: Day) {
        self.clock.store(Hour(day.first_hour().0 + 12).unix_ms(), Ordering::Relaxed);
    }

    fn try_open(&self) -> Result<Visits, VisitsError> {
        self.open_on(Arc::new(self.disk.clone()))
    }

    fn open_on(&self, disk: Arc<dyn Disk>) -> Result<Visits, VisitsError> {
        let clock = Arc::clone(&self.clock);
        let options = Options {
            retention: self.retention,
            patience: self.patience,
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..Options::default()
        };
        Visits::open(disk, options, Arc::new(())).map(|(visits, _)| visits)
    }

    fn open(&self) -> Visits {
        self.try_open().expect("what it wrote itself can be opened")
    }
}

fn today() -> Day {
    Day::of_civil(2026, 5, 15).expect("is a date")
}

fn days_ago(days: u32) -> Day {
    Day(today().0 - days)
}

fn noon(day: Day) -> Hour {
    Hour(day.first_hour().0 + 12)
}

fn write(visits: &Visits, day: Day, addresses: &[u32]) {
    write_all(visits, day, addresses, &[]);
}

fn write_all(visits: &Visits, day: Day, v4: &[u32], v6: &[u128]) {
    let mut scratch = Scratch::default();
    let mut write = visits.of_default().write(&mut scratch);
    write.add(noon(day), v4, v6).expect("is kept");
    write.finish().expect("can be written").map_or(Ok(()), |ticket| visits.wait(ticket)).expect("becomes durable");
}

/// The addresses of each day, of some.
fn distinct(visits: &Visits, days: &[Day]) -> Vec<u64> {
    let view = visits.of_default().view();
    let count = |day: &Day| view.distinct(Range::days(*day, *day)).expect("is kept").distinct;
    days.iter().map(count).collect()
}

#[test]
fn a_start_with_the_clock_years_ahead_destroys_nothing() {
    let machine = Machine::new();
    let days = [days_ago(90), days_ago(30), today()];
    let visits = machine.open();
    days.iter().for_each(|day| write(&visits, *day, &[1, day.0]));
    visits.maintain().expect("the disk works");
    drop(visits);
    machine.set(Day(today().0 + 9 * YEAR));
    let visits = machine.open();
    // What came now would be refused, and whoever asks is told.
    assert!(visits.ready().is_err_and(|reason| reason.to_string().contains("months ahead")));
    visits.maintain().expect("the disk works");
    drop(visits);
    machine.set(today());
    let visits = machine.open();
    assert_eq!(distinct(&visits, &days), [2, 2, 2]);
    assert!(visits.of_default().view().check(Range { from: noon(days[1]), to: noon(today()) }).is_ok());
    assert_eq!(visits.ready(), Ok(()));
    write(&visits, today(), &[7]);
    assert_eq!(distinct(&visits, &days), [2, 2, 3]);
}

/// As a machine does whose clock starts anew each time, until it is set.
#[test]
fn a_clock_that_is_ahead_at_every_start_destroys_nothing() {
    let machine = Machine::new();
    let (ahead, days) = (Day(today().0 + 9 * YEAR), [days_ago(90), days_ago(30), today()]);
    machine.set(ahead);
    write(&machine.open(), ahead, &[9]);
    for _ in 0..3 {
        machine.set(today());
        let visits = machine.open();
        days.iter().for_each(|day| write(&visits, *day, &[1, day.0]));
        assert_eq!(distinct(&visits, &days), [2, 2, 2]);
        drop(visits);
        machine.set(ahead);
        machine.open().maintain().expect("the disk works");
    }
}

#[test]
fn a_leap_of_weeks_destroys_nothing_either() {
    for leap in [4, 35, 61] {
        let machine = Machine::new();
        let visits = machine.open();
        write(&visits, days_ago(90), &[1]);
        write(&visits, days_ago(61), &[1]);
        visits.maintain().expect("the disk works");
        machine.set(Day(today().0 + leap));
        visits.maintain().expect("the disk works");
        machine.set(today());
        assert_eq!(distinct(&visits, &[days_ago(90)]), [1]);
        let hours = visits.of_default().view().hours([0, 0, 0, 1].into(), visits.of_default().view().all());
        assert_eq!(hours, Ok(vec![noon(days_ago(61))]), "{leap}");
    }
}

#[test]
fn a_history_with_nothing_in_it_begins_where_the_clock_says() {
    let machine = Machine::new();
    machine.set(Day(today().0 + 9 * YEAR));
    let visits = machine.open();
    for now in [today(), Day(today().0 + 7 * YEAR), today()] {
        machine.set(now);
        visits.maintain().expect("the disk works");
        assert!(visits.of_default().keeps(noon(now)) && !visits.of_default().keeps(noon(Day(now.0 - 200))));
    }
    write(&visits, today(), &[1]);
    assert_eq!(distinct(&visits, &[today()]), [1]);
}

#[test]
fn once_it_is_forgotten_a_visit_of_a_time_that_never_was_does_no_harm() {
    let machine = Machine::new();
    let ahead = Day(today().0 + 9 * YEAR);
    machine.set(ahead);
    write(&machine.open(), ahead, &[9]);
    machine.set(today());
    let visits = machine.open();
    write(&visits, today(), &[1]);
    assert_eq!(visits.of_default().view().all().to, ahead.last_hour());
    assert_eq!(visits.of_default().forget(&[[0, 0, 0, 9].into()]).expect("the disk works"), 1);
    assert_eq!(visits.of_default().view().all().to, today().last_hour());
    // Visits of today were put to their month, as no hour could be told apart that far back. They are not known any better.
    drop(visits);
    let visits = machine.open();
    visits.of_default().forget(&[[0, 0, 0, 1].into()]).expect("the disk works");
    drop(visits);
    let visits = machine.open();
    write(&visits, today(), &[1]);
    assert_eq!(
        visits.of_default().view().hours([0, 0, 0, 1].into(), visits.of_default().view().all()),
        Ok(vec![noon(today())])
    );
}

#[test]
fn a_clock_that_stays_ahead_is_believed_in_the_end() {
    let mut machine = Machine::new();
    write(&machine.open(), today(), &[1]);
    machine.set(Day(today().0 + YEAR));
    machine.patience = Duration::ZERO;
    let visits = machine.open();
    visits.maintain().expect("the disk works");
    assert!(visits.of_default().oldest_day() > today());
    assert_eq!(visits.of_default().unique(), 1);
}

#[test]
fn a_history_that_was_begun_too_far_ahead_reaches_back() {
    let machine = Machine::new();
    machine.set(Day(today().0 + 9 * YEAR));
    drop(machine.open());
    machine.set(today());
    let visits = machine.open();
    write(&visits, days_ago(30), &[1]);
    assert_eq!(
        visits.of_default().view().hours([0, 0, 0, 1].into(), visits.of_default().view().all()),
        Ok(vec![noon(days_ago(30))])
    );
}

#[test]
fn visits_of_a_time_that_never_was_do_not_keep_those_of_today_out() {
    let machine = Machine::new();
    let ahead = Day(today().0 + 9 * YEAR);
    machine.set(ahead);
    write(&machine.open(), ahead, &[1, 2]);
    machine.set(today());
    for round in 0..2 {
        let visits = machine.open();
        write(&visits, today(), &[2, 3]);
        assert_eq!(distinct(&visits, &[today(), ahead]), [2, 2], "round {round}");
        assert_eq!(visits.of_default().view().distinct(Range::days(today(), ahead)).map(|counts| counts.new), Ok(3));
    }
}

/// A crash before the history was written anew must find the visits of the days that were added at its beginning.
#[test]
fn more_is_kept_from_the_start_on_that_asks_for_it() {
    let mut machine = Machine::new();
    let visits = machine.open();
    write(&visits, days_ago(90), &[1]);
    assert!(!visits.of_default().keeps(noon(days_ago(300))));
    drop(visits);
    machine.retention = 400;
    let visits = machine.open();
    write(&visits, days_ago(300), &[1, 2]);
    // The next process finds them in the journal, and must not take them for too old.
    machine.disk = machine.disk.kill();
    drop(visits);
    // Nor must a tool, which does not know how far the history was to reach back.
    let (tool, _) = Inspection::open(&machine.disk, Options::default()).expect("can be read");
    let distinct_then =
        tool.view(TenantId::DEFAULT).expect("is kept").distinct(Range::days(days_ago(300), days_ago(300)));
    assert_eq!(distinct_then.map(|counts| counts.distinct), Ok(2));
    let visits = machine.open();
    assert_eq!(distinct(&visits, &[days_ago(300), days_ago(90)]), [2, 1]);
    let counts = visits.of_default().view().distinct(Range::days(days_ago(300), today())).expect("is kept");
    assert_eq!((counts.distinct, counts.new), (2, 2));
}

#[test]
fn where_something_was_let_go_of_the_history_stays_as_short() {
    let mut machine = Machine::new();
    machine.patience = Duration::ZERO;
    let visits = machine.open();
    write(&visits, days_ago(90), &[1]);
    machine.set(Day(today().0 + 80));
    visits.maintain().expect("the disk works");
    let oldest = visits.of_default().oldest_day();
    assert!(oldest > days_ago(90));
    drop(visits);
    machine.retention = 400;
    assert_eq!(machine.open().of_default().oldest_day(), oldest);
}

/// What is acknowledged while the oldest month is being let go of counts as having come before, now and after a crash.
#[test]
fn what_comes_for_a_month_that_is_being_let_go_of_is_remembered() {
    let mut machine = Machine::new();
    machine.patience = Duration::ZERO;
    let disk = Arc::new(Watched { disk: machine.disk.clone(), at_manifest: Mutex::default() });
    let visits = Arc::new(machine.open_on(Arc::<Watched>::clone(&disk)).expect("an empty disk"));
    write(&visits, days_ago(90), &[1]);
    let v6 = 0x2001_0db8 << 96 | 1;
    write(&visits, today(), &[1, 2, 3, 4]);
    write_all(&visits, today(), &[], &[v6]);
    visits.flush().expect("the disk works");
    machine.set(Day(today().0 + 50));
    let same = Arc::clone(&visits);
    *disk.at_manifest.lock().expect("nobody panics") = Some(Box::new(move || {
        // The matrices have let go of the day already, the list that is about to be written does, and nobody knows yet.
        let (view, day) = (same.of_default().view_now(), Range::days(days_ago(90), days_ago(90)));
        if view.check(day).is_ok() && view.distinct(day).is_err() {
            let mut scratch = Scratch::default();
            let mut write = same.of_default().write(&mut scratch);
            write.add(noon(days_ago(90)), &[2, 5], &[v6]).expect("is still kept");
            // Nobody can wait for it here, as this is the thread that would be waited for.
            let _ticket = write.finish().expect("can be written");
        }
    }));
    visits.maintain().expect("the disk works");
    *disk.at_manifest.lock().expect("nobody panics") = None;
    assert!(visits.of_default().oldest_day() > days_ago(90));
    let check = |visits: &Visits| {
        assert_eq!(visits.of_default().unique(), 6);
        for range in [Range::days(today(), today()), Range { from: noon(today()), to: noon(today()) }] {
            let counts = visits.of_default().view().distinct(range).expect("is kept");
            assert_eq!((counts.distinct, counts.new), (5, 2), "{range:?}");
        }
    };
    check(&visits);
    let visits = Arc::into_inner(visits).expect("nobody else has it");
    // Durable, as a later batch is.
    write(&visits, today(), &[1, 2, 3, 4]);
    machine.disk = machine.disk.kill();
    drop(visits);
    check(&machine.open());
}

#[test]
fn without_its_list_of_segments_a_history_is_not_taken_for_a_new_one() {
    let machine = Machine::new();
    write(&machine.open(), today(), &[1]);
    machine.disk.remove("visits").expect("is there");
    let refused = machine.try_open().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("without visits"), "{refused}");
}
