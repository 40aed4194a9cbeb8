//! The clients of a large site, as benches, examples and tests make them up. All of it follows from numbers, so that two
//! runs see the same addresses.
//!
//! - Providers: 20,000 /16s in random places. The one of rank r has clients in proportion to 1 / (r + 200): Zipf's law as
//!   Mandelbrot wrote it down, whose shift stands for a large provider having several /16s, as one holds only 65,536.
//! - Pools: between a quarter and all of a /16's 256 /24s are in use. In these, clients come in runs of 1 to 16 neighbours
//!   at random places, until the /16 has all of its clients.
//! - Habits: 20 % of clients visit on a day with probability 0.6, 30 % with 0.15, and the others on one day of 30. They
//!   are strewn among the addresses at random.
//! - Hours: on such a day, 60 % of clients visit in one hour, 25 % in two, 10 % in three, 5 % in four, at random.
//!
//! Real traffic is easier in that hours and days of a client resemble each other, and harder in nothing that is known here.

#![allow(dead_code, reason = "no user of this file needs all of it")]

#[path = "random.rs"]
mod random;

pub(crate) use self::random::random;

/// Days over which somebody comes once who does so only once.
pub(crate) const DAYS: u32 = 30;

const PROVIDERS: usize = 20_000;
const SHIFT: f64 = 200.0;

/// The addresses of about `count` clients, ascending.
pub(crate) fn clients(count: usize) -> Vec<u32> {
    let total: f64 = (0..PROVIDERS).map(weight).sum();
    let mut keys: Vec<u32> = (1 << 8..224 << 8).collect();
    keys.sort_by_key(|key| random(u64::from(*key)));
    let mut shares: Vec<_> = keys.into_iter().zip((0..PROVIDERS).map(|rank| weight(rank) / total)).collect();
    shares.sort_unstable_by_key(|(key, _)| *key);

    let (mut addresses, mut owed) = (Vec::with_capacity(count + PROVIDERS), 0.0);
    for (key, share) in shares {
        owed += share * count as f64;
        let clients = (owed as usize).min(1 << 16);
        owed -= clients as f64;
        fill_provider(key, clients, &mut addresses);
    }
    addresses
}

/// In which hours of a day, counted from any day on, an address visits: a mask of 24 bits, mostly 0.
pub(crate) fn hours(address: u32, day: u32) -> u32 {
    if !visits(address, day) {
        return 0;
    }
    let mut chance = random(u64::from(address) << 16 | u64::from(day) << 1 | 1);
    let visits = match chance % 100 {
        0..60 => 1,
        60..85 => 2,
        85..95 => 3,
        _ => 4,
    };
    let mut mask = 0;
    for _ in 0..visits {
        chance = random(chance);
        mask |= 1 << (chance % 24);
    }
    mask
}

/// Whether an address visits on a day.
pub(crate) fn visits(address: u32, day: u32) -> bool {
    let habit = random(u64::from(address) ^ 0x5a5a_0000_0000_0000);
    let today = random(u64::from(address) << 16 | u64::from(day) << 1) % 100;
    match habit % 100 {
        0..20 => today < 60,
        20..50 => today < 15,
        _ => (habit >> 32) % u64::from(DAYS) == u64::from(day % DAYS),
    }
}

fn weight(rank: usize) -> f64 {
    1.0 / (rank as f64 + SHIFT)
}

fn fill_provider(key: u32, clients: usize, addresses: &mut Vec<u32>) {
    let mut chance = random(u64::from(key) << 40);
    // As many pools as can hold the clients with room to spare.
    let pools = (64 + chance % 193).max((clients as u64 / 128 + 1).min(256));
    let mut there = vec![false; 1 << 16];
    let mut left = clients;
    while left > 0 {
        chance = random(chance);
        // An odd factor strews the pools over the /16.
        let pool = (chance % pools) * 0x9d % 256;
        let first = (chance >> 16) % 256;
        for host in first..(first + 1 + (chance >> 32) % 16).min(256) {
            let there = &mut there[(pool * 256 + host) as usize];
            if !*there && left > 0 {
                *there = true;
                left -= 1;
            }
        }
    }
    addresses.extend((0..1 << 16).filter(|suffix| there[*suffix as usize]).map(|suffix| key << 16 | suffix));
}
