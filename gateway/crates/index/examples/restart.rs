//! How long it takes to open a large history again, and what it occupies: `cargo run --release -p tallygate-index --example
//! restart [MILLIONS OF VISITS]`, 100 by default, of addresses that come in runs and again on other days, over 30 days.

#[path = "../benches/load/random.rs"]
mod random;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tallygate_disk::Folder;
use tallygate_event::TenantId;
use tallygate_index::journal::Durability;
use tallygate_index::query::Range;
use tallygate_index::visits::{Options, Scratch};
use tallygate_index::{Day, Hour, Visits};

use self::random::{client, random};

const DAYS: u32 = 30;
const HOURS: u32 = 4;

fn open(folder: &std::path::Path, clock: &Arc<AtomicI64>, durability: Durability) -> Visits {
    let now = Arc::clone(clock);
    let clock: tallygate_index::visits::Clock = Arc::new(move || now.load(Ordering::Relaxed));
    let options = Options { durability, clock, patience: Duration::ZERO, ..Options::default() };
    let disk = Arc::new(Folder::open(folder).expect("a folder of our own"));
    Visits::open(disk, options, Arc::new(())).expect("can be opened").0
}

#[allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "what it is for")]
fn main() {
    let millions = std::env::args().nth(1).map_or(100, |text| text.parse().expect("a number of millions"));
    let (an_hour, clients) = (millions * 1_000_000 / u64::from(DAYS * HOURS), millions * 250_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = Day::of_civil(2026, 1, 1).expect("is a date");
    let clock = Arc::new(AtomicI64::new(first.first_hour().unix_ms()));
    let (visits, mut scratch) = (open(folder.path(), &clock, Durability::Memory), Scratch::default());
    let own = visits.of(TenantId::DEFAULT).expect("is kept");
    let start = Instant::now();
    for hour in 0..DAYS * HOURS {
        let hour = Hour(first.first_hour().0 + hour * 24 / HOURS);
        clock.store(hour.unix_ms(), Ordering::Relaxed);
        for batch in 0..an_hour / 1_000 {
            let came = |n| client(random(u64::from(hour.0) << 32 | (batch * 1_000 + n)) % clients);
            let addresses: Vec<u32> = (0..1_000).map(came).collect();
            let mut write = own.write(&mut scratch);
            write.add(hour, &addresses, &[]).expect("can be written");
            assert!(write.finish().expect("can be written").is_none());
        }
        drop(own.view());
    }
    let taken_in = start.elapsed();
    let start = Instant::now();
    visits.maintain().expect("the disk works");
    println!("taken in after {taken_in:.1?}, merged after another {:.1?}", start.elapsed());
    let (unique, stats) = (own.unique(), visits.stats());
    drop(visits);

    let start = Instant::now();
    let visits = open(folder.path(), &clock, Durability::Fsync);
    let took = start.elapsed();
    let own = visits.of(TenantId::DEFAULT).expect("is kept");
    assert_eq!(own.unique(), unique);
    let range = Range::days(first, Day(first.0 + DAYS - 1));
    let a_day = |day| own.view().distinct(Range::days(Day(day), Day(day))).expect("is kept").distinct;
    let days: u64 = (first.0..first.0 + DAYS).map(a_day).sum();
    println!("opened again after {took:.2?}: {unique} addresses, {days} of them by days");
    println!("over {DAYS} days: {:?}", own.view().distinct(range).expect("is kept"));
    let bytes = stats.segment_bytes;
    println!("{} segments, {bytes} bytes: {:.2} for each (address, day)", stats.segments, bytes as f64 / days as f64);
}
