//! The rarer notations of a time, byte by byte.
//!
//! All of them say which offset they are written at; what does not is no time, but for two that are UTC by their
//! specifications: the `asctime` form of an HTTP date (RFC 9110 section 5.6.7) and the W3C date and time.

use super::{clock::Seconds, date, finish};

/// What is left to read.
struct Rest<'a>(&'a [u8]);

/// Reads a time in any notation but a number.
pub(super) fn read(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    let bytes = match bytes {
        [b'[', inner @ .., b']'] => inner,
        _ => bytes,
    };
    let mut rest = Rest(bytes);
    match bytes {
        [b'0'..=b'9', b'0'..=b'9', b'/', ..] | [b'0'..=b'9', b'/', ..] => rest.common_log(),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => rest.iso(),
        _ => rest.mail(),
    }
}

/// Reads `2026-11-20` and `05:00:00`, in UTC.
pub(super) fn parts(date: &[u8], time: &[u8]) -> Option<i64> {
    let (mut date, mut time) = (Rest(date), Rest(time));
    let days = date.dashed()?;
    let (seconds, millis) = time.clock()?;
    if !date.0.is_empty() || !time.0.is_empty() {
        return None;
    }
    Some(finish(days, seconds, 0)? + millis)
}

// === impl Rest ===

impl<'a> Rest<'a> {
    /// `2026-11-20T05:00Z`, `2026-11-20 06:00:00,123 +01`, `20261120T050000Z`, `…+01:00[Europe/Berlin]`.
    fn iso(&mut self) -> Option<i64> {
        let basic = self.0.iter().take(8).all(u8::is_ascii_digit);
        let days = if basic {
            let (year, month, day) = (self.number(4)?, self.number(2)?, self.number(2)?);
            date::day(year, month, day)?
        } else {
            self.dashed()?
        };
        self.one_of(b"Tt ")?;
        let (seconds, millis) = if basic { self.basic_clock()? } else { self.clock()? };
        let offset = self.offset()?;
        self.end()?;
        Some(finish(days, seconds, offset)? + millis)
    }

    /// `20/Nov/2026:05:00:00.123 +0000`, also with a space before the time of day.
    fn common_log(&mut self) -> Option<i64> {
        let day = self.short_number()?;
        self.one_of(b"/")?;
        let month = self.month()?;
        self.one_of(b"/")?;
        let days = date::day(self.number(4)?, month, day)?;
        self.one_of(b": ")?;
        self.rest_of_day(days)
    }

    /// `Fri, 20 Nov 2026 05:00:00 GMT`, `Friday, 20-Nov-26 05:00:00 GMT`, `Fri Nov 20 05:00:00 2026`, and what mail
    /// and `date` make of them.
    fn mail(&mut self) -> Option<i64> {
        let weekday = self.weekday();
        let comma = weekday && self.one_of(b",").is_some();
        if weekday {
            self.spaces();
        }
        if weekday && !comma && self.0.first().is_some_and(u8::is_ascii_alphabetic) {
            return self.asctime();
        }
        let day = self.short_number()?;
        self.one_of(b" -")?;
        let month = self.month()?;
        self.one_of(b" -")?;
        let days = date::day(self.year()?, month, day)?;
        self.one_of(b" ")?;
        self.rest_of_day(days)
    }

    /// Behind the weekday: `Nov 20 05:00:00 2026`, with `UTC` before the year or an offset behind it.
    fn asctime(&mut self) -> Option<i64> {
        let month = self.month()?;
        self.one_of(b" ")?;
        self.spaces();
        let day = self.short_number()?;
        self.one_of(b" ")?;
        if self.0.iter().take(4).all(u8::is_ascii_digit) {
            // JavaScript has the year here: `Jun 24 2020 17:27:00 GMT+0200`.
            let days = date::day(self.number(4)?, month, day)?;
            self.one_of(b" ")?;
            return self.rest_of_day(days);
        }
        let (seconds, millis) = self.clock()?;
        let mut offset = match self.0 {
            [b' ', b'U' | b'G', ..] => Some(self.offset()?),
            _ => None,
        };
        self.one_of(b" ")?;
        let days = date::day(self.number(4)?, month, day)?;
        if offset.is_none() && !self.0.is_empty() {
            offset = Some(self.offset()?);
        }
        self.end()?;
        Some(finish(days, seconds, offset.unwrap_or(0))? + millis)
    }

    /// The time of day and the offset, up to the end.
    fn rest_of_day(&mut self, days: i64) -> Option<i64> {
        let (seconds, millis) = self.clock()?;
        let offset = self.offset()?;
        self.end()?;
        Some(finish(days, seconds, offset)? + millis)
    }

    fn dashed(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        date::day(year, month, self.number(2)?)
    }

    /// `05:00`, `05:00:00`, `05:00:00.123` or `05:00:00,123`.
    fn clock(&mut self) -> Option<(Seconds, i64)> {
        let hour = self.number(2)?;
        self.one_of(b":")?;
        let minute = self.number(2)?;
        let second = match self.one_of(b":") {
            Some(_) => self.number(2)?,
            None => return seconds(hour, minute, 0).map(|seconds| (seconds, 0)),
        };
        Some((seconds(hour, minute, second)?, self.fraction()?))
    }

    /// `0500`, `050000` or `050000.123`.
    fn basic_clock(&mut self) -> Option<(Seconds, i64)> {
        let (hour, minute) = (self.number(2)?, self.number(2)?);
        if !self.0.first().is_some_and(u8::is_ascii_digit) {
            return seconds(hour, minute, 0).map(|seconds| (seconds, 0));
        }
        let second = self.number(2)?;
        Some((seconds(hour, minute, second)?, self.fraction()?))
    }

    fn fraction(&mut self) -> Option<i64> {
        if self.one_of(b".,").is_none() {
            return Some(0);
        }
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count).filter(|_| count > 0)?;
        self.0 = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |byte| i64::from(byte - b'0'));
        Some(digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    /// `Z`, `UTC`, `GMT`, `+01`, `+0100`, `+01:00`, all of them also behind a space; in seconds.
    fn offset(&mut self) -> Option<i64> {
        self.spaces();
        for (name, numeric) in [(&b"UTC"[..], true), (b"GMT", true), (b"Z", false), (b"z", false)] {
            let Some(rest) = self.0.strip_prefix(name) else { continue };
            self.0 = rest;
            // `GMT+0100`, as JavaScript has it.
            let signed = matches!(rest, [b'+' | b'-', b'0'..=b'9', ..]);
            return if numeric && signed { self.numeric_offset() } else { Some(0) };
        }
        let offset = self.numeric_offset()?;
        // `+0000 UTC`, `+0300 MSK` and `+0300 +0300`: Go writes the name of the zone behind the offset.
        if let [b' ', name @ ..] = self.0 {
            let length = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'));
            self.0 = name.get(length.count()..).filter(|rest| rest.len() < name.len())?;
        }
        Some(offset)
    }

    fn numeric_offset(&mut self) -> Option<i64> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let minutes = match self.0 {
            [b':', ..] => {
                self.one_of(b":")?;
                self.number(2)?
            }
            [b'0'..=b'9', ..] => self.number(2)?,
            _ => 0,
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }

    /// The end, before which zones may stand in brackets (RFC 9557): the offset has said already what they mean.
    fn end(&mut self) -> Option<()> {
        while let [b'[', inner @ ..] = self.0 {
            let close = inner.iter().position(|byte| *byte == b']').filter(|close| *close > 0)?;
            let (zone, rest) = inner.split_at_checked(close)?;
            if !zone.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/_-+!=:.".contains(byte)) {
                return None;
            }
            self.0 = rest.get(1..)?;
        }
        self.0.is_empty().then_some(())
    }

    fn weekday(&mut self) -> bool {
        const NAMES: [&[u8]; 7] = [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
        let length = self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let Some((word, rest)) = self.0.split_at_checked(length) else { return false };
        let known = NAMES.iter().any(|name| word == *name || Some(word) == name.get(..3));
        if known {
            self.0 = rest;
        }
        known
    }

    fn month(&mut self) -> Option<i64> {
        let (name, rest) = self.0.split_at_checked(3)?;
        self.0 = rest;
        date::month(name)
    }

    /// Four digits, or two, which RFC 9110 has mean the century that is near; for a log, that of 1970 to 2069.
    fn year(&mut self) -> Option<i64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match digits {
            2 => self.number(2).map(|year| if year < 70 { 2000 + year } else { 1900 + year }),
            _ => self.number(4),
        }
    }

    /// One digit or two.
    fn short_number(&mut self) -> Option<i64> {
        let two = self.0.get(1).is_some_and(u8::is_ascii_digit);
        self.number(if two { 2 } else { 1 })
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        date::number(number)
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    fn spaces(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }
}

fn seconds(hour: i64, minute: i64, second: i64) -> Option<Seconds> {
    let fit = hour < 24 && minute < 60 && second <= 60;
    fit.then_some(Seconds { of_day: (hour * 3600 + minute * 60 + second) as u32, leap: second == 60 })
}
