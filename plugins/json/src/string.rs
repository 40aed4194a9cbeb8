//! Strings: finding their end and taking their escapes apart.

use alloc::vec::Vec;

use tallygate_sdk::{Stops, Strings, Text};

use crate::parser::Malformed;

/// A string: where its closing quote is, and whether it holds escapes.
#[derive(Clone, Copy)]
pub(crate) struct Scanned {
    pub(crate) close: usize,
    pub(crate) escaped: bool,
}

/// Finds the end of a string of which `at` is some place, at the start of a character.
#[inline]
pub(crate) fn scan(text: Text<'_>, stops: &Stops, at: usize, end: usize) -> Result<Scanned, Malformed> {
    let close = stops.next(at, end);
    if close < end && text.byte(close) == b'"' {
        return Ok(Scanned { close, escaped: false });
    }
    scan_on((text, stops), close, end)
}

/// Goes on where a string does not simply end.
#[cold]
#[inline(never)]
fn scan_on((text, stops): (Text<'_>, &Stops), mut at: usize, end: usize) -> Result<Scanned, Malformed> {
    let mut escaped = false;
    loop {
        at = stops.next(at, end);
        if at >= end {
            return Err(Malformed { at: end, what: "the record ends within a string" });
        }
        match text.byte(at) {
            b'"' => return Ok(Scanned { close: at, escaped }),
            b'\\' => {
                escaped = true;
                at = escape(text, at, end)
                    .or_else(|malformed| lenient_escape((text, stops), at, end).ok_or(malformed))?;
            }
            // A header may hold a tab, which some programs write as it came.
            b'\t' if stops.strings() == Strings::Lenient => at += 1,
            0..0x20 => return Err(Malformed { at, what: "a control character must be escaped in a string" }),
            _ => at = character(text, at, end)?,
        }
    }
}

/// Checks the escape at `at` and answers where it ends. Any `\u` and four digits are let through, lone
/// surrogates too: the grammar of RFC 8259 has them, and programs that cut text by length write them.
fn escape(text: Text<'_>, at: usize, end: usize) -> Result<usize, Malformed> {
    match text.slice(at + 1, end) {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(at + 2),
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => Ok(at + 6),
        _ => Err(Malformed { at, what: "an unknown escape in a string" }),
    }
}

/// Where an escape that is none ends, for those who may have them: `\x22` as nginx and Apache write a byte, or the
/// backslash alone, which then stands for itself.
fn lenient_escape((text, stops): (Text<'_>, &Stops), at: usize, end: usize) -> Option<usize> {
    if stops.strings() == Strings::Strict || at + 1 >= end {
        return None;
    }
    Some(if hexadecimal(text.slice(at + 1, end)).is_some() { at + 4 } else { at + 1 })
}

/// The byte of `x22`, and what follows.
fn hexadecimal(escape: &[u8]) -> Option<(u8, &[u8])> {
    let [b'x', a, b, after @ ..] = escape else { return None };
    let digit = |byte: u8| (byte as char).to_digit(16);
    Some(((digit(*a)? << 4 | digit(*b)?) as u8, after))
}

/// Checks that a character beyond ASCII is UTF-8 and answers where it ends; the table is Unicode's 3-7.
fn character(text: Text<'_>, at: usize, end: usize) -> Result<usize, Malformed> {
    let length = match text.slice(at, end) {
        [0xc2..=0xdf, 0x80..=0xbf, ..] => 2,
        [0xe0, 0xa0..=0xbf, 0x80..=0xbf, ..]
        | [0xe1..=0xec | 0xee..=0xef, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xed, 0x80..=0x9f, 0x80..=0xbf, ..] => 3,
        [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, ..] => 4,
        _ => return Err(Malformed { at, what: "a string holds bytes that are not UTF-8" }),
    };
    Ok(at + length)
}

/// The bytes that an escaped string, already checked, stands for. A lone surrogate becomes U+FFFD. Bytes that are not
/// UTF-8 stay as they are: no key looked for and no address or time holds any, nor would it hold U+FFFD.
pub(crate) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        rest = match rest {
            [] => return bytes,
            [b'\\', b'u', after @ ..] if after.iter().take(4).filter(|byte| byte.is_ascii_hexdigit()).count() == 4 => {
                let (character, after) = unicode(after);
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                after
            }
            [b'\\', short @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), after @ ..] => {
                bytes.push(match short {
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => *short,
                });
                after
            }
            [b'\\', escape @ ..] if let Some((byte, after)) = hexadecimal(escape) => {
                bytes.push(byte);
                after
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
        };
    }
}

/// The character of the four digits that `rest` begins with, or of them and the escape that follows.
fn unicode(rest: &[u8]) -> (char, &[u8]) {
    let (first, after) = unit(rest);
    if let Some(character) = char::from_u32(first) {
        return (character, after);
    }
    if let (0xd800..=0xdbff, [b'\\', b'u', low @ ..]) = (first, after) {
        let (second, after) = unit(low);
        if (0xdc00..=0xdfff).contains(&second) {
            let joined = 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
            return (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), after);
        }
    }
    (char::REPLACEMENT_CHARACTER, after)
}

fn unit(rest: &[u8]) -> (u32, &[u8]) {
    let (digits, after) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    (digits.iter().fold(0, |unit, digit| unit << 4 | (*digit as char).to_digit(16).unwrap_or(0)), after)
}
