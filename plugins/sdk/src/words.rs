//! Words for people: what `explain` and `configure` say is made of these.
//!
//! Not with `core::fmt`, which would be a fifth of a plugin's code and of the time it takes to compile.

use alloc::{string::String, vec::Vec};

use crate::{Address, time::civil};

/// A message in the making.
#[derive(Default)]
pub struct Message(Vec<u8>);

// === impl Message ===

impl Message {
    /// A message that begins so.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::default().text(text)
    }

    /// Adds words.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.raw(text.as_bytes())
    }

    /// Adds a name, in back quotes.
    #[must_use]
    pub fn name(self, name: &[u8]) -> Self {
        self.raw(b"`").raw(name).raw(b"`")
    }

    /// Adds a list of names.
    #[must_use]
    pub fn names<'a>(mut self, names: impl Iterator<Item = &'a [u8]>) -> Self {
        for (at, name) in names.enumerate() {
            self = self.text(if at == 0 { "" } else { ", " }).name(name);
        }
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, number: i64) -> Self {
        let sign = if number < 0 { "-" } else { "" };
        self.text(sign).digits(number.unsigned_abs(), 10)
    }

    /// Adds an address. One of IPv6 has all its groups: longer than RFC 5952 asks for, and as clear.
    #[must_use]
    pub fn address(mut self, address: Address) -> Self {
        match address {
            Address::V4(address) => {
                for (at, octet) in address.to_be_bytes().into_iter().enumerate() {
                    self.put(if at == 0 { b"" } else { b"." });
                    self.put_digits(octet.into(), 10);
                }
            }
            Address::V6(address) => {
                for (at, group) in address.to_be_bytes().chunks(2).enumerate() {
                    let group = group.iter().fold(0, |group, byte| group << 8 | u64::from(*byte));
                    self.put(if at == 0 { b"" } else { b":" });
                    self.put_digits(group, 16);
                }
            }
        }
        self
    }

    /// Adds a time in Unix nanoseconds, as RFC 3339 has it, with as many digits of its fraction as it needs: none,
    /// three, six or nine.
    #[must_use]
    #[inline(never)]
    pub fn time(mut self, nanos: i64) -> Self {
        let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000) as u64);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u64);
        let (year, month, day) = civil(days);
        let [year, month, day] = [year, month, day].map(i64::unsigned_abs);
        let parts = [(year, 4), (month, 2), (day, 2), (of_day / 3600, 2), (of_day / 60 % 60, 2), (of_day % 60, 2)];
        for ((number, width), behind) in parts.into_iter().zip(b"--T::.") {
            self.put_padded(number, width);
            if *behind != b'.' || rest > 0 {
                self.put(&[*behind]);
            }
        }
        match rest {
            0 => {}
            _ if rest % 1_000_000 == 0 => self.put_padded(rest / 1_000_000, 3),
            _ if rest % 1000 == 0 => self.put_padded(rest / 1000, 6),
            _ => self.put_padded(rest, 9),
        }
        self.put(b"Z");
        self
    }

    /// Adds what a record holds from some place on, in back quotes, short, and harmless to a terminal.
    #[must_use]
    pub fn excerpt(self, record: &[u8], at: usize) -> Self {
        const LENGTH: usize = 40;
        let rest = record.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return self.text("the end of the record");
        }
        let mut message = self.text("`");
        for byte in rest.iter().take(LENGTH) {
            message = match byte {
                b' '..=b'~' => message.raw(&[*byte]),
                _ => message.text(if *byte < 16 { "\\x0" } else { "\\x" }).digits(u64::from(*byte), 16),
            };
        }
        message.text(if rest.len() > LENGTH { "`…" } else { "`" })
    }

    /// The message.
    #[must_use]
    pub fn finish(self) -> String {
        String::from_utf8(self.0).unwrap_or_default()
    }

    #[inline(never)]
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.put(bytes);
        self
    }

    /// One for all lengths: inlined, copying would be most of the code of a message.
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Adds a number with zeros before it up to so many digits.
    #[inline(never)]
    fn put_padded(&mut self, number: u64, width: u32) {
        for place in (1..width).rev() {
            if number < 10u64.pow(place) {
                self.put(b"0");
            }
        }
        self.put_digits(number, 10);
    }

    fn digits(mut self, number: u64, base: u64) -> Self {
        self.put_digits(number, base);
        self
    }

    #[inline(never)]
    fn put_digits(&mut self, mut number: u64, base: u64) {
        let start = self.0.len();
        loop {
            let digit = (number % base) as u8;
            self.0.push(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
            number /= base;
            if number == 0 {
                break;
            }
        }
        if let Some(digits) = self.0.get_mut(start..) {
            digits.reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (nanos, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_593_012_420_123_000_000, "2020-06-24T15:27:00.123Z"),
            (1_593_012_420_000_120_000, "2020-06-24T15:27:00.000120Z"),
            (1_593_012_420_000_000_001, "2020-06-24T15:27:00.000000001Z"),
            (4_102_444_799_999_999_999, "2099-12-31T23:59:59.999999999Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(Message::default().time(nanos).finish(), expect);
        }
    }

    #[test]
    fn messages() {
        let message = Message::new("a ").name(b"b").text(" ").names([&b"c"[..], b"d"].into_iter()).text(" ");
        assert_eq!(message.number(-120).text(" ").number(0).finish(), "a `b` `c`, `d` -120 0");
        let addresses = Message::default().address(Address::V4(0x01_02_00_ff)).text(" ");
        let addresses = addresses.address(Address::V6(0x2001_0db8 << 96 | 0xa0)).finish();
        assert_eq!(addresses, "1.2.0.255 2001:db8:0:0:0:0:0:a0");
    }

    #[test]
    fn excerpts() {
        let excerpt = |record: &[u8], at| Message::default().excerpt(record, at).finish();
        assert_eq!(excerpt(b"abc", 1), "`bc`");
        assert_eq!(excerpt(b"abc", 3), "the end of the record");
        assert_eq!(excerpt(b"\x1b[2J\n\xff", 0), "`\\x1b[2J\\x0a\\xff`");
        assert_eq!(excerpt(&[b'x'; 50], 0), format!("`{}`…", "x".repeat(40)));
    }
}
