//! The answer to one call, as it grows.

use alloc::vec::Vec;

use crate::{Address, NO_TIME};

/// Why a record was rejected; the byte that says so to the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Reject {
    /// The record is not of the plugin's format.
    Malformed = 16,
    /// Well formed, but without a field that could carry an address.
    FieldMissing = 17,
    /// Such a field holds something else.
    NotAnAddress = 18,
    /// Longer than the plugin is willing to read.
    TooLong = 20,
}

/// What is read out of an accepted record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Who came.
    pub address: Address,
    /// When, in Unix milliseconds; [`NO_TIME`] if the record does not say, [`crate::UNREAD_TIME`] if what it says
    /// cannot be read.
    pub time: i64,
}

/// The columns of the interface, see `wit/0.1.0/plugin.wit`.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    /// One byte per record.
    pub status: Vec<u8>,
    /// The IPv4 addresses.
    pub v4: Vec<u32>,
    /// The IPv6 addresses, two entries each: the high half, then the low one.
    pub v6: Vec<u64>,
    /// A time for each accepted record.
    pub times: Vec<i64>,
    any_time: bool,
}

// === impl Columns ===

impl Columns {
    /// Empty columns with room for `records` IPv4 addresses with times.
    #[must_use]
    pub fn with_capacity(records: usize) -> Self {
        Self {
            status: Vec::with_capacity(records),
            v4: Vec::with_capacity(records),
            v6: Vec::new(),
            times: Vec::with_capacity(records),
            any_time: false,
        }
    }

    /// Adds the visit of an IPv4 address.
    #[inline]
    pub fn push_quad(&mut self, address: u32, time: i64) {
        self.status.push(0);
        self.v4.push(address);
        self.push_time(time);
    }

    /// Adds what became of one record.
    pub fn push(&mut self, answer: Result<Visit, Reject>) {
        match answer {
            Ok(Visit { address: Address::V4(address), time }) => self.push_quad(address, time),
            Ok(Visit { address: Address::V6(address), time }) => {
                self.status.push(1);
                self.v6.extend([(address >> 64) as u64, address as u64]);
                self.push_time(time);
            }
            Err(reject) => self.status.push(reject as u8),
        }
    }

    /// The columns as the interface wants them: no times at all if no record has one.
    #[must_use]
    pub fn finish(mut self) -> Self {
        if !self.any_time {
            self.times.clear();
        }
        self
    }

    #[inline]
    fn push_time(&mut self, time: i64) {
        self.times.push(time);
        self.any_time |= time != NO_TIME;
    }
}
