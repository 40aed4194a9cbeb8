//! Several threads write at once, of overlapping addresses and hours, while another one flushes, merges, forgets and asks; then
//! the power fails.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tallygate_disk::Simulated;
use tallygate_index::visits::{Options, Scratch};
use tallygate_index::{Day, Hour, Visits};

use super::model::Model;
use crate::support::{OfDefault, Random};

/// A visit that was sent: when that began, and when it was acknowledged.
#[derive(Clone, Copy)]
struct Sent {
    address: IpAddr,
    hour: Hour,
    began: u64,
    acknowledged: Option<u64>,
}

/// An address that was forgotten: when that began and ended.
#[derive(Clone, Copy)]
struct Forgotten {
    address: IpAddr,
    began: u64,
    ended: u64,
}

/// What is going on, and what was.
struct Race {
    visits: Visits,
    disk: Simulated,
    clock: Arc<AtomicI64>,
    /// Tells what was before what.
    moment: AtomicU64,
    sent: Mutex<Vec<Sent>>,
    forgotten: Mutex<Vec<Forgotten>>,
}

const WRITERS: u64 = 3;
const BATCHES: u64 = 60;
/// The last byte of addresses that nobody forgets is at least this.
const KEPT: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(8);

// === impl Race ===

impl Race {
    fn new(seed: u64) -> Self {
        let start = Day::of_civil(2026, 3, 10).expect("is a date").first_hour().unix_ms();
        let (clock, disk) = (Arc::new(AtomicI64::new(start + 7 * 3_600_000)), Simulated::new(seed));
        let visits = open(&disk, &clock);
        let (moment, sent, forgotten) = Default::default();
        Self { visits, disk, clock, moment, sent, forgotten }
    }

    fn moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    fn write(&self, random: &mut Random) {
        let mut scratch = Scratch::default();
        for _ in 0..BATCHES {
            let hour = Hour(self.now().0 - [0, 0, 1, 2, 3, 24 * 8][random.below(6) as usize]);
            let batch: BTreeSet<IpAddr> = (0..=random.below(4)).map(|_| any_address(random)).collect();
            let began = self.moment();
            let first = {
                let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
                sent.extend(batch.iter().map(|address| Sent { address: *address, hour, began, acknowledged: None }));
                sent.len() - batch.len()
            };
            // Perhaps another thread comes in between here.
            if random.below(4) == 0 {
                std::thread::yield_now();
            }
            self.send(&mut scratch, hour, &batch);
            let moment = self.moment();
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent[first..first + batch.len()].iter_mut().for_each(|sent| sent.acknowledged = Some(moment));
        }
    }

    fn send(&self, scratch: &mut Scratch, hour: Hour, batch: &BTreeSet<IpAddr>) {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in batch {
            match address {
                IpAddr::V4(address) => v4.push(address.to_bits()),
                IpAddr::V6(address) => v6.push(address.to_bits()),
            }
        }
        let mut write = self.visits.of_default().write(scratch);
        write.add(hour, &v4, &v6).expect("the disk works");
        let ticket = write.finish().expect("the disk works");
        ticket.map_or(Ok(()), |ticket| self.visits.wait(ticket)).expect("the disk works");
    }

    fn tend(&self, random: &mut Random) {
        for _ in 0..BATCHES / 3 {
            match random.below(12) {
                0 => self.visits.flush().expect("the disk works"),
                1 | 2 => self.visits.maintain().expect("the disk works"),
                3 => drop(self.clock.fetch_add(3_600_000 * 3, Ordering::Relaxed)),
                4 => {
                    let view = self.visits.of_default().view();
                    let counts = view.distinct(view.all()).expect("is kept");
                    assert!(counts.new <= counts.distinct);
                }
                _ => {
                    let (address, began) = (address(random), self.moment());
                    self.visits.of_default().forget(&[address]).expect("the disk works");
                    let ended = self.moment();
                    let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
                    forgotten.push(Forgotten { address, began, ended });
                }
            }
        }
    }

    fn now(&self) -> Hour {
        Hour::of_unix_ms(self.clock.load(Ordering::Relaxed)).expect("is in range")
    }

    /// Checks what is there once nothing is under way any more.
    fn check(&self, visits: &Visits, what: &str) {
        let view = visits.of_default().view();
        let model = Model::read(&view);
        let has = |sent: &Sent| model.visits.get(&sent.address).is_some_and(|hours| hours.contains(&sent.hour));
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        for one in sent.iter() {
            if !model.visits.contains_key(&one.address) {
                let hours = view.hours(one.address, view.all()).expect("is kept");
                assert!(hours.is_empty(), "{what}: {} came at {hours:?}, and is not counted", one.address);
            }
            let of = || forgotten.iter().filter(|forgotten| forgotten.address == one.address);
            if of().all(|forgotten| forgotten.ended < one.began) {
                assert!(has(one), "{what}: {} was acknowledged at {:?}", one.address, one.hour);
            }
            let last = of().map(|forgotten| forgotten.began).max().unwrap_or(0);
            let alike = |other: &&Sent| (other.address, other.hour) == (one.address, one.hour);
            let ended = |other: &Sent| other.acknowledged.unwrap_or(u64::MAX);
            if sent.iter().filter(alike).all(|other| ended(other) < last) {
                assert!(!has(one), "{what}: {} came at {:?} and was forgotten", one.address, one.hour);
            }
        }
        let known: BTreeSet<_> = sent.iter().map(|sent| (sent.address, sent.hour)).collect();
        let found = model.visits.iter().flat_map(|(address, hours)| hours.iter().map(|hour| (*address, *hour)));
        assert!(found.into_iter().all(|visit| known.contains(&visit)), "{what}: something was invented");
        assert_eq!(visits.of_default().unique(), model.ever(), "{what}");
        let Some(address) = model.visits.keys().next().copied() else { return };
        model.compare(&view, view.all(), address);
    }

    /// Checks what is there if the power fails right now: all that was acknowledged before, of addresses that nobody forgets.
    fn check_in_between(&self, seed: u64) {
        let before: Vec<Sent> = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let crashed = self.disk.crash(seed);
        let visits = open(&crashed, &self.clock);
        let view = visits.of_default().view();
        let model = Model::read(&view);
        for sent in before.iter().filter(|sent| sent.acknowledged.is_some() && is_never_forgotten(sent.address)) {
            let hours = model.visits.get(&sent.address);
            assert!(hours.is_some_and(|hours| hours.contains(&sent.hour)), "{} at {:?}", sent.address, sent.hour);
        }
        assert_eq!(visits.of_default().unique(), model.ever());
        let Some(address) = model.visits.keys().next().copied() else { return };
        model.compare(&view, view.all(), address);
    }
}

fn open(disk: &Simulated, clock: &Arc<AtomicI64>) -> Visits {
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let options = Options { clock, hot_bytes: 40_000, ..Options::default() };
    Visits::open(Arc::new(disk.clone()), options, Arc::new(())).expect("what it wrote itself can be opened").0
}

/// One that nobody forgets, or one that somebody may.
fn any_address(random: &mut Random) -> IpAddr {
    if random.below(3) == 0 {
        return Ipv4Addr::from_bits(0xc000_0200 | (KEPT + random.below(20) as u32)).into();
    }
    address(random)
}

fn address(random: &mut Random) -> IpAddr {
    match random.below(12) {
        number @ 0..2 => Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number)).into(),
        number => Ipv4Addr::from_bits(0xc000_0200 | number as u32).into(),
    }
}

fn is_never_forgotten(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.to_bits() & 0xff >= KEPT)
}

fn race(seed: u64) {
    let race = Race::new(seed);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let race = &race;
            scope.spawn(move || race.write(&mut Random(seed << 8 | writer)));
        }
        scope.spawn(|| race.tend(&mut Random(seed << 8 | 0xff)));
        race.check_in_between(seed);
    });
    race.check(&race.visits, "live");
    race.check(&open(&race.disk.crash(seed), &race.clock), "after a power loss");
    race.check(&open(&race.disk.kill(), &race.clock), "after a kill");
}

#[test]
fn threads_that_write_at_once_lose_nothing_that_was_acknowledged() {
    let start = Instant::now();
    for seed in 0..150 {
        race(seed);
        if start.elapsed() > PATIENCE {
            break;
        }
    }
}
