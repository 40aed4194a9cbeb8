//! Whether bytes are UTF-8, sixteen at a time.
//!
//! The algorithm is John Keiser's and Daniel Lemire's ("Validating UTF-8 in less than one instruction per byte",
//! 2020): three tables, for the halves of a byte and the high half of the next, share the bits that stand for an
//! error, so that what all three agree on is one.

use crate::{Bytes16, Text};

const TOO_SHORT: u8 = 1;
const TOO_LONG: u8 = 1 << 1;
const OVERLONG_3: u8 = 1 << 2;
const TOO_LARGE: u8 = 1 << 3;
const SURROGATE: u8 = 1 << 4;
const OVERLONG_2: u8 = 1 << 5;
const TOO_LARGE_1000: u8 = 1 << 6;
const OVERLONG_4: u8 = 1 << 6;
const TWO_CONTINUATIONS: u8 = 1 << 7;
/// Errors that the low half of the first byte has no say in.
const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;
const LARGE: u8 = CARRY | TOO_LARGE | TOO_LARGE_1000;

static FIRST_HIGH: [u8; 16] = [
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TWO_CONTINUATIONS,
    TWO_CONTINUATIONS,
    TWO_CONTINUATIONS,
    TWO_CONTINUATIONS,
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4,
];
static FIRST_LOW: [u8; 16] = [
    CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
    CARRY | OVERLONG_2,
    CARRY,
    CARRY,
    CARRY | TOO_LARGE,
    LARGE,
    LARGE,
    LARGE,
    LARGE,
    LARGE,
    LARGE,
    LARGE,
    LARGE,
    LARGE | SURROGATE,
    LARGE,
    LARGE,
];
const CONTINUATION: u8 = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
static SECOND_HIGH: [u8; 16] = [
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    CONTINUATION | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
    CONTINUATION | OVERLONG_3 | TOO_LARGE,
    CONTINUATION | SURROGATE | TOO_LARGE,
    CONTINUATION | SURROGATE | TOO_LARGE,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
];

/// Whether the 64 bytes from `at` are UTF-8, given that what precedes them is. A character that is cut off behind
/// them is found wrong only by a look at the bytes that follow.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn is_valid(text: Text<'_>, at: usize) -> bool {
    let bytes = text.bytes();
    let window = at.checked_sub(3).and_then(|start| bytes.get(start..)?.first_chunk::<WINDOW>());
    match window {
        Some(window) => is_valid_window(window),
        None => {
            let mut window = [0; WINDOW];
            let (_, own) = window.split_at_mut(3);
            own.copy_from_slice(text.block(at));
            is_valid_window(&window)
        }
    }
}

/// A block, and the three bytes before it.
const WINDOW: usize = 67;

#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn is_valid_window(window: &[u8; WINDOW]) -> bool {
    let mut errors = Bytes16::load(&[0; 16]);
    for (bytes, own) in window.windows(19).step_by(16).zip(window[3..].as_chunks::<16>().0) {
        let (Some(third), Some(second), Some(first)) = (
            bytes.first_chunk(),
            bytes.get(1..).and_then(<[u8]>::first_chunk),
            bytes.get(2..).and_then(<[u8]>::first_chunk),
        ) else {
            return false;
        };
        errors = errors.or(wrong(own, first, second, third));
    }
    errors.is_zero()
}

/// Not zero where a byte is wrong behind the three before it.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn wrong(own: &[u8; 16], first: &[u8; 16], second: &[u8; 16], third: &[u8; 16]) -> Bytes16 {
    let (own, first) = (Bytes16::load(own), Bytes16::load(first));
    let pairs = Bytes16::load(&FIRST_HIGH)
        .pick(first.high_halves())
        .and(Bytes16::load(&FIRST_LOW).pick(first.low_halves()))
        .and(Bytes16::load(&SECOND_HIGH).pick(own.high_halves()));
    // The third byte of a character of three, and the third and fourth of one of four, must be continuations.
    let must = Bytes16::load(second).minus_saturating(0x60).or(Bytes16::load(third).minus_saturating(0x70));
    must.and(Bytes16::load(&[0x80; 16])).xor(pairs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::with_slack;

    fn all_valid(bytes: &[u8]) -> bool {
        let mut padded = with_slack(bytes);
        padded.resize((bytes.len() + 1).next_multiple_of(64) + 64, 0);
        let text = Text::new(&padded).expect("slack was added");
        (0..text.len()).step_by(64).all(|at| is_valid(text, at))
    }

    #[test]
    fn agrees_with_the_standard_library_on_all_short_sequences() {
        const BYTES: [u8; 24] = [
            0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
            0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        for a in BYTES {
            for b in BYTES {
                for c in BYTES {
                    for d in BYTES {
                        for place in [0, 62] {
                            let mut bytes = vec![b'x'; place];
                            bytes.extend([a, b, c, d]);
                            assert_eq!(all_valid(&bytes), std::str::from_utf8(&bytes).is_ok(), "{a} {b} {c} {d}");
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(text in "\\PC{0,80}", at: prop::sample::Index, byte: u8) {
            let mut bytes = text.into_bytes();
            prop_assert!(all_valid(&bytes));
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            prop_assert_eq!(all_valid(&bytes), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
