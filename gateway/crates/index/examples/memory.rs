//! Prints the resident memory that the sets take, measured in a process of its own for each row.
//!
//! `cargo run --release -p tallygate-index --example memory` (the system's allocator), `--example memory_mimalloc`.

#![expect(clippy::print_stdout, reason = "a table on the terminal is what this is for")]

use std::num::NonZeroU32;
use std::process::Command;
use tallygate_index::{Ipv6Policy, NewIps, UniqueIps};

type Error = Box<dyn std::error::Error>;

const BATCH: usize = 1_000;
const MILLION: usize = 1_000_000;

#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    inserts: usize,
    /// The n-th address, from n and from 128 random bits.
    address: fn(usize, u128) -> Address,
}

enum Address {
    V4(u32),
    V6(u128),
}

const SITE: u128 = 0x2001_0db8 << 96;

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "empty", inserts: 0, address: |_, _| Address::V4(0) },
    Scenario { name: "v4: 10 M random", inserts: 10 * MILLION, address: |_, random| Address::V4(random as u32) },
    Scenario {
        name: "v4: 10 M random in 2,000 /16s",
        inserts: 10 * MILLION,
        address: |_, random| Address::V4((random as u32 % 2_000 + 4_096) << 16 | (random >> 64) as u32 & 0xffff),
    },
    Scenario { name: "v4: 100 k random", inserts: MILLION / 10, address: |_, random| Address::V4(random as u32) },
    Scenario { name: "v4: 50 M random", inserts: 50 * MILLION, address: |_, random| Address::V4(random as u32) },
    Scenario {
        name: "v6: 1 M /64s, one each",
        inserts: MILLION,
        address: |_, random| Address::V6(SITE | random & (u128::MAX >> 32)),
    },
    Scenario {
        name: "v6: 5 M /64s, one each",
        inserts: 5 * MILLION,
        address: |_, random| Address::V6(SITE | random & (u128::MAX >> 32)),
    },
    Scenario {
        name: "v6: 500 k /64s, four each",
        inserts: 2 * MILLION,
        address: |n, random| Address::V6(SITE | ((n % 500_000) as u128) << 64 | random & u128::from(u64::MAX)),
    },
    Scenario {
        name: "v6: one /64 with 65,536",
        inserts: 65_536,
        address: |_, random| Address::V6(SITE | random & u128::from(u64::MAX)),
    },
    Scenario {
        name: "v6: one /64 with 1 M (cap 1 M)",
        inserts: MILLION,
        address: |_, random| Address::V6(SITE | random & u128::from(u64::MAX)),
    },
];

/// One row for each scenario; given a number, that row alone.
pub(crate) fn main() -> Result<(), Error> {
    if let Some(number) = std::env::args().nth(1) {
        return measure(SCENARIOS[number.parse::<usize>()?]);
    }
    println!("{:32} {:>10} {:>12} {:>8} {:>14}", "", "addresses", "resident MB", "B each", "the set says");
    for number in 0..SCENARIOS.len() {
        let run = Command::new(std::env::current_exe()?).arg(number.to_string()).output()?;
        print!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    }
    Ok(())
}

fn measure(scenario: Scenario) -> Result<(), Error> {
    // What a batch needs is taken before the baseline, so that only the set itself is measured.
    let (mut v4, mut v6, mut new) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH), NewIps::default());
    new.v4.reserve(BATCH);
    new.v6.reserve(BATCH);
    let cap_per_64 = NonZeroU32::new(if scenario.name.contains("cap") { 1_000_000 } else { 65_536 });
    let policy = Ipv6Policy { cap_per_64: cap_per_64.ok_or("a cap of zero")?, ..Ipv6Policy::default() };
    let baseline = resident()?;
    let set = UniqueIps::new(policy);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for first in (0..scenario.inserts).step_by(BATCH) {
        for n in first..scenario.inserts.min(first + BATCH) {
            let bits = u128::from(splitmix(&mut random)) << 64 | u128::from(splitmix(&mut random));
            match (scenario.address)(n, bits) {
                Address::V4(address) => v4.push(address),
                Address::V6(address) => v6.push(address),
            }
        }
        set.insert(&v4, &v6, &mut new);
        v4.clear();
        v6.clear();
        new.clear();
    }
    let grown = resident()?.saturating_sub(baseline);
    let each = grown as f64 / set.len().max(1) as f64;
    let (grown, says) = (grown as f64 / 1e6, set.memory_bytes() as f64 / 1e6);
    println!("{:32} {:>10} {grown:>12.1} {each:>8.1} {says:>11.1} MB", scenario.name, set.len());
    Ok(())
}

/// Resident bytes of this process.
fn resident() -> Result<usize, Error> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_ascii_whitespace().nth(1).ok_or("no second number in /proc/self/statm")?;
    Ok(pages.parse::<usize>()? * 4_096)
}

/// Sebastiano Vigna's SplitMix64: a fixed sequence, so that every run counts the same addresses.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
