//! Reading event times, as Unix nanoseconds.
//!
//! The functions read one notation each. [`Times`] reads all of them, and the usual ones faster, as it remembers the last
//! date. What lies before 1990 or from 2100 on is a duration, a counter or a default, and no time.
//!
//! What is not a time is no reason to reject a record: hand the answer on to [`Visit::at`](crate::Visit::at).

mod alone;
mod clock;
mod date;
mod loose;
mod number;

use crate::{Text, with_slack};
use date::Dates;

pub use alone::{Unit, clf, epoch, epoch_in, http, local, offset, rfc3339, syslog};
pub(crate) use date::civil;

/// The time of a record that has none.
pub const NO_TIME: i64 = i64::MIN;

/// The time of a record that has one which cannot be read.
pub const UNREAD_TIME: i64 = i64::MIN + 1;

/// 1990-01-01 and 2100-01-01 in seconds. What lies within has room in 64 bits, in nanoseconds.
const PLAUSIBLE: core::ops::Range<i64> = 631_152_000..4_102_444_800;

const BILLION: i64 = 1_000_000_000;

/// A time in Unix nanoseconds from its seconds and the rest; [`NO_TIME`] if it is not plausible.
#[inline]
fn plausible(seconds: i64, nanos: i64) -> i64 {
    if PLAUSIBLE.contains(&seconds) { seconds * BILLION + nanos } else { NO_TIME }
}

/// Reads times that are written as text, and remembers the last date, since logs seldom change theirs.
#[derive(Default)]
pub struct Times {
    dates: Dates,
}

// === impl Times ===

impl Times {
    /// Reads the bytes from `start` to `end` in whichever notation they are: RFC 3339 and its kin, the Common Log
    /// Format's, a date of HTTP, or a number since the epoch. What lies before 1990 or from 2100 on is no time.
    #[must_use]
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn read(&mut self, text: Text<'_>, start: usize, end: usize) -> i64 {
        match self.rfc3339(text, start, end) {
            Some(time) => time,
            None => self.other(text, start, end),
        }
    }

    /// Reads a date and a time of day that stand apart, both in UTC.
    #[must_use]
    #[cold]
    pub fn apart(day: &[u8], time: &[u8]) -> i64 {
        loose::apart(day, time).unwrap_or(NO_TIME)
    }

    /// Reads a time that lies on its own, from a copy: [`NO_TIME`] if it is none.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn parse(&mut self, bytes: &[u8]) -> i64 {
        let copy = with_slack(bytes);
        Text::new(&copy).map_or(NO_TIME, |text| self.read(text, 0, bytes.len()))
    }

    /// Reads `2020-06-24T15:27:00.123456Z`, RFC 3339 section 5.6. An offset may also lack its colon, as
    /// `strftime` writes it; a time without an offset is ambiguous and none. [`NO_TIME`] if it is one, and not plausible.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn rfc3339(&mut self, text: Text<'_>, start: usize, end: usize) -> Option<i64> {
        if end < start + 20 {
            return None;
        }
        let days = self.dates.dashed(text.eight(start), text.eight(start + 2))?;
        if !matches!(text.byte(start + 10), b'T' | b't' | b' ') {
            return None;
        }
        let seconds = clock::seconds(text.eight(start + 11))?;
        let (nanos, zone) = match text.byte(start + 19) {
            b'.' => clock::fraction(text, start + 20)?,
            _ => (0, start + 19),
        };
        let offset = clock::offset(text, zone, end)?;
        finish(days, seconds, offset).map(|seconds| plausible(seconds, nanos))
    }

    /// Reads `10/Oct/2000:13:55:36 -0700`, the Common Log Format's time, if it lies within the limits.
    #[must_use]
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn clf(&mut self, text: Text<'_>, start: usize, end: usize) -> Option<i64> {
        if end != start + 26 || text.byte(start + 11) != b':' || text.byte(start + 20) != b' ' {
            return None;
        }
        let days = self.dates.slashed(text.eight(start), text.eight(start + 3))?;
        let seconds = clock::seconds(text.eight(start + 12))?;
        let offset = clock::offset(text, start + 21, end)?;
        Some(plausible(finish(days, seconds, offset)?, 0)).filter(|time| *time != NO_TIME)
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn other(&mut self, text: Text<'_>, start: usize, end: usize) -> i64 {
        match self.clf(text, start, end) {
            Some(time) => time,
            None => loose::parse(text.slice(start, end)).unwrap_or(NO_TIME),
        }
    }
}

/// The Unix time of a second of a day, written at an offset of so many seconds from UTC.
#[inline]
fn finish(days: i64, seconds: clock::Seconds, offset: i64) -> Option<i64> {
    let time = days * 86_400 + i64::from(seconds.of_day) - offset;
    // Leap seconds are inserted before midnight UTC and nowhere else; they count as the second that follows.
    if seconds.leap && time.rem_euclid(86_400) != 0 {
        return None;
    }
    Some(time)
}

#[cfg(test)]
mod tests;
