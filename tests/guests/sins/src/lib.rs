//! What the guests of `examples` do where they do not sin; each does one thing wrong.
//!
//! A record is an IPv4 address as text, and accepted as that address. Any other is malformed, [`POISON`] too, with which
//! most guests show their sin.

use std::net::Ipv4Addr;

wit_bindgen::generate!({
    path: "../../../wit/1.0.0",
    world: "plugin",
    pub_export_macro: true,
    default_bindings_module: "sins",
});

pub use exports::tallygate::plugin::extractor::{Guest, Info, Outcome};
pub use tallygate::plugin::log::{Level, emit};

/// The record on which most guests sin.
pub const POISON: &[u8] = b"poison";

/// The statuses that well-behaved guests give.
pub const V4: u8 = 0;
pub const MALFORMED: u8 = 16;

/// A guest that does one thing wrong. What it does not say itself is done well.
pub trait Sinner {
    fn describe() -> Info {
        Info {
            name: "sinner".into(),
            version: "0.1.0".into(),
            about: "Does one thing wrong.".into(),
            rejects: vec![],
            settings: vec![],
        }
    }

    fn configure(_: Vec<(String, String)>) -> Result<(), String> {
        Ok(())
    }

    fn extract(data: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        let mut outcome = Outcome { status: vec![], v4: vec![], v6: vec![], times: vec![] };
        for [start, end] in bounds.as_chunks().0 {
            Self::judge(&data[*start as usize..*end as usize], &mut outcome);
        }
        outcome
    }

    fn judge(record: &[u8], outcome: &mut Outcome) {
        judge(record, outcome);
    }

    fn explain(record: Vec<u8>, _: i64) -> Result<String, String> {
        match address(&record) {
            Some(address) => Ok(format!("the address {address}")),
            None => Err("not an address".into()),
        }
    }
}

impl<T: Sinner> Guest for T {
    fn describe() -> Info {
        T::describe()
    }

    fn configure(settings: Vec<(String, String)>) -> Result<(), String> {
        T::configure(settings)
    }

    fn extract(data: Vec<u8>, bounds: Vec<u32>, received: i64) -> Outcome {
        T::extract(data, bounds, received)
    }

    fn explain(record: Vec<u8>, received: i64) -> Result<String, String> {
        T::explain(record, received)
    }
}

/// Judges a record as every guest should.
pub fn judge(record: &[u8], outcome: &mut Outcome) {
    match address(record) {
        Some(address) => {
            outcome.status.push(V4);
            outcome.v4.push(address.to_bits());
        }
        None => outcome.status.push(MALFORMED),
    }
}

fn address(record: &[u8]) -> Option<Ipv4Addr> {
    std::str::from_utf8(record).ok()?.parse().ok()
}

/// Computes for ever.
pub fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// Computes for so many rounds.
pub fn compute(rounds: u64) {
    for round in 0..rounds {
        std::hint::black_box(round);
    }
}
