//! The parts of a line. `README.md` beside this crate has the grammar and its reasons.

use tallygate_sdk::{Address, Reject, Text, Times, Trusted};

use crate::{front, request, syslog};

/// Why a line is rejected, and at which byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) reject: Reject,
    pub(crate) at: usize,
}

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// `None` if the line says that there is none.
    pub(crate) address: Option<Address>,
    pub(crate) time: i64,
}

/// A stretch of the text.
pub(crate) type Span = (usize, usize);

// === impl Line ===

impl Line {
    /// Reads the line from `start` to `end`.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn read(text: Text<'_>, span: Span, times: &mut Times, trusted: &Trusted) -> Result<Self, Refusal> {
        match Self::usual(text, span, times) {
            Some(line) => Ok(line),
            None => Self::odd(text, span, times, trusted),
        }
    }

    /// An address, nobody logged in, a time of the usual length, and a request in quotes right behind it: there is
    /// no other way to read such a line, and only one hop, which is the client whoever is trusted.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn usual(text: Text<'_>, (start, end): Span, times: &mut Times) -> Option<Self> {
        let space = find(text, b' ', start, end)?;
        let close = space + 32;
        if close + 2 >= end || text.slice(space, space + 6) != b" - - [" || text.slice(close, close + 3) != b"] \"" {
            return None;
        }
        let time = times.clf(text, space + 6, close)?;
        let address = Address::read(text, start, space)?;
        status_behind(text, close + 3, end).ok()?;
        Some(Self { address: Some(address), time })
    }

    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn odd(text: Text<'_>, (start, end): Span, times: &mut Times, trusted: &Trusted) -> Result<Self, Refusal> {
        let line = text.slice(start, end);
        let mark = if line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let start = start + mark + syslog::prefix(text.slice(start + mark, end));
        if start == end || text.byte(start) == b' ' {
            return Err(malformed(start, "expected a client address and a space behind it"));
        }
        let stamp = request::stamp(text, (start, end), times)?;
        let address = front::client(text.slice(start, stamp.bracket - 1), trusted)
            .map_err(|reject| Refusal { reject, at: start })?;
        Ok(Self { address, time: stamp.time })
    }
}

/// Checks the rest of a request in quotes, and that a status follows, as far as the line goes.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn status_behind(text: Text<'_>, start: usize, end: usize) -> Result<(), Refusal> {
    let mut at = start;
    let mut stray = None;
    while let Some(quote) = find(text, b'"', at, end) {
        at = quote + 1;
        if status_follows(text, at, end) {
            return Ok(());
        }
        if !is_escaped(text, start, quote) {
            stray = Some(at);
        }
    }
    // A line without any closing quote was cut off within the request.
    let what = "expected a status of one to three digits behind the request";
    stray.map_or(Ok(()), |at| Err(malformed(at, what)))
}

#[inline]
fn is_escaped(text: Text<'_>, start: usize, quote: usize) -> bool {
    if text.byte(quote - 1) != b'\\' {
        return false;
    }
    text.slice(start, quote).iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Whether a status follows, or as much of one as the line has. It tells the quote that ends the request from one
/// within, since some servers write the request as it came.
#[inline]
fn status_follows(text: Text<'_>, at: usize, end: usize) -> bool {
    match text.slice(at, end.min(at + 5)) {
        [b' ', a, b, c, b' ' | b'\r'] | [b' ', a, b, c] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => true,
        [] | [b' ' | b'\r'] => true,
        [b' ', status @ ..] => {
            let length = status.iter().position(|byte| matches!(byte, b' ' | b'\r')).unwrap_or(status.len());
            match status.get(..length) {
                Some(b"-") => true,
                Some(digits) => (1..=3).contains(&length) && digits.iter().all(u8::is_ascii_digit),
                None => false,
            }
        }
        _ => false,
    }
}

/// The first `byte` from `at` on, before `end`.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn find(text: Text<'_>, byte: u8, mut at: usize, end: usize) -> Option<usize> {
    while at < end {
        let mask = text.sixteen(at).equal(byte).mask();
        if mask != 0 {
            let place = at + mask.trailing_zeros() as usize;
            return (place < end).then_some(place);
        }
        at += 16;
    }
    None
}

#[cold]
pub(crate) fn malformed(at: usize, what: &'static str) -> Refusal {
    Refusal { reject: Reject::malformed(what), at }
}
