//! The spellings of a time that few programs write, read byte by byte. What is a time and not plausible is
//! [`super::NO_TIME`].

use super::{clock, date, finish, number::epoch, plausible};

/// Reads any spelling; `None` if it is none of them.
pub(super) fn parse(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    let bytes = match bytes {
        // The Common Log Format's brackets, which some keep where they write JSON.
        [b'[', inner @ .., b']'] => inner,
        _ => bytes,
    };
    match bytes {
        [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) => dashed(bytes),
        [_, _, b'/', ..] => slashed(bytes),
        [a, ..] if a.is_ascii_alphabetic() => named(bytes),
        [_, b' ', ..] | [_, _, b' ', ..] => internet(bytes),
        [.., b'Z' | b'z' | b']' | b'C' | b'T'] => basic(bytes),
        [_, _, _, _, _, _, _, _, b'T' | b't', ..] => basic(bytes),
        _ => Some(epoch(bytes)),
    }
}

/// `2026-11-20T05:00:00,749+0000`, and the same with a space, without seconds, with a space before the offset.
pub(super) fn dashed(bytes: &[u8]) -> Option<i64> {
    let (day, rest) = bytes.split_at_checked(10)?;
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *day else { return None };
    let days = date::day(date::number(&[a, b, c, d])?, date::number(&[e, f])?, date::number(&[g, h])?)?;
    let [b'T' | b't' | b' ', rest @ ..] = rest else { return None };
    clocked(days, rest, b":")
}

/// `20261120T050000Z`, ISO 8601's basic format.
fn basic(bytes: &[u8]) -> Option<i64> {
    let (day, rest) = bytes.split_at_checked(8)?;
    let days = date::day(date::number(day.get(..4)?)?, date::number(day.get(4..6)?)?, date::number(day.get(6..)?)?)?;
    let [b'T' | b't', rest @ ..] = rest else { return None };
    clocked(days, rest, b"")
}

/// `20/Nov/2026 05:00:00.483 +0000`, the Common Log Format's with a space or a fraction.
pub(super) fn slashed(bytes: &[u8]) -> Option<i64> {
    let (day, rest) = bytes.split_at_checked(11)?;
    let [a, b, b'/', month @ .., b'/', c, d, e, f] = day else { return None };
    let days = date::day(date::number(&[*c, *d, *e, *f])?, date::month(month)?, date::number(&[*a, *b])?)?;
    let [b':' | b' ', rest @ ..] = rest else { return None };
    clocked(days, rest, b":")
}

/// What begins with the name of a day: the three dates of HTTP (RFC 9110 section 5.6.7), and what `date` prints.
pub(super) fn named(bytes: &[u8]) -> Option<i64> {
    const DAYS: [&[u8]; 7] = [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];
    let length = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, rest) = bytes.split_at_checked(length)?;
    let is_day =
        |day: &&[u8]| [Some(*day), day.get(..3)].into_iter().flatten().any(|day| name.eq_ignore_ascii_case(day));
    if !DAYS.iter().any(is_day) {
        return None;
    }
    match rest {
        [b',', b' ', rest @ ..] => internet(rest),
        [b' ', rest @ ..] => asctime(rest),
        _ => None,
    }
}

/// `20 Nov 2026 05:00:00 GMT`, and `20-Nov-26 05:00:00 GMT` as RFC 850 has it.
fn internet(bytes: &[u8]) -> Option<i64> {
    let (day, rest) = digits(bytes, 2)?;
    let [separator @ (b' ' | b'-'), rest @ ..] = rest else { return None };
    let (month, rest) = rest.split_at_checked(3)?;
    let [next, rest @ ..] = rest else { return None };
    if next != separator {
        return None;
    }
    let count = rest.iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
    let (year, rest) = rest.split_at_checked(count)?;
    let year = match (date::number(year)?, count) {
        (year, 4) => year,
        // As POSIX reads two digits.
        (year, 2) if year >= 69 => year + 1900,
        (year, 2) => year + 2000,
        _ => return None,
    };
    let [b' ', rest @ ..] = rest else { return None };
    clocked(date::day(year, date::month(month)?, day)?, rest, b":")
}

/// `Nov 20 05:00:00 2026`, which RFC 9110 says is UTC, or with a zone before or behind the year.
fn asctime(bytes: &[u8]) -> Option<i64> {
    let (month, rest) = bytes.split_at_checked(3)?;
    let (day, rest) = digits(rest.trim_ascii_start(), 2)?;
    let [b' ', rest @ ..] = rest else { return None };
    let (seconds, nanos, rest) = time_of_day(rest, b":")?;
    let rest = rest.strip_prefix(b" ")?;
    let at = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let (first, second) = rest.split_at_checked(at)?;
    let second = second.trim_ascii();
    let is_year = |text: &[u8]| text.len() == 4 && text.iter().all(u8::is_ascii_digit);
    let (year, zone) = match (first, second) {
        (year, b"") if is_year(year) => (year, &b"Z"[..]),
        (year, zone) if is_year(year) => (year, zone),
        (zone, year) if is_year(year) => (year, zone),
        _ => return None,
    };
    let days = date::day(date::number(year)?, date::month(month)?, day)?;
    finish(days, seconds, offset(zone)?).map(|seconds| plausible(seconds, nanos))
}

/// The time of day and the offset that end a time.
fn clocked(days: i64, bytes: &[u8], colon: &[u8]) -> Option<i64> {
    let (seconds, nanos, rest) = time_of_day(bytes, colon)?;
    finish(days, seconds, offset(rest)?).map(|seconds| plausible(seconds, nanos))
}

/// `05:00`, `05:00:00`, `05:00:00.749` or `05:00:00,749`, or without colons; and what follows.
pub(super) fn time_of_day<'a>(bytes: &'a [u8], colon: &[u8]) -> Option<(clock::Seconds, i64, &'a [u8])> {
    let (hour, rest) = bytes.split_at_checked(2)?;
    let (minute, rest) = rest.strip_prefix(colon)?.split_at_checked(2)?;
    let second = rest.strip_prefix(colon).and_then(|rest| rest.split_at_checked(2));
    let second = second.filter(|(second, _)| second.iter().all(u8::is_ascii_digit));
    let has_second = second.is_some();
    let (second, rest) = second.unwrap_or((b"00", rest));
    let mut text = *b"00:00:00";
    for (part, digits) in text.chunks_mut(3).zip([hour, minute, second]) {
        part.get_mut(..2)?.copy_from_slice(digits);
    }
    let seconds = clock::seconds(u64::from_le_bytes(text))?;
    let fraction = match rest {
        [b'.' | b',', fraction @ ..] if has_second => fraction,
        _ => return Some((seconds, 0, rest)),
    };
    let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = fraction.split_at_checked(count).filter(|_| count > 0)?;
    let digits = fraction.iter().chain(core::iter::repeat(&b'0'));
    let nanos = digits.take(9).fold(0, |nanos, byte| nanos * 10 + i64::from(byte - b'0'));
    Some((seconds, nanos, rest))
}

/// `Z`, `UTC`, `GMT`, `+01`, `+0100` or `+01:00`, perhaps behind a space; the zone's name may follow.
pub(super) fn offset(bytes: &[u8]) -> Option<i64> {
    if bytes == b"Z" {
        return Some(0);
    }
    let mut bytes = bytes;
    // `[Europe/Berlin]` says where, behind an offset that says when (RFC 9557).
    while let [rest @ .., b']'] = bytes {
        let open = rest.iter().rposition(|byte| *byte == b'[')?;
        let (before, name) = rest.split_at_checked(open)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_+-=!~.".contains(byte);
        if name.len() < 2 || !name.iter().skip(1).all(is_name) {
            return None;
        }
        bytes = before;
    }
    let bytes = bytes.trim_ascii_start();
    if [&b"Z"[..], b"UTC", b"GMT", b"UT"].iter().any(|name| bytes.eq_ignore_ascii_case(name)) {
        return Some(0);
    }
    // Go writes `+0300 MSK`, and `m=` with its own clock behind that.
    let mut words = bytes.split(|byte| *byte == b' ');
    let zone = words.next()?;
    let known = |word: &[u8]| {
        word.starts_with(b"m=") || (1..=5).contains(&word.len()) && word.iter().all(|byte| is_zone(*byte))
    };
    if !words.all(known) {
        return None;
    }
    match *zone {
        [sign @ (b'+' | b'-'), a, b] => clock::offset_of(&[sign, a, b, b'0', b'0']),
        _ => clock::offset_of(zone),
    }
}

fn is_zone(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-')
}

/// A number of at most so many digits, at least one, and what follows it.
pub(super) fn digits(bytes: &[u8], most: usize) -> Option<(i64, &[u8])> {
    let count = bytes.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(count).filter(|_| count > 0)?;
    Some((date::number(number)?, rest))
}

/// Reads a date and a time of day that stand apart, as in the Extended Log Format of the W3C, which has both in UTC.
pub(super) fn apart(day: &[u8], time: &[u8]) -> Option<i64> {
    let (day, time) = (day.trim_ascii(), time.trim_ascii());
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *day else { return None };
    let days = date::day(date::number(&[a, b, c, d])?, date::number(&[e, f])?, date::number(&[g, h])?)?;
    let (seconds, nanos, rest) = time_of_day(time, b":")?;
    let offset = if rest.is_empty() { 0 } else { offset(rest)? };
    finish(days, seconds, offset).map(|seconds| plausible(seconds, nanos))
}
