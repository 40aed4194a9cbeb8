//! Which addresses came when: exactly, durably, over any range.
//!
//! [`Visits`] is the way in: batches of addresses, each with its hour, go in and are acknowledged when they are durable;
//! a [`query::View`] answers how many distinct ones came in any range, which, and when. How it works is told for everybody in
//! `gateway/docs/visits.md`, and for who changes it in `gateway/ARCHITECTURE.md`. In layers, from the bottom up:
//!
//! - The crates [`tallygate_disk`], the little that is asked of a file system, and [`tallygate_wal`], group commit.
//! - [`UniqueIps`]: the set of all addresses that ever came.
//! - [`segment`]: files of addresses, with the hours or days of each. [`journal`]: what is not in segments yet.
//! - All of it is kept by tenant: sets, hours, segments and matrices are one tenant's; journal, queue, disk and history serve all.
//! - The matrices: who came when, and when before that, which is enough to count distinct addresses over any range.
//! - The history: segments and matrices, owned by one thread. Hot hours in front of it know who came within the hour.
//!
//! # Sets
//!
//! - IPv4: [`Ipv4Set`] has one 64-bit entry for each /16 and behind it a page: a table of 16-bit suffixes (64 bytes, doubling
//!   up to 4 KiB), then a bitmap of 8 KiB. Pages lie in a buddy allocator of the set's own (`v4/arena.rs`), so they cost the
//!   same under every global allocator, and a reader may look at a page that is being left: it finds out afterwards.
//! - IPv6: [`Ipv6Set`] has 16 bytes for a /64 with one address, and keeps the lower halves of a fuller one together.
//!
//! # Figures
//!
//! On a virtual machine with 2 cores of an AMD EPYC (family 26), shared with other work while measuring.
//!
//! Resident memory over the baseline, transparent huge pages on ("always"; `--example memory`, `--example memory_mimalloc`):
//!
//! | | addresses | system allocator | mimalloc |
//! |---|---|---|---|
//! | empty | 0 | 0.3 MB | 2.2 MB |
//! | v4: 10 M random | 9,988,234 | 35.6 MB | 48.4 MB |
//! | v4: 10 M random in 2,000 /16s | 9,627,804 | 17.4 MB | 25.3 MB |
//! | v4: 100 k random | 99,999 | 4.3 MB | 8.6 MB |
//! | v4: 50 M random | 49,710,034 | 139.7 MB | 178.4 MB |
//! | v6: 1 M /64s, one each | 1,000,000 | 37.8 MB | 73.5 MB |
//! | v6: 5 M /64s, one each | 5,000,000 | 147.7 MB | 159.2 MB |
//! | v6: 500 k /64s, four each | 2,000,000 | 77.2 MB | 89.4 MB |
//! | v6: one /64 with 65,536 | 65,536 | 1.6 MB | 10.6 MB |
//! | v6: one /64 with 1 M (cap 1 M) | 1,000,000 | 19.3 MB | 40.6 MB |
//!
//! Either allocator meets the goal for ten million IPv4 addresses (60 MB; 40 MB within 2,000 /16s). What mimalloc adds there
//! is whole huge pages: with these off for the process, its figures were 35.1 and 17.6 MB.
//!
//! One thread, a million addresses in batches of 1,000, system allocator (`cargo bench -p tallygate-index --bench sets --
//! --warm-up-time 0.3 --measurement-time 1.5`), millions per second:
//!
//! | | pages | `Mutex<HashSet>` | `DashSet` |
//! |---|---|---|---|
//! | insert into an empty set, even | 84 | 34 | 27 |
//! | insert into an empty set, dense | 94 | 32 | 27 |
//! | insert into an empty set, skewed | 77 | 50 | 42 |
//! | insert 1 M new into 9 M, even | 49 | 13 |  |
//! | insert repeats, even | 173 | 70 | 51 |
//! | insert repeats, dense | 302 | 70 | 52 |
//! | insert repeats, skewed | 179 | 86 | 65 |
//! | contains, even, hit | 117 |  | 49 |
//! | contains, even, mostly miss | 88 |  | 62 |
//! | contains, dense, hit | 321 |  | 45 |
//! | contains, dense, mostly miss | 331 |  | 47 |
//!
//! *Even* is spread over all /16s, *dense* within 100 of them, *skewed* has runs of neighbours, half the traffic from a
//! thousandth of the clients. Lookups follow each other without waiting, so this is throughput rather than latency.
//!
//! IPv6, a million addresses, in the same run:
//! a /64 each: insert new 11 M/s (`DashSet` 12), repeats 17, `contains` 11;
//! 15 in a /64: insert new 7 M/s (`DashSet` 13), repeats 10, `contains` 10.
//!
//! # Checks
//!
//! The only `unsafe` is the prefetch hint. What remains to be shown is that the orderings of the atomics suffice:
//!
//! ```text
//! MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-disable-stacked-borrows" cargo +nightly miri test -p tallygate-index
//! RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu \
//!     -p tallygate-index --lib --tests
//! ```
//!
//! Miri compiles the hint out, so that its check of aliasing has nothing of this crate's to look at, and would take two thirds
//! of the time. As it is, the run takes about 17 minutes.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod absorb;
mod damage;
mod history;
mod hot;
pub mod journal;
mod manifest;
mod matrix;
mod prefetch;
pub mod query;
mod queue;
pub mod segment;
mod snapshot;
mod time;
mod unique;
mod v4;
mod v6;
mod varint;
pub mod visits;

pub use damage::{Damage, DamageKind, DamageTotals};
pub use manifest::format_versions;
#[doc(hidden)]
pub use manifest::read_and_write_manifest;
pub use matrix::Counts;
pub use time::{Day, Hour, Month};
pub use unique::{Inserted, NewIps, UniqueIps};
pub use v4::{Ipv4Set, Iter as Ipv4Iter};
pub use v6::{Granularity, Ipv6Policy, Ipv6Set};
pub use visits::{TenantVisits, Visits};
