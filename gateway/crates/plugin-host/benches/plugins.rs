//! What a record costs in the sandbox: the boundary alone (guests that read nothing), the shipped JSON plugin (address
//! and time), both beside what they were in version 0.1.0 of the interface, and, in the same run, native serde_json reading
//! the address alone.
//!
//! `cargo bench -p tallygate-plugin-host`. Times are per 1,000 records: microseconds there are nanoseconds a record.

use std::hint::black_box;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

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
    bounds: Vec<u32>,
}

impl Batch {
    fn new() -> Self {
        let mut batch = Self { data: vec![], bounds: vec![] };
        for at in 0..RECORDS {
            let [_, a, b, c] = (at as u32).wrapping_mul(2_654_435_761).to_be_bytes();
            batch.bounds.push(batch.data.len() as u32);
            let record = format!(
                r#"{{"timestamp":"2020-06-24T15:27:00.{:06}Z","ip":"83.{a}.{b}.{c}","url":"https://example.com/shop/item/{}"}}"#,
                at * 997 % 1_000_000,
                10_000 + at
            );
            batch.data.extend_from_slice(record.as_bytes());
            batch.bounds.push(batch.data.len() as u32);
            batch.data.push(b'\n');
        }
        batch
    }

    fn records(&self) -> Records<'_> {
        Records { data: &self.data, bounds: &self.bounds, received: 1_800_000_000_000_000_000 }
    }

    /// The first of them alone.
    fn first(&self) -> Records<'_> {
        let Records { data, bounds, received } = self.records();
        Records { data: &data[..bounds[1] as usize], bounds: &bounds[..2], received }
    }
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the checkout")
}

/// The component of a guest of one of the two workspaces.
fn built(manifest: &str, package: &str) -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
    let built = tallygate_guest_build::build(&checkout().join(manifest), &[package], &target);
    std::fs::read(&built.expect("the guest builds")[0]).expect("was just built")
}

fn instance(host: &Host, name: &str, component: &[u8]) -> Instance {
    let candidate = LoadRequest { name, component, settings: vec![], limits: Limits::default() };
    host.load(candidate, &mut |_, _| {}).expect("loads").instantiate().expect("an instance")
}

fn bench(criterion: &mut Criterion) {
    let batch = Batch::new();
    let host = Host::new(None, Compiler::Here).expect("a host");
    let old_json = std::fs::read(checkout().join("tests/guests/fixtures/json-0.1.0.wasm")).expect("the fixture");
    let guests = [
        ("boundary", built("tests/guests/Cargo.toml", "empty")),
        ("boundary_0_1", built("tests/guests/Cargo.toml", "empty-0-1")),
        ("json_plugin", built("plugins/Cargo.toml", "json")),
        ("json_plugin_0_1", old_json),
    ];
    let mut instances = guests.map(|(name, component)| (name, instance(&host, name, &component)));

    let mut group = criterion.benchmark_group("thousand_records");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for (name, instance) in &mut instances {
        assert_eq!(instance.extract(batch.records()).expect("an answer").accepted(), RECORDS);
        group.bench_function(*name, |bencher| bencher.iter(|| instance.extract(batch.records()).expect("an answer")));
    }
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

    let mut group = criterion.benchmark_group("one_record");
    for (name, instance) in &mut instances {
        group.bench_function(*name, |bencher| bencher.iter(|| instance.extract(batch.first()).expect("an answer")));
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
