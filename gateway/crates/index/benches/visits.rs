//! Speed of the visits as a whole: a year of history, asked and added to. `cargo bench -p tallygate-index --bench visits`
//!
//! All figures are of one thread. The history is made first, which takes a minute.

#[path = "load/random.rs"]
mod random;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tallygate_disk::Folder;
use tallygate_event::TenantId;
use tallygate_index::journal::Durability;
use tallygate_index::query::Range;
use tallygate_index::visits::{Options, Scratch};
use tallygate_index::{Day, Hour, TenantVisits, Visits};

use self::random::{client, random};

/// Visits, their clock, and the folder they are in.
struct Year {
    visits: Visits,
    clock: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

const CLIENTS: u64 = 200_000;
const A_DAY: u64 = 20_000;
const DAYS: u32 = 365;
const BATCH: usize = 1_000;

// === impl Year ===

impl Year {
    /// Every day some of the clients, half of them regular ones, at two hours.
    fn new() -> Self {
        let first = Day::of_civil(2025, 1, 1).expect("is a date");
        let (clock, folder) = (Arc::new(AtomicI64::new(first.first_hour().unix_ms())), tempfile::tempdir());
        let folder = folder.expect("a temporary folder");
        let now = Arc::clone(&clock);
        let options = Options {
            durability: Durability::Memory,
            patience: Duration::ZERO,
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            ..Options::default()
        };
        let disk = Arc::new(Folder::open(folder.path()).expect("an empty folder"));
        let (visits, _) = Visits::open(disk, options, Arc::new(())).expect("an empty folder");
        let mut scratch = Scratch::default();
        for day in first.0..first.0 + DAYS {
            clock.store(Day(day).last_hour().unix_ms(), Ordering::Relaxed);
            let some = (0..A_DAY).map(|n| {
                let at = random(u64::from(day) << 32 | n);
                client(at % if n % 2 == 0 { A_DAY } else { CLIENTS })
            });
            let some: Vec<u32> = some.collect();
            for hour in [9, 20] {
                add(
                    visits.of(TenantId::DEFAULT).expect("is kept"),
                    &mut scratch,
                    Hour(Day(day).first_hour().0 + hour),
                    &some[..some.len() / (hour as usize / 9)],
                );
            }
            if day % 7 == 0 {
                visits.maintain().expect("the disk works");
            }
        }
        visits.maintain().expect("the disk works");
        Self { visits, clock, _folder: folder }
    }

    fn own(&self) -> TenantVisits<'_> {
        self.visits.of(TenantId::DEFAULT).expect("is kept")
    }
}

fn add(visits: TenantVisits<'_>, scratch: &mut Scratch, hour: Hour, addresses: &[u32]) {
    for batch in addresses.chunks(BATCH) {
        let mut write = visits.write(scratch);
        write.add(hour, batch, &[]).expect("can be written");
        assert!(write.finish().expect("can be written").is_none());
    }
}

fn ask(criterion: &mut Criterion, year: &Year) {
    let view = year.own().view();
    let last = Hour::of_unix_ms(year.clock.load(Ordering::Relaxed)).expect("in range").day();
    let whole = Range::days(Day(last.0 + 1 - DAYS), last);
    let mut group = criterion.benchmark_group("ask");
    let mut at = 0;
    for (name, of) in [("clients", CLIENTS), ("strangers", u64::MAX)] {
        group.bench_function(format!("visited over a year, {name}"), |b| {
            b.iter(|| {
                at += 1;
                let address = if of == CLIENTS { client(random(at) % of) } else { random(at) as u32 };
                black_box(view.visited(IpAddr::V4(Ipv4Addr::from_bits(address)), whole).expect("is kept"))
            });
        });
    }
    let month = last.month();
    group.bench_function("visited in a month that is over", |b| {
        let month = tallygate_index::Month(month.0 - 3);
        let range = Range::days(month.first_day(), month.last_day());
        b.iter(|| {
            at += 1;
            let address = client(random(at) % CLIENTS);
            black_box(view.visited(IpAddr::V4(Ipv4Addr::from_bits(address)), range).expect("is kept"))
        });
    });
    let hours = Range { from: Hour(last.first_hour().0 - 1_400), to: Hour(last.first_hour().0 + 5) };
    let middle = Range::days(Day(last.0 - 200), Day(last.0 - 100));
    for (name, range) in [("a year", whole), ("a hundred days in the midst", middle), ("1,400 hours", hours)] {
        group.bench_function(format!("distinct, {name}"), |b| {
            b.iter(|| black_box(view.distinct(black_box(range)).expect("is kept")));
        });
    }
    group.finish();
}

fn write(criterion: &mut Criterion, year: &Year) {
    let mut scratch = Scratch::default();
    let mut group = criterion.benchmark_group("write, batches of 1,000");
    group.throughput(Throughput::Elements(200_000)).sample_size(10);
    let start = Hour::of_unix_ms(year.clock.load(Ordering::Relaxed)).expect("in range");
    let known: Vec<u32> = (0..200_000).map(|n| client(random(n) % CLIENTS)).collect();
    add(year.own(), &mut scratch, start, &known);
    group.bench_function("repeats within their hour", |b| b.iter(|| add(year.own(), &mut scratch, start, &known)));
    let mut hour = start;
    group.bench_function("known addresses in a new hour", |b| {
        b.iter_batched(
            || {
                hour = Hour(hour.0 + 1);
                year.clock.store(hour.unix_ms(), Ordering::Relaxed);
                drop(year.own().view());
                hour
            },
            |hour| add(year.own(), &mut scratch, hour, &known),
            BatchSize::PerIteration,
        );
    });
    let mut next = 1 << 40;
    group.bench_function("new addresses", |b| {
        b.iter_batched(
            || {
                next += 200_000;
                drop(year.own().view());
                (0..200_000).map(|n| client(next + n)).collect::<Vec<u32>>()
            },
            |new| add(year.own(), &mut scratch, hour, &new),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    let year = Year::new();
    ask(criterion, &year);
    write(criterion, &year);
}

criterion_group!(benches, all);
criterion_main!(benches);
