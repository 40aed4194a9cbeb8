//! A story in which everything happens that can happen to a history, told again and again: each time another operation of the
//! disk fails, once or from then on, and the power may fail at the end.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tallygate_disk::Simulated;
use tallygate_index::visits::{Options, Scratch};
use tallygate_index::{Day, Hour, Visits};

use super::RETENTION;
use super::ledger::{Found, Ledger};
use crate::support::OfDefault;

/// The real thing, and what those know who talk to it.
struct Story {
    disk: Simulated,
    clock: Arc<AtomicI64>,
    visits: Option<Visits>,
    ledger: Ledger,
    /// Whether a failure lasts, so that there is no point in waiting for its end.
    lasting: bool,
    /// How many processes there were.
    processes: u32,
}

/// How long one telling may take before it counts as hanging: most take a second or two.
const PATIENCE: Duration = Duration::from_secs(120);
/// Tellings at the same time. They wait most of the time, for the journal to try again after a failure.
const AT_ONCE: u64 = 24;

const HOUR: i64 = 3_600_000;

// === impl Story ===

impl Story {
    fn new(disk: Simulated, lasting: bool) -> Self {
        let start = Day::of_civil(2025, 12, 20).expect("is a date").first_hour().unix_ms();
        let clock = Arc::new(AtomicI64::new(start + 5 * HOUR));
        Self { disk, clock, visits: None, ledger: Ledger::default(), lasting, processes: 0 }
    }

    fn open_on(&self, disk: &Simulated) -> Option<Visits> {
        let clock = Arc::clone(&self.clock);
        let clock = Arc::new(move || clock.load(Ordering::Relaxed));
        let options =
            Options { retention: RETENTION, clock, hot_bytes: 40_000, patience: Duration::ZERO, ..Options::default() };
        Visits::open(Arc::new(disk.clone()), options, Arc::new(())).ok().map(|(visits, _)| visits)
    }

    /// Opens it; again if that failed, as an operator would.
    fn open(&mut self) {
        self.visits = None;
        self.processes += 1;
        self.visits = self.open_on(&self.disk).or_else(|| self.open_on(&self.disk));
    }

    fn pass(&self, hours: i64) {
        self.clock.fetch_add(hours * HOUR, Ordering::Relaxed);
    }

    fn now(&self) -> Hour {
        Hour::of_unix_ms(self.clock.load(Ordering::Relaxed)).expect("is in range")
    }

    /// Sends visits of some hours ago until they are acknowledged, or it is clear that they will not be.
    fn write(&mut self, ago: u32, addresses: &[&str]) {
        let hour = Hour(self.now().0 - ago);
        let visits: Vec<_> = addresses.iter().map(|address| (hour, parse(address))).collect();
        self.send(&visits);
    }

    fn send(&mut self, sent: &[(Hour, IpAddr)]) {
        for attempt in 0..2 {
            let Some(visits) = &self.visits else { return };
            sent.iter().for_each(|(hour, address)| self.ledger.sent(*address, *hour));
            if acknowledges(visits, sent) {
                sent.iter().for_each(|(hour, address)| self.ledger.acknowledged(*address, *hour));
                return;
            }
            if attempt == 0 {
                self.recover();
            }
        }
        assert!(self.lasting, "what failed once works again");
    }

    fn flush(&mut self) {
        self.twice(Visits::flush);
    }

    fn maintain(&mut self) {
        self.twice(Visits::maintain);
    }

    fn twice(&mut self, what: fn(&Visits) -> Result<(), tallygate_index::visits::VisitsError>) {
        let Some(visits) = &self.visits else { return };
        if what(visits).is_err() {
            self.recover();
            let again = self.visits.as_ref().map_or(Ok(()), what);
            assert!(self.lasting || again.is_ok(), "what failed once works again: {again:?}");
        }
    }

    /// Once: what has failed is left in doubt.
    fn forget(&mut self, addresses: &[&str]) {
        let Some(visits) = &self.visits else { return };
        let addresses: Vec<_> = addresses.iter().map(|address| parse(address)).collect();
        let forgotten = visits.of_default().forget(&addresses).is_ok();
        for address in addresses {
            if forgotten { self.ledger.forgotten(address) } else { self.ledger.not_forgotten(address) }
        }
        if !forgotten {
            self.recover();
        }
    }

    /// Waits until the journal can be written again, if it is to be expected.
    fn recover(&self) {
        if let Some(visits) = self.visits.as_ref().filter(|_| !self.lasting) {
            wait_until_healthy(visits);
        }
    }

    fn tell(&mut self) {
        self.open();
        self.write(0, &["192.0.2.1", "192.0.2.2", "198.51.100.7", "2001:db8::1", "2001:db8:0:1::1"]);
        self.write(5, &["192.0.2.1", "192.0.2.3", "2001:db8::2"]);
        self.write(24 * 40, &["192.0.2.2", "203.0.113.9"]);
        self.write(24 * 65, &["192.0.2.4", "203.0.113.9", "2001:db8::3"]);
        self.write(24 * 75, &["192.0.2.5", "198.51.100.7"]);
        self.write(0, &["192.0.2.1", "2001:db8::1"]);
        self.flush();
        self.write(0, &["192.0.2.6", "192.0.2.2", "2001:db8::4"]);
        self.write(1, &["192.0.2.1", "192.0.2.7"]);
        self.forget(&["198.51.100.7", "2001:db8::1", "192.0.2.99"]);
        self.write(0, &["198.51.100.7", "2001:db8::1"]);
        self.write(24 * 40, &["198.51.100.7", "192.0.2.2"]);
        self.pass(1);
        self.write(0, &["192.0.2.1"]);
        self.maintain();
        // To hours that were closed, and of which the history has something.
        self.write(1, &["192.0.2.8", "192.0.2.6", "2001:db8::4", "2001:db8::5"]);
        self.write(6, &["192.0.2.1", "198.51.100.7"]);
        self.forget(&["192.0.2.6", "2001:db8::4"]);
        self.write(1, &["192.0.2.6", "2001:db8::4"]);
        for _ in 0..2 {
            self.pass(24);
            self.write(0, &["192.0.2.1", "192.0.2.10", "2001:db8::6"]);
            self.write(26, &["192.0.2.11", "2001:db8::1"]);
            self.flush();
            self.write(0, &["192.0.2.12"]);
        }
        self.maintain();
        self.open();
        self.write(0, &["192.0.2.12", "192.0.2.13", "2001:db8::6"]);
        self.write(24 * 40, &["192.0.2.2", "192.0.2.13"]);
        self.age();
    }

    /// The month changes, months become whole, and the oldest go.
    fn age(&mut self) {
        self.pass(24 * 20);
        self.write(0, &["192.0.2.1", "192.0.2.14", "2001:db8::1"]);
        self.write(24 * 30, &["192.0.2.2", "192.0.2.15"]);
        self.maintain();
        // Of that day, hours are told apart no more.
        self.write(24 * 65, &["192.0.2.16", "192.0.2.1", "2001:db8::7"]);
        self.write(24 * 65, &["192.0.2.16"]);
        self.forget(&["192.0.2.1", "203.0.113.9", "2001:db8::3"]);
        self.write(0, &["192.0.2.1", "192.0.2.5"]);
        self.flush();
        self.pass(24 * 30);
        self.write(0, &["192.0.2.1", "192.0.2.4", "2001:db8::8"]);
        self.maintain();
        self.forget(&["192.0.2.4", "192.0.2.2"]);
        self.write(0, &["192.0.2.4", "192.0.2.17"]);
    }

    /// What another process finds on a disk, and that it can go on from there.
    fn check_on(&self, disk: &Simulated) {
        let visits = self.open_on(disk).expect("what it wrote itself can be opened");
        let found = self.ledger.check(&visits, Found::Again);
        visits.maintain().expect("the disk works");
        drop(visits);
        let visits = self.open_on(disk).expect("what it wrote itself can be opened");
        let again = self.ledger.check(&visits, Found::Again);
        let only_time_passed = again.oldest > found.oldest || again.visits.keys().eq(found.visits.keys());
        assert!(only_time_passed, "a restart changes nothing: {:?}, then {:?}", found.visits, again.visits);
    }

    /// After all that failed, everything works.
    fn go_on(&mut self) {
        if self.visits.is_none() {
            self.open();
        }
        let visits = self.visits.as_ref().expect("what it wrote itself can be opened");
        wait_until_healthy(visits);
        self.lasting = false;
        self.ledger.check(visits, self.found());
        let open = self.ledger.unacknowledged(visits);
        self.send(&open);
        self.write(0, &["192.0.2.200", "192.0.2.1"]);
        self.maintain();
        self.forget(&["192.0.2.200", "192.0.2.12"]);
        self.write(2, &["192.0.2.201", "192.0.2.12"]);
        self.ledger.check(self.visits.as_ref().expect("is open"), self.found());
    }

    fn found(&self) -> Found {
        if self.processes == 1 { Found::Live } else { Found::Again }
    }
}

fn parse(address: &str) -> IpAddr {
    address.parse().expect("is an address")
}

fn acknowledges(visits: &Visits, sent: &[(Hour, IpAddr)]) -> bool {
    let mut scratch = Scratch::default();
    let mut write = visits.of_default().write(&mut scratch);
    for (hour, address) in sent {
        let added = match address {
            IpAddr::V4(address) => write.add(*hour, &[address.to_bits()], &[]),
            IpAddr::V6(address) => write.add(*hour, &[], &[address.to_bits()]),
        };
        if added.is_err() {
            return false;
        }
    }
    write.finish().is_ok_and(|ticket| ticket.is_none_or(|ticket| visits.wait(ticket).is_ok()))
}

fn wait_until_healthy(visits: &Visits) {
    let start = Instant::now();
    while visits.progress().failing {
        assert!(start.elapsed() < PATIENCE, "{:?}", visits.failure());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The story with one operation that fails, and what is left of it.
fn tell_with(n: u64, lasting: bool) {
    let disk = Simulated::new(n);
    if lasting {
        disk.fail_from(n);
    } else {
        disk.fail_at(n);
    }
    let mut story = Story::new(disk.clone(), lasting);
    story.tell();
    story.check_on(&disk.crash(n));
    story.check_on(&disk.kill());
    disk.heal();
    story.go_on();
    for seed in [n, n + 1_000] {
        story.check_on(&disk.crash(seed));
    }
    drop(story.visits.take());
    story.check_on(&disk.kill());
}

/// As [`tell_with`], in another thread, so that one that hangs is found out.
fn expect_to_end(n: u64, lasting: bool) {
    let (done, ended) = mpsc::channel();
    let telling = std::thread::spawn(move || {
        tell_with(n, lasting);
        done.send(()).is_ok()
    });
    match ended.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs when operation {n} fails (lasting: {lasting})"),
        _ => assert!(telling.join().is_ok(), "operation {n} fails (lasting: {lasting})"),
    }
}

fn whichever_fails(lasting: bool) {
    let disk = Simulated::new(0);
    let mut story = Story::new(disk.clone(), false);
    story.tell();
    story.ledger.check(story.visits.as_ref().expect("nothing fails"), Found::Live);
    assert!(story.ledger.unacknowledged(story.visits.as_ref().expect("nothing fails")).is_empty());
    drop(story);
    // How the history's thread and the journal's meet varies a little.
    let (last, next) = (disk.operations() + 10, AtomicU64::new(1));
    assert!(last > 300, "{last}");
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(n) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n <= last) {
                    expect_to_end(n, lasting);
                }
            });
        }
    });
}

#[test]
fn whichever_operation_fails_once_nothing_acknowledged_is_lost() {
    whichever_fails(false);
}

#[test]
fn from_whichever_operation_on_all_fail_nothing_acknowledged_is_lost() {
    whichever_fails(true);
}

/// A history that was never flushed has no list that says from when on it is kept.
#[test]
fn a_journal_that_lay_about_for_longer_than_is_kept_is_still_remembered() {
    let mut story = Story::new(Simulated::new(1), false);
    story.open();
    story.write(0, &["192.0.2.1", "2001:db8::1"]);
    story.disk = story.disk.kill();
    story.pass(24 * i64::from(RETENTION + 40));
    for _ in 0..3 {
        story.open();
        story.maintain();
        let visits = story.visits.as_ref().expect("nothing fails");
        assert_eq!(visits.of_default().unique(), 2);
        story.ledger.check(visits, Found::Live);
        story.disk = story.disk.kill();
    }
}

/// Of an erasure that failed, nobody knows whether a crash finds it done: who is sent again counts again.
#[test]
fn what_is_sent_again_after_a_failed_erasure_survives_whatever_became_of_that() {
    for n in 1..25 {
        let mut story = Story::new(Simulated::new(n), true);
        story.open();
        story.write(1, &["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
        story.maintain();
        // The hour was closed, and is opened again: now the history says who came in it.
        story.write(1, &["192.0.2.3"]);
        story.disk.fail_at(n);
        story.forget(&["192.0.2.1", "2001:db8::1"]);
        story.disk.heal();
        story.write(1, &["192.0.2.1", "2001:db8::1"]);
        (0..30).for_each(|seed| story.check_on(&story.disk.crash(seed)));
    }
}
