//! Speed of segments that are larger than the nearer caches. `cargo bench -p tallygate-index --bench segments`
//!
//! All figures are of one thread, each lookup waiting for the one before, in random order.

#[path = "load/clients.rs"]
mod load;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::convert::Infallible;
use std::hint::black_box;
use tallygate_index::segment::{
    Input, Project, Segment, SegmentWriter, Span, Without, count_union, merge, write_merged,
};
use tallygate_index::{Day, Month};

const CLIENTS: usize = 20_000_000;
const QUERIES: usize = 1 << 20;
const MONTH: Month = Month(24_300);
const KEEP: u32 = u32::MAX;

/// Those clients that have a mask.
fn segment(span: Span, clients: &[u32], mask: impl Fn(u32) -> u32) -> Segment {
    let mut writer = SegmentWriter::new(Vec::new(), 1, span);
    for block in clients.chunk_by(|one, next| one >> 16 == next >> 16) {
        let there = block.iter().map(|at| (*at as u16, mask(*at))).filter(|(_, mask)| *mask != 0);
        let (suffixes, masks): (Vec<_>, Vec<_>) = there.unzip();
        writer.push_v4((block[0] >> 16) as u16, &suffixes, &masks).expect("ascending");
    }
    let (bytes, _) = writer.finish().expect("a vector takes everything");
    Segment::open(bytes.into()).expect("just written")
}

fn month(clients: &[u32]) -> Segment {
    let mask = |at| (0..load::DAYS).fold(0, |mask, day| mask | u32::from(load::visits(at, day)) << day);
    segment(Span::Month(MONTH), clients, mask)
}

fn days(clients: &[u32]) -> Vec<Segment> {
    let day = |day| segment(Span::Day(Day(MONTH.first_day().0 + day)), clients, |at| load::hours(at, day));
    (0..load::DAYS).map(day).collect()
}

fn inputs(days: &[Segment], keep: u32) -> Vec<Input<'_>> {
    (0..).zip(days).map(|(day, segment)| Input { segment, keep, project: Project::Bit(day) }).collect()
}

/// Addresses in random order: some of the clients, or their neighbours, most of which are none.
fn queries(clients: &[u32]) -> [(&'static str, Vec<u32>); 2] {
    let pick = |n: usize| clients[load::random(n as u64) as usize % clients.len()];
    let hit = (0..QUERIES).map(pick).collect();
    let miss = (0..QUERIES).map(|n| pick(n) ^ 1 << 15 ^ load::random(!(n as u64)) as u32 & 0xfff).collect();
    [("hit", hit), ("mostly miss", miss)]
}

/// Zero, but not so that a compiler knew.
fn nothing_of(found: u32) -> u32 {
    black_box(found) >> 31
}

fn lookups(criterion: &mut Criterion) {
    let clients = load::clients(CLIENTS);
    let even: Vec<u32> = (0..CLIENTS as u64).map(|n| (n * 214 + load::random(n) % 214) as u32).collect();
    let all = |_| 1;
    let segments = [
        ("plain set", segment(Span::Before, &clients, all), &clients),
        ("plain set, spread evenly", segment(Span::Before, &even, all), &even),
        ("days of a month", month(&clients), &clients),
    ];
    for (name, segment, addresses) in &segments {
        let mut group = criterion.benchmark_group(format!("v4, {name}"));
        group.throughput(Throughput::Elements(QUERIES as u64)).sample_size(10);
        for (asked, queries) in queries(addresses) {
            group.bench_function(asked, |b| {
                // What was found is part of the next question, so that the processor cannot ask it earlier.
                b.iter(|| queries.iter().fold(0, |found, at| segment.v4(at ^ nothing_of(found))));
            });
        }
        group.finish();
    }
}

fn unions(criterion: &mut Criterion) {
    let clients = load::clients(CLIENTS);
    let days = days(&clients);
    let visits: u64 = days.iter().map(Segment::v4_len).sum();
    let mut group = criterion.benchmark_group("30 days");
    group.throughput(Throughput::Elements(visits)).sample_size(10);
    for (name, keep) in [("all hours", KEEP), ("one hour of each", 1 << 12)] {
        let inputs = inputs(&days, keep);
        group.bench_function(BenchmarkId::new("count_union", name), |b| b.iter(|| black_box(count_union(&inputs))));
    }
    let inputs = inputs(&days, KEEP);
    group.bench_function("merge", |b| {
        b.iter(|| {
            let mut count = 0;
            let Ok(()) = merge(
                &inputs,
                |_, suffixes, _| {
                    count += suffixes.len();
                    Ok::<_, Infallible>(())
                },
                |_, _| Ok(()),
            );
            count
        });
    });
    group.bench_function("write_merged into a month", |b| {
        b.iter(|| {
            let writer = SegmentWriter::new(Vec::new(), 1, Span::Month(MONTH));
            write_merged(&inputs, &Without::default(), writer).expect("a vector takes everything").1
        });
    });
    group.finish();

    let month = month(&clients);
    let input = [Input { segment: &month, keep: KEEP, project: Project::AsIs }];
    let mut group = criterion.benchmark_group("a month");
    group.throughput(Throughput::Elements(month.v4_len())).sample_size(10);
    group.bench_function("write_merged as it is", |b| {
        b.iter(|| {
            let writer = SegmentWriter::new(Vec::new(), 1, Span::Month(MONTH));
            write_merged(&input, &Without::default(), writer).expect("a vector takes everything").1
        });
    });
    group.finish();
}

criterion_group!(all, lookups, unions);
criterion_main!(all);
