//! What a record costs in the sandbox: the boundary alone (guests that read nothing), the shipped JSON plugin (address
//! and time), both beside what they were in version 0.1.0 of the interface, and, in the same run, native serde_json reading
//! the address alone.
//!
//! `cargo bench -p tallygate-plugin-host`. All are measured in turns within one run, and the least of each is told: what matters
//! is how they compare.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::hint::black_box;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tallygate_event::Records;
use tallygate_plugin_host::{Compiler, Host, Instance, Limits, LoadRequest};

const RECORDS: usize = 1000;
/// How often each has its turn, for how long, and how many calls lie between two looks at the clock.
const ROUNDS: usize = 30;
const TURN: Duration = Duration::from_millis(20);
const TOGETHER: u32 = 20;

#[derive(serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    ip: &'a str,
}

/// What is measured: its name, and a call of it.
type Measured<'a> = (&'static str, Box<dyn FnMut() + 'a>);

struct Batch {
    data: Vec<u8>,
    bounds: Vec<u32>,
}

impl Batch {
    fn new(record: fn(u32) -> String) -> Self {
        let mut batch = Self { data: vec![], bounds: vec![] };
        for at in 0..RECORDS as u32 {
            batch.bounds.push(batch.data.len() as u32);
            let record = record(at);
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

fn json_record(at: u32) -> String {
    format!(
        r#"{{"timestamp":"2020-06-24T15:27:00.{:06}Z","ip":"{}","url":"https://example.com/shop/item/{}"}}"#,
        at * 997 % 1_000_000,
        address(at),
        10_000 + at
    )
}

fn address(at: u32) -> String {
    let [_, a, b, c] = at.wrapping_mul(2_654_435_761).to_be_bytes();
    format!("83.{a}.{b}.{c}")
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

/// The least nanoseconds of each of them, measured in turns: what is more was something else on the machine.
fn least(measured: &mut [Measured<'_>]) -> Vec<f64> {
    let mut least = vec![f64::MAX; measured.len()];
    for _ in 0..ROUNDS {
        for (least, (_, call)) in least.iter_mut().zip(measured.iter_mut()) {
            let (begin, mut calls) = (Instant::now(), 0);
            while begin.elapsed() < TURN {
                let start = Instant::now();
                for _ in 0..TOGETHER {
                    call();
                }
                *least = least.min(start.elapsed().as_nanos() as f64 / f64::from(TOGETHER));
                calls += TOGETHER;
            }
            assert!(calls > 0);
        }
    }
    least
}

/// Measures guests with the same records, and tells how the first compares with the second.
fn compare(what: &str, host: &Host, guests: &[(&'static str, Vec<u8>)], records: Records<'_>) {
    let mut instances: Vec<_> =
        guests.iter().map(|(name, component)| (*name, instance(host, name, component))).collect();
    let mut measured: Vec<Measured<'_>> = Vec::new();
    for (name, instance) in &mut instances {
        assert_eq!(instance.extract(records).expect("an answer").accepted(), records.len(), "{name}");
        measured.push((*name, Box::new(|| drop(black_box(instance.extract(records).expect("an answer"))))));
    }
    if what.starts_with("json") {
        measured.push(("native serde_json", Box::new(|| native(records))));
    }
    let found = least(&mut measured);
    for ((name, _), nanoseconds) in measured.iter().zip(&found) {
        println!("{what:<24} {name:<18} {:>8.1} ns a record", nanoseconds / records.len() as f64);
    }
    println!("{what:<24} {} / {}: {:.3}", measured[0].0, measured[1].0, found[0] / found[1]);
}

fn main() {
    let (batch, host) = (Batch::new(json_record), Host::new(None, Compiler::Here).expect("a host"));
    let guest = |package| built("tests/guests/Cargo.toml", package);
    let old_json = std::fs::read(checkout().join("tests/guests/fixtures/json-0.1.0.wasm")).expect("the fixture");
    let boundary = [
        ("boundary", built("plugins/Cargo.toml", "boundary")),
        ("empty, 0.1.0", guest("empty-0-1")),
        ("empty", guest("empty")),
    ];
    let json = [("json", built("plugins/Cargo.toml", "json")), ("json, 0.1.0", old_json)];
    for (count, records) in [("1,000 records a call", batch.records()), ("one record a call", batch.first())] {
        compare(&format!("nothing, {count}"), &host, &boundary, records);
        compare(&format!("json, {count}"), &host, &json, records);
    }
    let by = [("by-sdk", guest("by-sdk")), ("by-hand", guest("by-hand"))];
    compare("addresses", &host, &by, Batch::new(address).records());
}

/// What reading the address alone takes without a sandbox.
fn native(records: Records<'_>) {
    for at in 0..records.len() {
        let record: Record<'_> = serde_json::from_slice(records.get(at).expect("in range")).expect("is JSON");
        black_box(record.ip.parse::<IpAddr>().expect("is an address"));
    }
}
