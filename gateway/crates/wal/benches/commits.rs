//! Speed of a log. `cargo bench -p tallygate-wal --bench commits`
//!
//! Commits go to a folder under the temporary one, so `TMPDIR` says which disk is measured; syncs are real.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tallygate_disk::{Folder, Simulated};
use tallygate_wal::{Durability, Format, Frames, Measure, Options, Wal, replay};

/// Numbers of a batch that are new.
const BATCH: usize = 100;

/// Numbers of four bytes.
static NUMBERS: Format = Format {
    name: "journal",
    keeps: "numbers",
    newest: "newest",
    magic: *b"BENCHNUM",
    most_payload: 1 << 20,
    measure: |payload| Some(Measure { entries: payload.len() as u64 / 4, key: 0 }),
};

fn add(numbers: &[u32], frames: &mut Frames) {
    let payload = |out: &mut Vec<u8>| out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    frames.push(&NUMBERS, payload).expect("they are few");
}

fn frames(numbers: &[u32]) -> Frames {
    let mut frames = Frames::default();
    add(numbers, &mut frames);
    frames
}

fn framing(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    let (numbers, mut out): (Vec<u32>, _) = ((0..1_000).collect(), Frames::default());
    group.throughput(Throughput::Bytes(4_000));
    group.bench_function("4,000 bytes", |b| {
        b.iter(|| {
            out.clear();
            add(black_box(&numbers), &mut out);
            out.as_bytes().len()
        });
    });
    group.finish();
}

fn replaying(c: &mut Criterion) {
    let disk = Simulated::default();
    let journal = Wal::start(Arc::new(disk.clone()), &NUMBERS, 0..1, Options::default(), Arc::new(()));
    let journal = journal.expect("nothing fails");
    let frames = frames(&(0..1_000).collect::<Vec<_>>());
    for _ in 0..1_000 {
        let ticket = journal.begin().expect("nothing fails").commit(&frames).expect("to be waited for");
        journal.wait(ticket).expect("nothing fails");
    }
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("1 M numbers in frames of 1,000", |b| {
        b.iter(|| replay(&disk, &NUMBERS, 0, |payload| _ = black_box(payload)).expect("nothing fails").entries);
    });
    group.finish();
}

/// What a batch pays in which nothing is new, while nothing is written.
fn quiet(c: &mut Criterion) {
    let disk = Arc::new(Simulated::default());
    let journal = Wal::start(disk, &NUMBERS, 0..1, Options::default(), Arc::new(())).expect("nothing fails");
    c.bench_function("settle, quiet", |b| b.iter(|| black_box(journal.settle())));
    c.bench_function("begin and end, quiet", |b| b.iter(|| drop(journal.begin())));
}

/// Threads that commit batches and wait for each to be durable.
fn commits(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit 100 numbers and wait");
    let frames = frames(&(0..BATCH as u32).collect::<Vec<_>>());
    let interval = Durability::Interval(Duration::from_millis(100));
    for (name, durability) in [("fsync", Durability::Fsync), ("interval of 100 ms", interval)] {
        for threads in [1, 4, 16, 64] {
            let place = tempfile::tempdir().expect("a folder for the benchmark");
            let disk = Arc::new(Folder::open(place.path()).expect("it can be written"));
            let options = Options { durability, ..Options::default() };
            let journal = Wal::start(disk, &NUMBERS, 0..1, options, Arc::new(())).expect("nothing fails");
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

fn commit(journal: &Wal, frames: &Frames, count: u64) {
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
    targets = framing, replaying, quiet, commits
}
criterion_main!(benches);
