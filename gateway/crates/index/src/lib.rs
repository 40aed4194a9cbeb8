//! The exact sets of unique addresses: IPv4 in compact pages, IPv6 with a cap per /64.

mod prefetch;
mod unique;
mod v4;
mod v6;

pub use unique::{Inserted, NewIps, UniqueIps};
pub use v4::{Ipv4Set, Iter as Ipv4Iter};
pub use v6::{Granularity, Ipv6Policy, Ipv6Set};
