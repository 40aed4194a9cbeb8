//! Times as numbers.

use super::{BILLION, NO_TIME, plausible};

/// Reads a number since the epoch, written as JSON writes numbers. Its size tells the unit: seconds below
/// 10^11 (the year 5138), then milliseconds below 10^14, microseconds below 10^17, nanoseconds below 10^20.
#[must_use]
#[inline(never)]
pub fn epoch(bytes: &[u8]) -> i64 {
    unlimited(bytes).map_or(NO_TIME, |time| plausible(time.div_euclid(BILLION), time.rem_euclid(BILLION)))
}

/// The same, whatever the year, as long as 64 bits have room for it.
pub(super) fn unlimited(bytes: &[u8]) -> Option<i64> {
    decimal(bytes).and_then(nanos)
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

fn nanos(number: Decimal) -> Option<i64> {
    if number.mantissa == 0 {
        return Some(0);
    }
    let shift = match number.digits.saturating_add(number.exponent) {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        18..=20 => 0,
        _ => return None,
    };
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
