//! What was found in a record: the values at the paths looked for.

use alloc::borrow::Cow;

use tallygate_sdk::{Address, Listed, NO_TIME, Reject, Text, Times, Trusted, UNREAD_TIME, time};

use crate::{
    fields::{MAX_FIELDS, NO_SLOT},
    parser::{Input, Place},
    string::unescape,
};

/// What a value is. As many as fit into three bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    Number,
    /// `true` or `false`.
    Boolean,
    Null,
    Object,
    /// An array of which no element says anything.
    Array,
}

/// A value and where it lies; a string without its quotes.
///
/// One integer, from the lowest bit: the kind, [`LENGTH`] bits of length, 32 bits of start. As a structure it would
/// be written field by field and read as a whole right after, which stalls the processor for longer than everything
/// else about a value takes.
#[derive(Clone, Copy)]
pub(crate) struct Value(u64);

/// How many bits the length of a value has.
const LENGTH: u32 = 29;
/// Records must be shorter than this.
pub(crate) const TOO_LONG: usize = 1 << LENGTH;
const KINDS: [Kind; 8] =
    [Kind::Plain, Kind::Escaped, Kind::Number, Kind::Boolean, Kind::Null, Kind::Object, Kind::Array, Kind::Null];

/// The values at the paths looked for. A later value of a path replaces an earlier one.
pub(crate) struct Found {
    /// One bit for each slot that holds a value of this record. Bit [`NO_SLOT`] means nothing.
    set: u64,
    /// One bit for each slot that several fields of a record may belong to; see [`crate::fields::Fields::rules`].
    rules: u64,
    /// One bit for each of these slots whose array is not looked into, because another field had an address before.
    decided: u64,
    pub(crate) trusted: Trusted,
    values: [Value; 64],
}

// === impl Value ===

impl Value {
    #[inline]
    pub(crate) fn new(start: usize, end: usize, kind: Kind) -> Self {
        // Both fit: a component has no more than 4 GiB of memory, and longer records are turned away.
        let length = end.wrapping_sub(start) as u64 & (TOO_LONG as u64 - 1);
        Self((start as u64) << 32 | length << 3 | kind as u64)
    }

    pub(crate) fn kind(self) -> Kind {
        KINDS[self.0 as usize & 7]
    }

    /// Where it lies.
    pub(crate) fn range(self) -> (usize, usize) {
        let start = (self.0 >> 32) as usize;
        (start, start + (self.0 as u32 >> 3) as usize)
    }

    /// The bytes between the quotes, escapes and all.
    pub(crate) fn raw(self, text: Text<'_>) -> &[u8] {
        let (start, end) = self.range();
        text.slice(start, end)
    }

    /// The value as a dotted quad, if it is a string that is exactly that.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn quad(self, text: Text<'_>) -> Option<u32> {
        let (start, end) = self.range();
        if self.0 & 7 == Kind::Plain as u64 { Address::read_quad(text, start, end) } else { None }
    }

    /// What the value says about the client.
    pub(crate) fn says(self, text: Text<'_>, trusted: &Trusted) -> Listed {
        match self.kind() {
            Kind::Plain | Kind::Escaped => trusted.client(&self.bytes(text)),
            Kind::Null | Kind::Array => Listed::Nothing,
            Kind::Number | Kind::Boolean | Kind::Object => Listed::SomethingElse,
        }
    }

    /// What a string stands for; nothing for other values.
    fn bytes(self, text: Text<'_>) -> Cow<'_, [u8]> {
        match self.kind() {
            Kind::Plain => Cow::Borrowed(self.raw(text)),
            Kind::Escaped => Cow::Owned(unescape(self.raw(text))),
            _ => Cow::Borrowed(&[]),
        }
    }

    /// Whether the value says as much as if it were absent.
    pub(crate) fn is_nothing(self, text: Text<'_>) -> bool {
        match self.kind() {
            Kind::Null | Kind::Array => true,
            Kind::Plain | Kind::Escaped => matches!(self.bytes(text).trim_ascii(), b"" | b"-"),
            Kind::Number | Kind::Boolean | Kind::Object => false,
        }
    }

    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn time(self, text: Text<'_>, times: &mut Times) -> i64 {
        if self.0 & 7 == Kind::Plain as u64 {
            let (start, end) = self.range();
            return times.read(text, start, end);
        }
        match self.kind() {
            Kind::Number => time::epoch(self.raw(text)).unwrap_or(NO_TIME),
            Kind::Escaped => times.parse(&unescape(self.raw(text))),
            _ => NO_TIME,
        }
    }
}

// === impl Found ===

impl Found {
    pub(crate) fn new(rules: u64, trusted: Trusted) -> Self {
        Self { set: 0, rules, decided: 0, trusted, values: [Value::new(0, 0, Kind::Null); 64] }
    }

    /// Forgets the record before.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.set = 0;
    }

    /// Replaces the value of a slot.
    #[inline]
    pub(crate) fn put(&mut self, slot: u8, value: Value) {
        let slot = slot & NO_SLOT;
        self.set |= 1 << slot;
        self.values[usize::from(slot)] = value;
    }

    /// Takes the value at a place, which need not be the only one of its slot.
    #[inline]
    pub(crate) fn put_at(&mut self, place: Place, value: Value, text: Text<'_>) {
        if place.element || self.is_shared(place.slot) {
            self.put_one_of(place, value, text);
        } else {
            self.put(place.slot, value);
        }
    }

    /// Whether several fields may belong to a slot.
    #[inline]
    pub(crate) fn is_shared(&self, slot: u8) -> bool {
        self.rules >> (slot & NO_SLOT) & 1 != 0
    }

    /// Takes an element of an array, or one of several fields.
    #[cold]
    #[inline(never)]
    fn put_one_of(&mut self, place: Place, value: Value, text: Text<'_>) {
        let slot = place.slot;
        if slot == NO_SLOT {
            return;
        }
        let kept = self.get(slot);
        let better = match kept {
            None => true,
            Some(kept) if usize::from(slot) >= MAX_FIELDS => self.is_better_time(place, (kept, value), text),
            Some(kept) => self.is_better_address(place, (kept, value), text),
        };
        if better {
            self.put(slot, value);
        }
        if value.kind() == Kind::Array && !place.element {
            let has_client = |kept: Value| matches!(kept.says(text, &self.trusted), Listed::Client(_));
            self.decided = self.decided & !(1 << slot) | u64::from(kept.is_some_and(has_client)) << slot;
        }
    }

    /// Of an array, the first element that holds an address stays; where somebody is trusted, an array is a list of
    /// hops as a string may be one. Of several fields, the first that holds an address stays.
    fn is_better_address(&self, place: Place, (kept, value): (Value, Value), text: Text<'_>) -> bool {
        if place.element && self.decided >> place.slot & 1 != 0 {
            return false;
        }
        let known = kept.says(text, &self.trusted);
        let new = value.says(text, &self.trusted);
        match (known, new) {
            (Listed::Nothing, _) => kept.kind() == Kind::Array || new != Listed::Nothing,
            (_, Listed::Nothing) => false,
            (_, Listed::Client(_) | Listed::SomethingElse) if place.element && !self.trusted.is_empty() => true,
            (Listed::SomethingElse, Listed::Client(_)) => true,
            (Listed::SomethingElse, Listed::AllTrusted(_)) => !place.element,
            (Listed::AllTrusted(_), Listed::Client(_)) => true,
            _ => false,
        }
    }

    /// Nothing but addresses is looked for in arrays, so of times the first element stays. Of several fields, the
    /// first that can be read does.
    fn is_better_time(&self, place: Place, (kept, value): (Value, Value), text: Text<'_>) -> bool {
        if kept.kind() == Kind::Array || !self.is_shared(place.slot) {
            return kept.kind() == Kind::Array;
        }
        let is_read = |value: Value| value.time(text, &mut Times::default()) != NO_TIME;
        kept.is_nothing(text) || is_read(value) && !is_read(kept)
    }

    /// The string put last, at `place`, turns out to end at `end`.
    pub(crate) fn extend(&mut self, place: Place, end: usize, kind: Kind) {
        let value = &mut self.values[usize::from(place.slot & NO_SLOT)];
        *value = Value::new(value.range().0, end, kind);
    }

    pub(crate) fn get(&self, slot: u8) -> Option<Value> {
        let set = self.set >> (slot & NO_SLOT) & 1 != 0;
        self.values.get(usize::from(slot)).copied().filter(|_| set)
    }

    /// The values found where addresses are looked for.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (u8, Value)> {
        (0..MAX_FIELDS as u8).filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    /// The values found where times are looked for.
    pub(crate) fn times(&self) -> impl Iterator<Item = (u8, Value)> {
        (MAX_FIELDS as u8..NO_SLOT).filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    /// The address of the most preferred field, if it is a dotted quad, which is what nearly all are.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn quad(&self, text: Text<'_>) -> Option<u32> {
        match self.set & ADDRESSES {
            0 => None,
            set => self.values[set.trailing_zeros() as usize & 63].quad(text),
        }
        .filter(|quad| self.trusted.is_empty() || !self.trusted.contains(Address::V4(*quad)))
    }

    /// The address of the most preferred field that holds one. Where somebody is trusted, it is one who is not if
    /// there is such a hop in any field. `None` for an object of which no such field holds anything: it has no client.
    #[cold]
    #[inline(never)]
    pub(crate) fn address(&self, input: &Input<'_>) -> Result<Option<Address>, Reject> {
        let (mut trusted, mut is_other) = (None, false);
        for (_, value) in self.addresses() {
            match value.says(input.text, &self.trusted) {
                Listed::Client(address) => return Ok(Some(address)),
                Listed::AllTrusted(address) if trusted.is_none() => trusted = Some(address),
                Listed::SomethingElse => is_other = true,
                _ => {}
            }
        }
        match trusted {
            Some(_) => Ok(trusted),
            None if is_other => Err(Reject::not_an_address("no field holds an IP address")),
            None if input.is_object() => Ok(None),
            None => Err(Reject::field_missing("the record is JSON but no object, so it has no fields")),
        }
    }

    /// The most preferred time that can be read.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn time(&self, text: Text<'_>, times: &mut Times) -> i64 {
        let mut left = self.set & TIMES;
        while left != 0 {
            let slot = left.trailing_zeros() as usize;
            left &= left - 1;
            let time = self.values[slot & 63].time(text, times);
            if time != NO_TIME {
                return time;
            }
        }
        if self.set & TIMES == 0 { NO_TIME } else { self.time_apart(text) }
    }

    /// The time where none of the fields is one on its own: a date and a time of day in two fields, as logs of the
    /// W3C's format have them, are one.
    #[cold]
    #[inline(never)]
    pub(crate) fn time_apart(&self, text: Text<'_>) -> i64 {
        let mut answer = NO_TIME;
        for (_, day) in self.times() {
            for (_, time) in self.times() {
                match Times::apart(&day.bytes(text), &time.bytes(text)) {
                    NO_TIME => {}
                    time => return time,
                }
            }
            if !day.is_nothing(text) {
                answer = UNREAD_TIME;
            }
        }
        answer
    }
}

const ADDRESSES: u64 = (1 << MAX_FIELDS) - 1;
const TIMES: u64 = !ADDRESSES & !(1 << NO_SLOT);
