//! Times that lie on their own, each notation by its name.

use super::{BILLION, NO_TIME, clock, date, finish, loose, number, plausible};

/// What a number since the epoch counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// 1595150800
    Seconds,
    /// 1595150800000
    Millis,
    /// 1595150800000000
    Micros,
    /// 1595150800000000000
    Nanos,
}

const DAY: i64 = 86_400;

/// Reads RFC 3339's times and their relatives: with a space for the `T`, a comma before the fraction, an offset without a
/// colon or behind a space, without seconds, with the zone's name behind the offset. A time without an offset is
/// ambiguous, and none; for those, see [`local`].
///
/// ```
/// use tallygate_sdk::time::rfc3339;
///
/// assert_eq!(rfc3339(b"2026-11-20T05:00:00.000001Z"), Some(1_795_150_800_000_001_000));
/// assert_eq!(rfc3339(b"2026-11-20 06:00:00,5 +0100"), Some(1_795_150_800_500_000_000));
/// assert_eq!(rfc3339(b"2026-11-20T05:00:00"), None);
/// ```
#[must_use]
pub fn rfc3339(bytes: &[u8]) -> Option<i64> {
    read(usual(bytes).or_else(|| loose::dashed(bytes.trim_ascii())))
}

/// The same, as nearly all programs write it.
fn usual(bytes: &[u8]) -> Option<i64> {
    let (head, mut rest) = bytes.split_first_chunk::<19>()?;
    let [a, b, c, d, b'-', e, f, b'-', g, h, b'T' | b' ', clock @ ..] = head else { return None };
    let days = date::day(date::number(&[*a, *b, *c, *d])?, date::number(&[*e, *f])?, date::number(&[*g, *h])?)?;
    let seconds = clock::seconds(u64::from_le_bytes(*clock))?;
    let (mut nanos, mut worth) = (0, BILLION);
    if let [b'.', fraction @ ..] = rest {
        rest = fraction;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            worth /= 10;
            nanos += i64::from(digit - b'0') * worth;
            rest = after;
        }
        if worth == BILLION {
            return None;
        }
    }
    let east = if rest == b"Z" { 0 } else { clock::offset_of(rest)? };
    finish(days, seconds, east).map(|seconds| plausible(seconds, nanos))
}

/// Reads a date and a time of day without an offset, which are those of a zone so many seconds east of UTC.
///
/// ```
/// use tallygate_sdk::time::local;
///
/// assert_eq!(local(b"2026-11-20 05:00:00", 0), Some(1_795_150_800_000_000_000));
/// assert_eq!(local(b"2026-11-20T06:00:00.25", 3600), Some(1_795_150_800_250_000_000));
/// ```
#[must_use]
pub fn local(bytes: &[u8], east: i64) -> Option<i64> {
    let (day, time) = bytes.trim_ascii().split_at_checked(10)?;
    let [b'T' | b't' | b' ', time @ ..] = time else { return None };
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *day else { return None };
    let days = date::day(date::number(&[a, b, c, d])?, date::number(&[e, f])?, date::number(&[g, h])?)?;
    let (seconds, nanos, rest) = loose::time_of_day(time, b":")?;
    let east = within_a_day(east).filter(|_| rest.is_empty())?;
    read(Some(plausible(finish(days, seconds, east)?, nanos)))
}

/// Reads the Common Log Format's time, with or without its brackets.
///
/// ```
/// use tallygate_sdk::time::clf;
///
/// assert_eq!(clf(b"[20/Nov/2026:06:00:00 +0100]"), Some(1_795_150_800_000_000_000));
/// assert_eq!(clf(b"20/Nov/2026:05:00:00.749 +0000"), Some(1_795_150_800_749_000_000));
/// ```
#[must_use]
pub fn clf(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    let inner = bytes.strip_prefix(b"[").map_or(Some(bytes), |inner| inner.strip_suffix(b"]"))?;
    read(loose::slashed(inner))
}

/// Reads the three dates of HTTP (RFC 9110 section 5.6.7), and what `date` prints.
///
/// ```
/// use tallygate_sdk::time::http;
///
/// for text in [&b"Fri, 20 Nov 2026 05:00:00 GMT"[..], b"Friday, 20-Nov-26 05:00:00 GMT", b"Fri Nov 20 05:00:00 2026"] {
///     assert_eq!(http(text), Some(1_795_150_800_000_000_000));
/// }
/// ```
#[must_use]
pub fn http(bytes: &[u8]) -> Option<i64> {
    read(loose::named(bytes.trim_ascii()))
}

/// Reads the date of BSD's syslog (RFC 3164), which says neither year nor zone: `Nov 20 05:00:00`, `Nov  2 05:00:00`, also
/// with a fraction. The zone is one so many seconds east of UTC. The year is the one that puts the time nearest to
/// `received`, and not more than a day after it: a sender's clock may be ahead, or its zone another, but nothing is
/// logged long before it happens.
///
/// ```
/// use tallygate_sdk::time::{rfc3339, syslog};
///
/// let received = rfc3339(b"2027-01-02T00:00:00Z").expect("a time");
/// assert_eq!(syslog(b"Jan  1 23:59:59", received, 0), rfc3339(b"2027-01-01T23:59:59Z"));
/// assert_eq!(syslog(b"Jan  2 12:00:00", received, 0), rfc3339(b"2027-01-02T12:00:00Z"));
/// assert_eq!(syslog(b"Dec 31 23:59:59", received, 0), rfc3339(b"2026-12-31T23:59:59Z"));
/// assert_eq!(syslog(b"Jan  4 00:00:00", received, 0), rfc3339(b"2026-01-04T00:00:00Z"));
/// assert_eq!(syslog(b"Jan  1 02:00:00", received, 7200), rfc3339(b"2027-01-01T00:00:00Z"));
/// ```
#[must_use]
pub fn syslog(bytes: &[u8], received: i64, east: i64) -> Option<i64> {
    let (month, rest) = bytes.trim_ascii().split_at_checked(3)?;
    let month = date::month(month)?;
    let (day, rest) = loose::digits(rest.strip_prefix(b" ")?.trim_ascii_start(), 2)?;
    let (seconds, nanos, rest) = loose::time_of_day(rest.strip_prefix(b" ")?, b":")?;
    let east = within_a_day(east).filter(|_| rest.is_empty())?;
    let latest = received.div_euclid(BILLION) + DAY;
    // The 29th of February is there every four years, but for some centuries; eight reach over one of those.
    let year = date::year(latest.div_euclid(DAY)) + 1;
    (year - 9..=year).rev().find_map(|year| {
        let time = finish(date::day(year, month, day)?, seconds, east)?;
        (time <= latest).then_some(plausible(time, nanos)).filter(|time| *time != NO_TIME)
    })
}

/// Reads a number since the epoch, written as JSON writes numbers. Its size tells the unit: seconds below 10^11 (the year
/// 5138), then milliseconds below 10^14, microseconds below 10^17, nanoseconds below 10^20.
///
/// ```
/// use tallygate_sdk::time::epoch;
///
/// assert_eq!(epoch(b"1795150800"), Some(1_795_150_800_000_000_000));
/// assert_eq!(epoch(b"1795150800.25"), Some(1_795_150_800_250_000_000));
/// assert_eq!(epoch(b"1795150800000000"), Some(1_795_150_800_000_000_000));
/// assert_eq!(epoch(b"0.25"), None);
/// ```
#[must_use]
pub fn epoch(bytes: &[u8]) -> Option<i64> {
    read(Some(number::epoch(bytes)))
}

/// Reads a number since the epoch that counts what `unit` says.
///
/// ```
/// use tallygate_sdk::time::{Unit, epoch_in};
///
/// assert_eq!(epoch_in(b"1795150800250", Unit::Millis), Some(1_795_150_800_250_000_000));
/// assert_eq!(epoch_in(b"1795150800250", Unit::Seconds), None);
/// ```
#[must_use]
pub fn epoch_in(bytes: &[u8], unit: Unit) -> Option<i64> {
    read(Some(number::epoch_in(bytes, unit)))
}

/// Reads an offset from UTC, as a setting may have it: `Z`, `UTC`, `+01`, `+0100`, `+01:00`. In seconds east.
///
/// ```
/// use tallygate_sdk::time::offset;
///
/// assert_eq!((offset(b"-05:30"), offset(b"UTC"), offset(b"CET")), (Some(-19_800), Some(0), None));
/// ```
#[must_use]
pub fn offset(bytes: &[u8]) -> Option<i64> {
    loose::offset(bytes)
}

fn read(time: Option<i64>) -> Option<i64> {
    time.filter(|time| *time != NO_TIME)
}

fn within_a_day(east: i64) -> Option<i64> {
    (-DAY < east && east < DAY).then_some(east)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::{format, string::String};

    use super::*;
    use crate::Message;

    fn written(time: i64) -> String {
        Message::default().time(time).finish()
    }

    #[test]
    fn what_is_none() {
        assert_eq!(rfc3339(b"1989-12-31T23:59:59Z"), None);
        assert_eq!(rfc3339(b"2026-11-20T05:00:00.Z"), None);
        assert_eq!(rfc3339(b"2026-11-20T05:00:00"), None);
        assert_eq!(rfc3339(b"2026-11-20T05:00:60Z"), None);
        assert_eq!(local(b"2026-11-20T05:00:00Z", 0), None);
        assert_eq!(local(b"2026-11-20T05:00:00", 90_000), None);
        assert_eq!(clf(b"[20/Nov/2026:05:00:00 +0000"), None);
        assert_eq!(http(b"20 Nov 2026 05:00:00"), None);
        assert_eq!(syslog(b"Feb 30 05:00:00", 0, 0), None);
        assert_eq!(syslog(b"Nov 20 05:00:00 2026", 0, 0), None);
        assert_eq!(syslog(b"Nov 20 05:00:00", i64::MIN, 0), None);
        assert_eq!(offset(b""), None);
    }

    #[test]
    fn the_29th_of_february_is_that_of_the_last_leap_year() {
        let received = rfc3339(b"2027-03-01T00:00:00Z").expect("a time");
        assert_eq!(syslog(b"Feb 29 12:00:00", received, 0), rfc3339(b"2024-02-29T12:00:00Z"));
        let received = rfc3339(b"2099-12-01T00:00:00Z").expect("a time");
        assert_eq!(syslog(b"Feb 29 12:00:00", received, 0), rfc3339(b"2096-02-29T12:00:00Z"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

        #[test]
        fn reads_what_is_written(time in 631_152_000_000_000_000i64..4_102_444_800_000_000_000) {
            let text = written(time);
            prop_assert_eq!(rfc3339(text.as_bytes()), Some(time), "{}", text);
            prop_assert_eq!(local(text.trim_end_matches('Z').as_bytes(), 0), Some(time));
            prop_assert_eq!(epoch_in(format!("{time}").as_bytes(), Unit::Nanos), Some(time));
            let seconds = format!("{}.{:09}", time / BILLION, time % BILLION);
            prop_assert_eq!(epoch(seconds.as_bytes()), Some(time));
            prop_assert_eq!(epoch_in(seconds.as_bytes(), Unit::Seconds), Some(time));
        }

        /// The year of a time is found again, whether it lies in the year before or on the day after.
        #[test]
        fn the_year_is_found(
            received in 700_000_000i64..4_000_000_000,
            before in -86_400i64..364 * 86_400,
            east in -50_000i64..50_000,
        ) {
            const MONTHS: [&str; 12] =
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let time = received - before;
            let there = time + east;
            let (_, month, day) = date::civil(there.div_euclid(DAY));
            // Without a year, the 29th of February may be one of several.
            prop_assume!((month, day) != (2, 29));
            let second = there.rem_euclid(DAY);
            let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            let text = format!("{} {day:2} {clock}", MONTHS[month as usize - 1]);
            prop_assert_eq!(syslog(text.as_bytes(), received * BILLION, east), Some(time * BILLION), "{}", text);
        }

        /// What is read the usual way is read alike by the one that reads more.
        #[test]
        fn both_ways_agree(text in "20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:?[0-6][0-9])?") {
            let loose = loose::dashed(text.as_bytes());
            let usual = usual(text.as_bytes());
            prop_assert!(usual.is_none() || usual == loose, "{}: {:?}, {:?}", text, usual, loose);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), received: i64, east: i64) {
            for read in [rfc3339, clf, http, epoch, offset] {
                let _ = read(&bytes);
            }
            let _ = (local(&bytes, east), syslog(&bytes, received, east), syslog(b"Feb 29 00:00:00", received, east));
        }
    }
}
