//! The time of day, its fraction, and the offset from UTC.

use crate::Text;

/// A time of day.
#[derive(Clone, Copy)]
pub(super) struct Seconds {
    pub(super) of_day: u32,
    /// Whether it is written as second 60.
    pub(super) leap: bool,
}

/// Reads `hh:mm:ss`, the first byte lowest.
#[inline]
pub(super) fn seconds(text: u64) -> Option<Seconds> {
    // Turns digits into their values and the colons into zeros.
    let values = text ^ u64::from_le_bytes(*b"00:00:00");
    // Adding these reaches 0x80 exactly where a digit is above nine or something is no colon.
    let over = values.wrapping_add(u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]));
    if (over | values) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = values * 10 + (values >> 8);
    let (hour, minute, second) = (pairs as u8, (pairs >> 24) as u8, (pairs >> 48) as u8);
    let fit = hour < 24 && minute < 60 && second <= 60;
    let of_day = u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second);
    fit.then_some(Seconds { of_day, leap: second == 60 })
}

/// Reads the digits of a fraction: its nanoseconds, the rest cut off, and where it ends.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(super) fn fraction(text: Text<'_>, start: usize) -> Option<(i64, usize)> {
    let mut count = digits(text, start);
    if count == 0 {
        return None;
    }
    let kept = u64::MAX >> (8 * 8usize.saturating_sub(count));
    let eight = eight_digits((text.eight(start) ^ 0x3030_3030_3030_3030) & kept);
    let ninth = if count > 8 { text.byte(start + 8) - b'0' } else { 0 };
    let mut at = start + count;
    while count == 16 && at < text.len() {
        count = digits(text, at);
        at += count;
    }
    Some((i64::from(eight) * 10 + i64::from(ninth), at))
}

/// The number of eight digits, the first one lowest, each as its value. Neighbours are joined: to two digits, to four,
/// to eight.
#[inline]
fn eight_digits(values: u64) -> u32 {
    let pairs = values * 10 + (values >> 8);
    let high = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    (high.wrapping_add(low) >> 32) as u32
}

/// How many of the sixteen bytes from `at` are digits before the first that is none.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn digits(text: Text<'_>, at: usize) -> usize {
    (!text.sixteen(at).minus(b'0').below(10).mask()).trailing_zeros() as usize
}

/// Reads the offset that fills the bytes from `at` to `end`: `Z`, `+hh:mm` or `+hhmm`; in seconds.
#[inline]
pub(super) fn offset(text: Text<'_>, at: usize, end: usize) -> Option<i64> {
    if at + 1 == end && text.byte(at) | 0x20 == b'z' {
        return Some(0);
    }
    offset_of(text.slice(at, end))
}

/// As [`offset`], for `+hh:mm` and `+hhmm`.
#[inline(never)]
pub(super) fn offset_of(bytes: &[u8]) -> Option<i64> {
    let (sign, digits) = match *bytes {
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, [a, b, c, d]),
        _ => return None,
    };
    let [a, b, c, d] = digits.map(|byte| i64::from(byte.wrapping_sub(b'0')));
    if digits.iter().any(|byte| !byte.is_ascii_digit()) || 10 * a + b > 23 || c > 5 {
        return None;
    }
    let seconds = (10 * a + b) * 3600 + (10 * c + d) * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}
