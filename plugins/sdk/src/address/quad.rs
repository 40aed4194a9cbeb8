//! Dotted quads: four decimal numbers without leading zeros.

use crate::{Bytes16, Text};

/// Reads `a.b.c.d` in one wide step; `None` says nothing but that the bytes are not exactly that.
///
/// The positions of the three dots select one of 81 rows that bring the hundreds, tens and ones of the four
/// numbers together (the idea is Wojciech Muła's and Daniel Lemire's, "sse_inet_aton").
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(super) fn read(text: Text<'_>, start: usize, end: usize) -> Option<u32> {
    let length = end.wrapping_sub(start) as u32;
    if !(7..=15).contains(&length) {
        return None;
    }
    let bytes = text.sixteen(start);
    let values = bytes.minus(b'0');
    let within = (1u32 << length) - 1;
    let dots = bytes.equal(b'.').mask() & within;
    let digits = values.below(10).mask() & within;
    let zeros = bytes.equal(b'0').mask();
    let first = dots.trailing_zeros();
    let rest = dots & dots.wrapping_sub(1);
    let second = rest.trailing_zeros();
    let rest = rest & rest.wrapping_sub(1);
    let third = rest.trailing_zeros();
    // One bit for each number's first digit; a zero there must not be followed by a digit.
    let leading = (dots << 1 | 1) & zeros & digits >> 1;
    let lengths = [
        first.wrapping_sub(1),
        second.wrapping_sub(first + 2),
        third.wrapping_sub(second + 2),
        length.wrapping_sub(third + 2),
    ];
    let fit = lengths.iter().all(|length| *length < 3);
    if !fit || leading != 0 || dots | digits != within || rest & rest.wrapping_sub(1) != 0 {
        return None;
    }
    let row = lengths[0] * 27 + lengths[1] * 9 + lengths[2] * 3 + lengths[3];
    let places = PLACES.get(row as usize)?;
    values.pick(Bytes16::load(places)).octets()
}

/// For each combination of lengths: where the hundreds, the tens and the ones of the numbers are, the last
/// number first, so that it ends up lowest.
static PLACES: [[u8; 16]; 81] = places();

const fn places() -> [[u8; 16]; 81] {
    let mut rows = [[0xff; 16]; 81];
    let mut row = 0;
    while row < 81 {
        let lengths = [row / 27 + 1, row / 9 % 3 + 1, row / 3 % 3 + 1, row % 3 + 1];
        let mut number = 0;
        let mut end = 0;
        while number < 4 {
            end += lengths[number];
            let mut digit = 0;
            while digit < lengths[number] {
                // Digit 0 is the ones.
                rows[row][(2 - digit) * 4 + 3 - number] = (end - 1 - digit) as u8;
                digit += 1;
            }
            end += 1;
            number += 1;
        }
        row += 1;
    }
    rows
}

/// Reads `a.b.c.d` byte by byte.
pub(super) fn parse(bytes: &[u8]) -> Option<u32> {
    let (mut quad, mut dots) = (0, 0);
    // The number that is being read, and how many digits it has.
    let (mut number, mut digits) = (0, 0);
    for byte in bytes {
        match byte {
            // No zero leads, and no number is above 255, so none has more than three digits.
            b'0'..=b'9' if digits == 0 || number > 0 => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
                if number > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && dots < 3 => {
                quad = quad << 8 | number;
                (number, digits) = (0, 0);
                dots += 1;
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then_some(quad << 8 | number)
}
