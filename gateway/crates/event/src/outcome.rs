use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Code;

/// The time of a record that has none.
pub const NO_TIME: i64 = i64::MIN;
/// The time of a record that has one which its plugin could not read.
pub const UNREAD_TIME: i64 = i64::MIN + 1;

/// What a plugin made of some records, as columns.
///
/// Invariant, checked at the sandbox's edge: the other columns hold exactly what `status` announces.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// One byte per record: [`Outcome::V4`], [`Outcome::V6`], [`Outcome::NO_CLIENT`] or a [`Code`].
    pub status: Vec<u8>,
    /// The addresses of the records with status [`Outcome::V4`], in order.
    pub v4: Vec<u32>,
    /// The addresses of the records with status [`Outcome::V6`], in order.
    pub v6: Vec<u128>,
    /// How many records have status [`Outcome::NO_CLIENT`].
    pub no_client: usize,
    /// Unix nanoseconds of each accepted record, in order, [`NO_TIME`] for one without, [`UNREAD_TIME`] for one whose
    /// time could not be read; or empty if none has one.
    pub times: Vec<i64>,
}

// === impl Outcome ===

impl Outcome {
    /// Status of a record with an IPv4 address.
    pub const V4: u8 = 0;
    /// Status of a record with an IPv6 address.
    pub const V6: u8 = 1;
    /// Status of a valid record that names no client.
    pub const NO_CLIENT: u8 = 2;

    /// Empties all columns and keeps their memory.
    pub fn clear(&mut self) {
        self.status.clear();
        self.v4.clear();
        self.v6.clear();
        self.no_client = 0;
        self.times.clear();
    }

    /// How many records were accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.v4.len() + self.v6.len() + self.no_client
    }

    /// Memory that the columns hold, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.status.len() + size_of_val(&*self.v4) + size_of_val(&*self.v6) + size_of_val(&*self.times)
    }

    /// The rejected records: their position and code, in order.
    pub fn rejects(&self) -> impl Iterator<Item = (usize, Code)> + '_ {
        let rejected = self.status.iter().enumerate().filter(|(_, status)| !Self::accepts(**status));
        rejected.map(|(at, status)| (at, Code(*status)))
    }

    /// Of each record, in order, the address and the time; `None` if it was rejected. A time is one of `times`.
    pub fn visits(&self) -> impl Iterator<Item = Option<(Option<IpAddr>, i64)>> + '_ {
        let mut v4 = self.v4.iter().map(|bits| IpAddr::from(Ipv4Addr::from_bits(*bits)));
        let mut v6 = self.v6.iter().map(|bits| IpAddr::from(Ipv6Addr::from_bits(*bits)));
        let mut times = self.times.iter().copied();
        self.status.iter().map(move |status| {
            let ip = match *status {
                Self::V4 => v4.next(),
                Self::V6 => v6.next(),
                Self::NO_CLIENT => None,
                _ => return None,
            };
            Some((ip, times.next().unwrap_or(NO_TIME)))
        })
    }

    /// Whether a status is that of an accepted record.
    #[must_use]
    pub fn accepts(status: u8) -> bool {
        status <= Self::NO_CLIENT
    }

    /// Rejects records that name no client, as [`Code::FIELD_MISSING`].
    pub fn require_client(&mut self) {
        if self.no_client == 0 {
            return;
        }
        if !self.times.is_empty() {
            let accepted = self.status.iter().filter(|status| Self::accepts(**status));
            let mut names_client = accepted.map(|status| *status != Self::NO_CLIENT);
            self.times.retain(|_| names_client.next().unwrap_or(false));
        }
        for status in self.status.iter_mut().filter(|status| **status == Self::NO_CLIENT) {
            *status = Code::FIELD_MISSING.0;
        }
        self.no_client = 0;
    }

    /// Adds the outcome of the records that follow.
    pub fn append(&mut self, next: &Self) {
        self.pad_times(next);
        self.status.extend_from_slice(&next.status);
        self.v4.extend_from_slice(&next.v4);
        self.v6.extend_from_slice(&next.v6);
        self.no_client += next.no_client;
    }

    /// Adds one rejected record.
    pub fn push_reject(&mut self, code: Code) {
        self.status.push(code.0);
    }

    fn pad_times(&mut self, next: &Self) {
        if self.times.is_empty() && next.times.is_empty() {
            return;
        }
        self.times.resize(self.accepted(), NO_TIME);
        self.times.extend_from_slice(&next.times);
        self.times.resize(self.accepted() + next.accepted(), NO_TIME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(v4: u32, times: &[i64]) -> Outcome {
        Outcome { status: vec![Outcome::V4], v4: vec![v4], times: times.to_vec(), ..Outcome::default() }
    }

    #[test]
    fn append_keeps_times_aligned_with_accepted_records() {
        let mut all = accepted(1, &[]);
        all.push_reject(Code::MALFORMED);
        all.append(&accepted(2, &[5]));
        all.append(&accepted(3, &[]));
        assert_eq!(all.status, [0, 16, 0, 0]);
        assert_eq!(all.v4, [1, 2, 3]);
        assert_eq!(all.times, [NO_TIME, 5, NO_TIME]);
        assert_eq!(all.rejects().collect::<Vec<_>>(), [(1, Code::MALFORMED)]);
    }

    #[test]
    fn where_a_client_is_required_records_without_one_are_rejected_and_the_others_keep_their_times() {
        let mut all = accepted(1, &[5]);
        all.append(&Outcome { status: vec![Outcome::NO_CLIENT], no_client: 1, times: vec![6], ..Outcome::default() });
        all.push_reject(Code::MALFORMED);
        all.append(&accepted(2, &[7]));
        assert_eq!((all.accepted(), all.rejects().count()), (3, 1));
        all.require_client();
        assert_eq!((&*all.status, &*all.v4, &*all.times), (&[0, 17, 16, 0][..], &[1, 2][..], &[5, 7][..]));
        assert_eq!((all.accepted(), all.rejects().count()), (2, 2));
        let timeless = Outcome { status: vec![Outcome::NO_CLIENT], no_client: 1, ..Outcome::default() };
        let mut rejected = timeless.clone();
        rejected.require_client();
        assert_eq!((&*rejected.status, rejected.accepted()), (&[17][..], 0));
    }
}
