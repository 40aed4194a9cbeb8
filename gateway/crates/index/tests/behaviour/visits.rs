//! The visits beside a plain model of them: random visits, late and repeated ones, merges, retention, forgetting, restarts
//! and crashes; every kind of question compared. Of two tenants, each has a model of its own, which knows nothing of the other.

mod clock;
mod damage;
mod faults;
mod fixture;
mod ledger;
mod model;
mod tenants;
mod threads;
mod upkeep;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tallygate_disk::{Disk, Simulated};
use tallygate_event::TenantId;
use tallygate_index::query::{Network, Range, View};
use tallygate_index::visits::{Inspection, Options, Scratch};
use tallygate_index::{Day, Hour, Ipv6Policy, TenantVisits, Visits};

use self::model::Model;
use crate::support::Random;

/// The real thing, its disk and its clock.
struct Subject {
    tenants: &'static [TenantId],
    visits: Option<Visits>,
    disk: Simulated,
    clock: Arc<AtomicI64>,
    scratch: Scratch,
    random: Random,
}

/// What is asked of both: a range, an address, and a network around it.
struct Question {
    range: Range,
    address: IpAddr,
    network: Network,
}

const RETENTION: u32 = 70;
/// Late visits are at most so old.
const LATE_DAYS: u64 = 68;

// === impl Subject ===

impl Subject {
    fn new(seed: u64, tenants: &'static [TenantId]) -> Self {
        let start = Day::of_civil(2025, 12, 20).expect("is a date").first_hour().unix_ms();
        let (clock, disk) = (Arc::new(AtomicI64::new(start)), Simulated::new(seed));
        let mut new = Self { tenants, visits: None, disk, clock, scratch: Scratch::default(), random: Random(seed) };
        new.open();
        new
    }

    fn options(&self) -> Options {
        let clock = Arc::clone(&self.clock);
        Options {
            tenants: self.tenants.to_vec(),
            retention: RETENTION,
            ipv6: Ipv6Policy::default(),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            hot_bytes: 40_000,
            patience: Duration::ZERO,
            ..Options::default()
        }
    }

    fn open(&mut self) {
        let opened = Visits::open(Arc::new(self.disk.clone()), self.options(), Arc::new(()));
        self.visits = Some(opened.expect("what it wrote itself can be opened").0);
    }

    fn visits(&self) -> &Visits {
        self.visits.as_ref().expect("is open")
    }

    fn of(&self, at: usize) -> TenantVisits<'_> {
        self.visits().of(self.tenants[at]).expect("is kept")
    }

    /// One of the tenants, as the place of its model.
    fn tenant(&mut self) -> usize {
        self.random.below(self.tenants.len() as u64) as usize
    }

    fn now(&self) -> Hour {
        Hour::of_unix_ms(self.clock.load(Ordering::Relaxed)).expect("is in range")
    }

    fn address(&mut self) -> IpAddr {
        match self.random.below(10) {
            0 | 1 => Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(self.random.below(3)) << 64 | 1).into(),
            2 => Ipv4Addr::from_bits(0).into(),
            _ => {
                let network = self.random.below(3) as u32;
                Ipv4Addr::from_bits(0xc000_0000 | network << 16 | self.random.below(12) as u32).into()
            }
        }
    }

    /// Mostly now, sometimes late.
    fn hour(&mut self) -> Hour {
        let late = match self.random.below(10) {
            0..=5 => 0,
            6 | 7 => self.random.below(30),
            8 => self.random.below(24 * 12),
            _ => self.random.below(24 * LATE_DAYS),
        };
        Hour(self.now().0 - late as u32)
    }

    fn write(&mut self, models: &mut [Model]) {
        let at = self.tenant();
        let model = &mut models[at];
        // One for all tenants, as a worker has it.
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut added = Vec::new();
        for _ in 0..=self.random.below(2) {
            let hour = self.hour();
            let count = 1 + self.random.below(6);
            added.push((hour, (0..count).map(|_| self.address()).collect::<Vec<_>>()));
        }
        let mut write = self.of(at).write(&mut scratch);
        for (hour, addresses) in &added {
            let (mut v4, mut v6) = (Vec::new(), Vec::new());
            for address in addresses {
                match address {
                    IpAddr::V4(address) => v4.push(address.to_bits()),
                    IpAddr::V6(address) => v6.push(address.to_bits()),
                }
                model.visits.entry(*address).or_default().insert(*hour);
            }
            write.add(*hour, &v4, &v6).expect("can be written");
        }
        let ticket = write.finish().expect("can be written");
        ticket.map_or(Ok(()), |ticket| self.visits().wait(ticket)).expect("becomes durable");
        self.scratch = scratch;
    }

    /// One random step of both.
    fn step(&mut self, models: &mut [Model]) {
        match self.random.below(100) {
            0..=1 => {
                let hours =
                    if self.random.below(4) == 0 { 24 * self.random.below(9) } else { 1 + self.random.below(3) };
                self.clock.fetch_add(hours as i64 * 3_600_000, Ordering::Relaxed);
            }
            2 => self.visits().flush().expect("the disk works"),
            3 => self.visits().maintain().expect("the disk works"),
            4 => {
                let (at, addresses) = (self.tenant(), [self.address(), self.address()]);
                self.of(at).forget(&addresses).expect("the disk works");
                for address in addresses {
                    models[at].visits.remove(&address);
                    models[at].before.remove(&address);
                }
            }
            5 => {
                match self.random.below(3) {
                    // An orderly end; the process is killed; the power fails.
                    0 => {}
                    1 => self.disk = self.disk.kill(),
                    _ => self.disk = self.disk.crash(self.random.next()),
                }
                self.visits = None;
                self.inspect(models);
                self.open();
            }
            _ => self.write(models),
        }
    }

    /// A random range within what a view has.
    fn range(&mut self, (oldest, floor): (Day, Hour)) -> Range {
        let (oldest, floor, last) = (oldest.first_hour().0, floor.0, self.now().0);
        let mut hour = |from: u32| from + self.random.below(u64::from(last - from) + 1) as u32;
        let (a, b, c) = (hour(floor), hour(floor), hour(oldest));
        match self.random.below(4) {
            0 => Range { from: Hour(a.min(b)), to: Hour(a.max(b)) },
            // From an old day to the middle of a recent one.
            1 => Range { from: Hour(c.min(a)).day().first_hour(), to: Hour(a.max(c)) },
            _ => Range::days(Hour(c.min(a)).day(), Hour(c.max(a)).day()),
        }
    }

    fn compare(&mut self, models: &mut [Model]) {
        for (at, model) in models.iter_mut().enumerate() {
            let view = self.of(at).view();
            let kept = (view.oldest_day(), view.oldest_hour());
            drop(view);
            let question = self.question(kept);
            let view = self.of(at).view();
            if view.oldest_day().0 != model.oldest {
                model.forget_days_before(view.oldest_day());
            }
            assert_eq!(self.of(at).unique(), model.ever());
            // What is too old may have gone away a moment ago.
            if view.check(question.range).is_ok() {
                question.compare(&view, model);
            }
        }
    }

    /// Compares what is on the disk, while nothing has it open.
    fn inspect(&mut self, models: &mut [Model]) {
        let before = self.disk.list().expect("the disk works").into_iter().collect::<BTreeSet<_>>();
        let opened = Inspection::open(&self.disk, self.options());
        let (inspection, _) = opened.expect("what it wrote itself can be read");
        for (tenant, model) in self.tenants.iter().zip(models) {
            let view = inspection.view(*tenant).expect("is kept");
            if view.oldest_day().0 != model.oldest {
                model.forget_days_before(view.oldest_day());
            }
            assert_eq!(inspection.ever(*tenant).expect("is kept").len(), model.ever());
            self.question((view.oldest_day(), view.oldest_hour())).compare(&view, model);
        }
        let after = self.disk.list().expect("the disk works").into_iter().collect::<BTreeSet<_>>();
        assert_eq!(before, after);
    }

    fn question(&mut self, kept: (Day, Hour)) -> Question {
        let (range, address) = (self.range(kept), self.address());
        let prefix = self.random.below(if address.is_ipv4() { 33 } else { 129 }) as u8;
        Question { range, address, network: Network::of(address, prefix).expect("fits") }
    }
}

// === impl Question ===

impl Question {
    fn compare(&self, view: &View<'_>, model: &Model) {
        model.compare(view, self.range, self.address);
        model.compare_network(view, self.range, self.network);
    }
}

fn run(seed: u64, steps: u64, tenants: &'static [TenantId]) {
    let mut subject = Subject::new(seed, tenants);
    let model = |tenant: TenantVisits<'_>| Model { oldest: tenant.oldest_day().0, ..Model::default() };
    let mut models: Vec<_> = subject.visits().tenants().map(model).collect();
    for step in 0..steps {
        subject.step(&mut models);
        if step % 7 == 0 {
            subject.compare(&mut models);
        }
    }
    subject.compare(&mut models);
}

fn run_side_by_side(steps: u64, tenants: &'static [TenantId]) {
    std::thread::scope(|scope| {
        for seed in 0..2 {
            scope.spawn(move || (0..10).for_each(|round| run(seed * 1_000 + round, steps, tenants)));
        }
    });
}

/// A hundred thousand steps.
#[test]
fn all_answers_are_those_of_the_model() {
    run_side_by_side(5_000, &[TenantId::DEFAULT]);
}

/// Of the same few addresses, so that anything that is mixed up shows. As many steps for each.
#[test]
fn all_answers_of_two_tenants_are_those_of_their_own_models() {
    run_side_by_side(5_000, &[TenantId::DEFAULT, TenantId(7)]);
}
