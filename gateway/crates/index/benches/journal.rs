//! Speed of the journal. `cargo bench -p tallygate-index --bench journal`
//!
//! Commits go to a folder under the temporary one, so `TMPDIR` says which disk is measured; syncs are real.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tallygate_disk::{Folder, Simulated};
use tallygate_index::Hour;
use tallygate_index::journal::{Durability, Journal, Options, Visits, encode, replay};

/// Addresses of a batch that are new.
const BATCH: usize = 100;

fn frames(v4: &[u32], v6: &[u128]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Visits { tenant: 1, hour: Hour(490_000), v4, v6 }, &mut out);
    out
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let (v4, v6): (Vec<u32>, Vec<u128>) = ((0..1_000).collect(), (0..1_000).collect());
    let mut out = Vec::new();
    for (name, v4, v6) in [("1,000 IPv4", &v4[..], &[][..]), ("1,000 IPv6", &[], &v6)] {
        group.throughput(Throughput::Elements(1_000));
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                encode(&Visits { tenant: 1, hour: Hour(490_000), v4: black_box(v4), v6: black_box(v6) }, &mut out);
                out.len()
            });
        });
    }
    group.finish();
}

fn replaying(c: &mut Criterion) {
    let disk = Simulated::default();
    let journal =
        Journal::start(Arc::new(disk.clone()), 0..1, Options::default(), Arc::new(())).expect("nothing fails");
    let frames = frames(&(0..1_000).collect::<Vec<_>>(), &[]);
    for _ in 0..1_000 {
        let ticket = journal.begin().expect("nothing fails").commit(&frames).expect("to be waited for");
        journal.wait(ticket).expect("nothing fails");
    }
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("1 M IPv4 in frames of 1,000", |b| {
        b.iter(|| replay(&disk, 0, |visits| _ = black_box(visits)).expect("nothing fails").visits);
    });
    group.finish();
}

/// What a batch pays in which nothing is new, while nothing is written.
fn quiet(c: &mut Criterion) {
    let disk = Arc::new(Simulated::default());
    let journal = Journal::start(disk, 0..1, Options::default(), Arc::new(())).expect("nothing fails");
    c.bench_function("settle, quiet", |b| b.iter(|| black_box(journal.settle())));
    c.bench_function("begin and end, quiet", |b| b.iter(|| drop(journal.begin())));
}

/// Threads that commit batches and wait for each to be durable.
fn commits(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit 100 IPv4 and wait");
    let frames = frames(&(0..BATCH as u32).collect::<Vec<_>>(), &[]);
    let interval = Durability::Interval(Duration::from_millis(100));
    for (name, durability) in [("fsync", Durability::Fsync), ("interval of 100 ms", interval)] {
        for threads in [1, 4, 16, 64] {
            let place = tempfile::tempdir().expect("a folder for the benchmark");
            let disk = Arc::new(Folder::open(place.path()).expect("it can be written"));
            let options = Options { durability, ..Options::default() };
            let journal = Journal::start(disk, 0..1, options, Arc::new(())).expect("nothing fails");
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new(name, threads), |b| {
                b.iter_custom(|count| {
                    let start = Instant::now();
                    thread::scope(|scope| {
                        for thread in 0..threads {
                            let (journal, frames) = (&journal, &frames);
                            scope.spawn(move || commit(journal, frames, (count + thread) / threads));
                        }
                    });
                    start.elapsed()
                });
            });
        }
    }
    group.finish();
}

fn commit(journal: &Journal, frames: &[u8], count: u64) {
    for _ in 0..count {
        let section = journal.begin().expect("nothing fails");
        if let Some(ticket) = section.commit(frames) {
            journal.wait(ticket).expect("nothing fails");
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(1_500));
    targets = encoding, replaying, quiet, commits
}
criterion_main!(benches);
