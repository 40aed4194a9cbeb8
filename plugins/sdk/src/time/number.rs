//! Times as numbers.

use super::{BILLION, NO_TIME, Unit, plausible};

/// Reads a number since the epoch, of which the size tells the unit; [`NO_TIME`] if it is none.
#[must_use]
#[inline(never)]
pub(super) fn epoch(bytes: &[u8]) -> i64 {
    unlimited(bytes).map_or(NO_TIME, within)
}

/// The same of a number of which the unit is known.
pub(super) fn epoch_in(bytes: &[u8], unit: Unit) -> i64 {
    let shift = match unit {
        Unit::Seconds => 9,
        Unit::Millis => 6,
        Unit::Micros => 3,
        Unit::Nanos => 0,
    };
    decimal(bytes).and_then(|number| nanos(&number, shift)).map_or(NO_TIME, within)
}

fn within(time: i64) -> i64 {
    plausible(time.div_euclid(BILLION), time.rem_euclid(BILLION))
}

/// The number, whatever the year, as long as 64 bits have room for it.
pub(super) fn unlimited(bytes: &[u8]) -> Option<i64> {
    let number = decimal(bytes)?;
    let shift = match number.digits.saturating_add(number.exponent) {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        18..=20 => 0,
        _ => return None,
    };
    nanos(&number, shift)
}

/// `mantissa` times ten to the `exponent`.
struct Decimal {
    negative: bool,
    mantissa: u64,
    /// How many digits the mantissa has, without leading zeros.
    digits: i32,
    exponent: i32,
}

fn decimal(bytes: &[u8]) -> Option<Decimal> {
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let mut decimal = Decimal { negative, mantissa: 0, digits: 0, exponent: 0 };
    let mut rest = decimal.take(bytes, 1)?;
    if let [b'.', fraction @ ..] = rest {
        rest = decimal.take(fraction, 0)?;
    }
    if let [b'e' | b'E', power @ ..] = rest {
        decimal.exponent += exponent(power)?;
        rest = &[];
    }
    rest.is_empty().then_some(decimal)
}

// === impl Decimal ===

impl Decimal {
    /// Takes digits, at least one; each is worth `dropped` powers of ten where the mantissa has no room for it,
    /// and divides by ten where `dropped` is zero and it has. Answers what follows them.
    fn take<'a>(&mut self, bytes: &'a [u8], dropped: i32) -> Option<&'a [u8]> {
        let count = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
        let (digits, rest) = bytes.split_at_checked(count).filter(|_| count > 0)?;
        for byte in digits {
            if self.digits >= 19 {
                self.exponent = self.exponent.saturating_add(dropped);
                continue;
            }
            self.mantissa = self.mantissa * 10 + u64::from(byte - b'0');
            self.digits += i32::from(self.mantissa > 0);
            self.exponent -= 1 - dropped;
        }
        Some(rest)
    }
}

fn exponent(bytes: &[u8]) -> Option<i32> {
    let (sign, digits) = match bytes {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        _ => (1, bytes),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0i32, |value, byte| {
        // Anything above a thousand is as far out of range as a thousand.
        byte.is_ascii_digit().then(|| (value * 10 + i32::from(byte - b'0')).min(1000))
    })?;
    Some(sign * value)
}

/// A number as nanoseconds, of which its unit is ten to the `shift`.
fn nanos(number: &Decimal, shift: i32) -> Option<i64> {
    if number.mantissa == 0 {
        return Some(0);
    }
    let power = number.exponent.saturating_add(shift);
    let scale = 10u64.checked_pow(power.unsigned_abs());
    let (value, cut) = match scale {
        Some(scale) if power >= 0 => (number.mantissa.checked_mul(scale)?, false),
        Some(scale) => (number.mantissa / scale, !number.mantissa.is_multiple_of(scale)),
        // Far less than a nanosecond.
        None => (0, true),
    };
    let value = i64::try_from(value).ok()?;
    // Before 1970, cutting off a part of a nanosecond leads to the one before.
    Some(if number.negative { -value - i64::from(cut) } else { value })
}
