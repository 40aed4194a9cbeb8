//! Speed of the sets beside what one would take without them. `cargo bench -p tallygate-index`
//!
//! Each baseline runs over the same addresses in the same run. All figures are of one thread.

#[path = "load/random.rs"]
mod random;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashSet;
use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Mutex;
use tallygate_index::{Ipv4Set, Ipv6Policy, Ipv6Set};

use self::random::{client, random};

const COUNT: usize = 1_000_000;
const BATCH: usize = 1_000;

/// Spread over the whole address space: 15 addresses in each /16.
fn even(first: u64) -> Vec<u32> {
    (first..first + COUNT as u64).map(|n| random(n) as u32).collect()
}

/// Within 100 /16s: every page becomes a bitmap.
fn dense(first: u64) -> Vec<u32> {
    even(first).iter().map(|address| (((address >> 16) % 100) << 16) | (address & 0xffff)).collect()
}

/// As clients come: half of all requests from a thousandth of a million clients, which come in runs of /24s.
fn skewed() -> Vec<u32> {
    (0..COUNT as u64).map(|n| client(random(n) % if random(!n) & 1 == 0 { 1_000 } else { 1_000_000 })).collect()
}

fn fill_pages(set: &Ipv4Set, addresses: &[u32], new: &mut Vec<u32>) {
    for batch in addresses.chunks(BATCH) {
        new.clear();
        set.insert(batch, new);
    }
}

/// The obvious: one lock for each batch.
fn fill_mutex(set: &Mutex<HashSet<u32>>, addresses: &[u32], new: &mut Vec<u32>) {
    for batch in addresses.chunks(BATCH) {
        new.clear();
        let mut set = set.lock().expect("nobody panics");
        new.extend(batch.iter().filter(|address| set.insert(**address)));
    }
}

fn fill_dash(set: &DashSet<u32>, addresses: &[u32], new: &mut Vec<u32>) {
    for batch in addresses.chunks(BATCH) {
        new.clear();
        new.extend(batch.iter().filter(|address| set.insert(**address)));
    }
}

fn insert_new(criterion: &mut Criterion) {
    for (name, addresses) in [("even", even(0)), ("dense", dense(0)), ("skewed", skewed())] {
        let mut group = group(criterion, &format!("v4 insert into an empty set, {name}"));
        let mut new = Vec::with_capacity(BATCH);
        bench_fill(&mut group, "pages", Ipv4Set::new, |set| fill_pages(set, &addresses, &mut new));
        bench_fill(&mut group, "Mutex<HashSet>", Mutex::default, |set| fill_mutex(set, &addresses, &mut new));
        bench_fill(&mut group, "DashSet", DashSet::new, |set| fill_dash(set, &addresses, &mut new));
        group.finish();
    }
}

/// A set that holds ten million already, so that neither it nor its pages fit into the nearer caches.
fn insert_into_large(criterion: &mut Criterion) {
    let mut group = group(criterion, "v4 insert 1 M new into 9 M, even");
    let (before, addresses) = ((1..10).flat_map(|n| even(n * COUNT as u64)).collect::<Vec<_>>(), even(0));
    let mut new = Vec::with_capacity(BATCH);
    let filled = || {
        let set = Ipv4Set::new();
        fill_pages(&set, &before, &mut Vec::new());
        set
    };
    bench_fill(&mut group, "pages", filled, |set| fill_pages(set, &addresses, &mut new));
    let filled = || Mutex::new(before.iter().copied().collect::<HashSet<u32>>());
    bench_fill(&mut group, "Mutex<HashSet>", filled, |set| fill_mutex(set, &addresses, &mut new));
    group.finish();
}

fn insert_repeats(criterion: &mut Criterion) {
    for (name, addresses) in [("even", even(0)), ("dense", dense(0)), ("skewed", skewed())] {
        let mut group = group(criterion, &format!("v4 insert repeats, {name}"));
        let (pages, mutex, dash) = (Ipv4Set::new(), Mutex::default(), DashSet::new());
        let mut new = Vec::with_capacity(BATCH);
        fill_pages(&pages, &addresses, &mut new);
        fill_mutex(&mutex, &addresses, &mut new);
        fill_dash(&dash, &addresses, &mut new);
        group.bench_function("pages", |b| b.iter(|| fill_pages(&pages, &addresses, &mut new)));
        group.bench_function("Mutex<HashSet>", |b| b.iter(|| fill_mutex(&mutex, &addresses, &mut new)));
        group.bench_function("DashSet", |b| b.iter(|| fill_dash(&dash, &addresses, &mut new)));
        group.finish();
    }
}

fn contains(criterion: &mut Criterion) {
    for (name, addresses, others) in [("even", even(0), even(COUNT as u64)), ("dense", dense(0), dense(COUNT as u64))] {
        let mut group = group(criterion, &format!("v4 contains, {name}"));
        let pages = Ipv4Set::new();
        fill_pages(&pages, &addresses, &mut Vec::new());
        let dash: DashSet<u32> = addresses.iter().copied().collect();
        for (asked, addresses) in [("hit", &addresses), ("mostly miss", &others)] {
            let hits = |contains: &dyn Fn(u32) -> bool| addresses.iter().filter(|address| contains(**address)).count();
            group.bench_function(format!("{asked}, pages"), |b| b.iter(|| black_box(hits(&|a| pages.contains(a)))));
            group.bench_function(format!("{asked}, DashSet"), |b| b.iter(|| black_box(hits(&|a| dash.contains(&a)))));
        }
        group.finish();
    }
}

fn v6(criterion: &mut Criterion) {
    let lone: Vec<u128> = (0..COUNT as u64).map(|n| u128::from(random(n)) << 64 | u128::from(random(!n))).collect();
    let few = lone.iter().map(|address| address >> 64 << 64 & (0xffff_u128 << 64) | address & 0xffff_ffff);
    for (name, addresses) in [("a /64 each", lone.clone()), ("15 in a /64", few.collect())] {
        let mut group = group(criterion, &format!("v6, {name}"));
        let mut new = Vec::with_capacity(COUNT);
        let fill: fn(&Ipv6Set, &[u128], &mut Vec<u128>) = |set, addresses, new| {
            new.clear();
            set.insert(addresses, new);
        };
        let empty = || Ipv6Set::new(Ipv6Policy::default());
        bench_fill(&mut group, "insert new, capped set", empty, |set| fill(set, &addresses, &mut new));
        bench_fill(&mut group, "insert new, DashSet", DashSet::<u128>::new, |set| {
            new.clear();
            new.extend(addresses.iter().filter(|address| set.insert(**address)));
        });
        let set = empty();
        fill(&set, &addresses, &mut new);
        group.bench_function("insert repeats, capped set", |b| b.iter(|| fill(&set, &addresses, &mut new)));
        let hits = || addresses.iter().filter(|address| set.contains(**address)).count();
        group.bench_function("contains hit, capped set", |b| b.iter(|| black_box(hits())));
        group.finish();
    }
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(COUNT as u64)).sample_size(10);
    group
}

/// Measures `fill` on a fresh set each time, without the time to make or drop it.
fn bench_fill<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, make: impl Fn() -> S, mut fill: impl FnMut(&S)) {
    group.bench_function(name, |b| {
        b.iter_batched(
            &make,
            |set| {
                fill(&set);
                set
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(all, insert_new, insert_into_large, insert_repeats, contains, v6);
criterion_main!(all);
