//! The answer to one call, as it grows.

use alloc::vec::Vec;

use crate::{Address, NO_TIME};

/// Why a record was rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reject {
    code: u8,
    words: &'static str,
}

/// What is read out of an accepted record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Who came; `None` if the record is valid and names no client.
    pub address: Option<Address>,
    /// When, in Unix nanoseconds; [`NO_TIME`] if the record does not say, [`crate::UNREAD_TIME`] if what it says
    /// cannot be read.
    pub time: i64,
    /// Why there is no client, for people.
    words: &'static str,
}

/// The columns of the interface: see `outcome` in `plugin.wit`.
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

const IS_V4: u8 = 0;
const IS_V6: u8 = 1;
const NAMES_NO_CLIENT: u8 = 2;

// === impl Reject ===

impl Reject {
    /// The record is not of the plugin's format. `words` say why, for people.
    #[must_use]
    pub const fn malformed(words: &'static str) -> Self {
        Self { code: 16, words }
    }

    /// The record is well formed, but has no field that the format must have.
    #[must_use]
    pub const fn field_missing(words: &'static str) -> Self {
        Self { code: 17, words }
    }

    /// The field of the client's address holds something else.
    #[must_use]
    pub const fn not_an_address(words: &'static str) -> Self {
        Self { code: 18, words }
    }

    /// The plugin's settings exclude the record.
    #[must_use]
    pub const fn policy(words: &'static str) -> Self {
        Self { code: 19, words }
    }

    /// The record is longer than the plugin is willing to read.
    #[must_use]
    pub const fn too_long(words: &'static str) -> Self {
        Self { code: 20, words }
    }

    /// None of the other reasons.
    #[must_use]
    pub const fn other(words: &'static str) -> Self {
        Self { code: 31, words }
    }

    /// A reason of the plugin's own, from 128 to 255, which [`crate::Format::REJECTS`] must name.
    ///
    /// # Panics
    /// If the code is below 128: make a `const` of it, so that the compiler says so.
    #[must_use]
    pub const fn own(code: u8, words: &'static str) -> Self {
        assert!(code >= 128, "a plugin's own codes begin with 128");
        Self { code, words }
    }

    /// The byte that says so to the gateway.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.code
    }

    /// What the reason is called, if it is one that all plugins share.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.code {
            16 => "malformed",
            17 => "field-missing",
            18 => "not-an-address",
            19 => "policy",
            20 => "too-long",
            _ => "other",
        }
    }

    /// Why, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        self.words
    }
}

// === impl Visit ===

impl Visit {
    /// Both as the columns have them: no address for no client, and a time in Unix nanoseconds, [`NO_TIME`] or
    /// [`crate::UNREAD_TIME`].
    #[must_use]
    #[inline]
    pub const fn new(address: Option<Address>, time: i64) -> Self {
        Self { address, time, words: "" }
    }

    /// A visit of a client, of which the record does not say when it was.
    #[must_use]
    #[inline]
    pub const fn of(address: Address) -> Self {
        Self::new(Some(address), NO_TIME)
    }

    /// A valid record that names no client; `words` say why, for people. Whether such records are wanted is the route's
    /// to say: where an address is required, the gateway rejects them as `field-missing`.
    #[must_use]
    #[inline]
    pub const fn of_nobody(words: &'static str) -> Self {
        Self { address: None, time: NO_TIME, words }
    }

    /// Why there is no client, for people; empty if there is one.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        self.words
    }

    /// The same at a time, in Unix nanoseconds; for `None`, at a time that could not be read. Without it, the record does
    /// not say when it was.
    #[must_use]
    #[inline]
    pub fn at(self, time: Option<i64>) -> Self {
        Self { time: time.unwrap_or(crate::UNREAD_TIME), ..self }
    }
}

// === impl Columns ===

impl Columns {
    /// Columns without room.
    #[cfg(any(target_arch = "wasm32", test))]
    pub(crate) const EMPTY: Self =
        Self { status: Vec::new(), v4: Vec::new(), v6: Vec::new(), times: Vec::new(), any_time: false };

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

    /// Empties the columns and keeps their room.
    #[inline]
    pub fn clear(&mut self) {
        self.status.clear();
        self.v4.clear();
        self.v6.clear();
        self.times.clear();
        self.any_time = false;
    }

    /// Adds the visit of an IPv4 address.
    #[inline]
    pub fn push_quad(&mut self, address: u32, time: i64) {
        self.status.push(IS_V4);
        self.v4.push(address);
        self.push_time(time);
    }

    /// Adds what became of one record.
    pub fn push(&mut self, answer: Result<Visit, Reject>) {
        let Visit { address, time, .. } = match answer {
            Ok(visit) => visit,
            Err(reject) => return self.status.push(reject.code),
        };
        match address {
            Some(Address::V4(address)) => return self.push_quad(address, time),
            Some(Address::V6(address)) => {
                self.status.push(IS_V6);
                self.v6.extend([(address >> 64) as u64, address as u64]);
            }
            None => self.status.push(NAMES_NO_CLIENT),
        }
        self.push_time(time);
    }

    /// Makes the columns those that the interface wants: without times if no record has one.
    pub fn finish(&mut self) {
        if !self.any_time {
            self.times.clear();
        }
    }

    #[inline]
    fn push_time(&mut self, time: i64) {
        self.times.push(time);
        self.any_time |= time != NO_TIME;
    }
}
