//! What a record costs in the sandbox: the boundary alone (a guest that reads nothing), the shipped JSON plugin (address
//! and time), and, in the same run, native serde_json reading the address alone.
//!
//! `cargo bench -p tallygate-plugin-host`. Times are per 1,000 records: microseconds there are nanoseconds a record.

use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tallygate_event::Records;
use tallygate_plugin_host::{Compiler, Host, Instance, Limits, LoadRequest};

const RECORDS: usize = 1000;

#[derive(serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    ip: &'a str,
}

struct Batch {
    data: Vec<u8>,
    starts: Vec<u32>,
    ends: Vec<u32>,
}

impl Batch {
    fn new() -> Self {
        let mut batch = Self { data: vec![], starts: vec![], ends: vec![] };
        for at in 0..RECORDS {
            let [_, a, b, c] = (at as u32).wrapping_mul(2_654_435_761).to_be_bytes();
            batch.starts.push(batch.data.len() as u32);
            let record = format!(
                r#"{{"timestamp":"2020-06-24T15:27:00.{:06}Z","ip":"83.{a}.{b}.{c}","url":"https://example.com/shop/item/{}"}}"#,
                at * 997 % 1_000_000,
                10_000 + at
            );
            batch.data.extend_from_slice(record.as_bytes());
            batch.ends.push(batch.data.len() as u32);
            batch.data.push(b'\n');
        }
        batch
    }

    fn records(&self) -> Records<'_> {
        Records { data: &self.data, starts: &self.starts, ends: &self.ends }
    }
}

/// An instance of a guest of one of the two workspaces.
fn instance(host: &Host, manifest: &str, package: &str) -> Instance {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the checkout");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
    let built = tallygate_guest_build::build(&root.join(manifest), &[package], &target).expect("the guest builds");
    let wasm = std::fs::read(&built[0]).expect("was just built");
    let candidate = LoadRequest { name: package, component: &wasm, settings: vec![], limits: Limits::default() };
    host.load(candidate, &mut |_, _| {}).expect("loads").instantiate().expect("an instance")
}

fn bench(criterion: &mut Criterion) {
    let batch = Batch::new();
    let host = Host::new(None, Compiler::Here).expect("a host");
    let mut group = criterion.benchmark_group("thousand_records");
    group.throughput(Throughput::Elements(RECORDS as u64));

    let mut empty = instance(&host, "tests/guests/Cargo.toml", "empty");
    group.bench_function("boundary", |bencher| bencher.iter(|| empty.extract(batch.records()).expect("an answer")));

    let mut json = instance(&host, "plugins/Cargo.toml", "json");
    assert_eq!(json.extract(batch.records()).expect("an answer").accepted(), RECORDS);
    group.bench_function("json_plugin", |bencher| bencher.iter(|| json.extract(batch.records()).expect("an answer")));

    group.bench_function("serde_json_native", |bencher| {
        bencher.iter(|| {
            for at in 0..RECORDS {
                let record: Record<'_> =
                    serde_json::from_slice(batch.records().get(at).expect("in range")).expect("is JSON");
                black_box(record.ip.parse::<IpAddr>().expect("is an address"));
            }
        });
    });
    group.finish();

    let one = Batch { data: batch.data.clone(), starts: vec![batch.starts[0]], ends: vec![batch.ends[0]] };
    let one = Records { data: &one.data[..one.ends[0] as usize], starts: &one.starts, ends: &one.ends };
    criterion
        .bench_function("one_record/json_plugin", |bencher| bencher.iter(|| json.extract(one).expect("an answer")));
    criterion.bench_function("one_record/boundary", |bencher| bencher.iter(|| empty.extract(one).expect("an answer")));
}

criterion_group!(benches, bench);
criterion_main!(benches);
