//! Prints how large segments are.
//!
//! `cargo run --release -p tallygate-index --example sizes`

#![expect(clippy::print_stdout, reason = "a table on the terminal is what this is for")]

#[path = "../benches/load/clients.rs"]
mod load;

use tallygate_index::segment::{Segment, SegmentWriter, Span};
use tallygate_index::{Day, Hour, Month};

type Error = Box<dyn std::error::Error>;

const DAY: Day = Day(20_000);
const MILLION: usize = 1_000_000;

fn main() -> Result<(), Error> {
    println!("| | addresses | bytes | bits per address | bytes per (address, hour or day) |\n|---|---|---|---|---|");
    let plain = |_| 1;
    for count in [MILLION / 100, MILLION / 10, MILLION, 5 * MILLION, 20 * MILLION, 50 * MILLION] {
        let clients = load::clients(count);
        row("plain set", Span::Hour(DAY.first_hour()), &clients, plain)?;
    }
    let even: Vec<u32> = (0..20 * MILLION as u64).map(|n| (n * 214 + load::random(n) % 214) as u32).collect();
    row("plain set, spread evenly", Span::Before, &even, plain)?;
    for count in [MILLION / 5, 5 * MILLION, 20 * MILLION] {
        let clients = load::clients(count);
        row("hour", Span::Hour(Hour(DAY.first_hour().0 + 12)), &clients, |at| load::hours(at, 3) >> 12 & 1)?;
        row("day, without hours", Span::Before, &clients, |at| u32::from(load::visits(at, 3)))?;
        row("day", Span::Day(DAY), &clients, |at| load::hours(at, 3))?;
        row("month", Span::Month(Month(24_300)), &clients, |at| {
            (0..load::DAYS).fold(0, |mask, day| mask | u32::from(load::visits(at, day)) << day)
        })?;
    }
    let clients = load::clients(110 * MILLION);
    row("plain set of a day's visitors", Span::Before, &clients, |at| u32::from(load::visits(at, 3)))
}

/// Writes those that have a mask, and prints what it takes.
fn row(name: &str, span: Span, addresses: &[u32], mask: impl Fn(u32) -> u32) -> Result<(), Error> {
    let mut writer = SegmentWriter::new(Vec::new(), 1, span);
    let (mut suffixes, mut masks, mut visits) = (Vec::new(), Vec::new(), 0);
    for block in addresses.chunk_by(|one, next| one >> 16 == next >> 16) {
        suffixes.clear();
        masks.clear();
        for address in block {
            let mask = mask(*address);
            if mask != 0 {
                suffixes.push(*address as u16);
                masks.push(mask);
                visits += u64::from(mask.count_ones());
            }
        }
        writer.push_v4((block[0] >> 16) as u16, &suffixes, &masks)?;
    }
    let (bytes, written) = writer.finish()?;
    let per = |count: u64| written.bytes as f64 / count as f64;
    println!("| {name} | {} | {} | {:.2} | {:.3} |", written.v4, written.bytes, 8.0 * per(written.v4), per(visits));
    assert_eq!(Segment::open(bytes.into())?.v4_len(), written.v4);
    Ok(())
}
