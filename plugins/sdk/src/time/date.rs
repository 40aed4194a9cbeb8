//! Dates, as days since 1970-01-01.

/// Reads dates and keeps the last one of each notation, so that a day is computed once and compared afterwards.
pub(super) struct Dates {
    dashed: Kept,
    slashed: Kept,
}

/// A date as it was written (two overlapping reads of eight bytes), and the day it is.
struct Kept {
    text: (u64, u64),
    day: i64,
}

// === impl Dates ===

impl Default for Dates {
    fn default() -> Self {
        // Zero bytes are no date, so nothing can be taken for this one.
        Self { dashed: Kept { text: (0, 0), day: 0 }, slashed: Kept { text: (0, 0), day: 0 } }
    }
}

impl Dates {
    /// The day of `yyyy-mm-dd`, given its first and its last eight bytes.
    #[inline]
    pub(super) fn dashed(&mut self, head: u64, tail: u64) -> Option<i64> {
        if self.dashed.text != (head, tail) || head == 0 {
            self.dashed = Kept { text: (head, tail), day: dashed(head, tail)? };
        }
        Some(self.dashed.day)
    }

    /// The day of `dd/Mon/yyyy`, given its first and its last eight bytes.
    #[inline]
    pub(super) fn slashed(&mut self, head: u64, tail: u64) -> Option<i64> {
        if self.slashed.text != (head, tail) || head == 0 {
            self.slashed = Kept { text: (head, tail), day: slashed(head, tail)? };
        }
        Some(self.slashed.day)
    }
}

#[cold]
#[inline(never)]
fn dashed(head: u64, tail: u64) -> Option<i64> {
    let [a, b, c, d, b'-', e, f, b'-'] = head.to_le_bytes() else { return None };
    let [.., g, h] = tail.to_le_bytes();
    day(number(&[a, b, c, d])?, number(&[e, f])?, number(&[g, h])?)
}

#[cold]
#[inline(never)]
fn slashed(head: u64, tail: u64) -> Option<i64> {
    let [a, b, b'/', c, d, e, b'/', _] = head.to_le_bytes() else { return None };
    let [.., f, g, h, i] = tail.to_le_bytes();
    day(number(&[f, g, h, i])?, month(&[c, d, e])?, number(&[a, b])?)
}

/// The number of a month from the three letters that its name begins with.
pub(super) fn month(name: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    MONTHS.iter().position(|month| *month == name).map(|at| at as i64 + 1)
}

pub(super) fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; the algorithm is Howard Hinnant's
/// `days_from_civil`, which counts years from March so that the leap day comes last.
pub(super) fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Year, month and day of a day since 1970-01-01, from the year 0 on; Howard Hinnant's `civil_from_days`.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468).max(0);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year_of_era + era * 400 + carry, month, day)
}

/// The year of a day since 1970-01-01.
pub(super) fn year(days: i64) -> i64 {
    civil(days).0
}
