//! Where the time and the request of a line are that is not written as nearly all are.

use tallygate_sdk::{NO_TIME, Text, Times, UNREAD_TIME};

use crate::line::{Refusal, Span, malformed, status_behind};

/// The longest time in brackets, in bytes.
const LONGEST_TIME: usize = 64;

/// A time in brackets.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    /// Where the opening bracket is.
    pub(crate) bracket: usize,
    close: usize,
    /// [`NO_TIME`] if the brackets are empty, [`UNREAD_TIME`] if what they hold cannot be read.
    pub(crate) time: i64,
}

// === impl Stamp ===

impl Stamp {
    fn is_read(&self) -> bool {
        self.time > UNREAD_TIME
    }
}

/// Finds the last time before the request in the line from `start` to `end`.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn stamp(text: Text<'_>, (start, end): Span, times: &mut Times) -> Result<Stamp, Refusal> {
    if let Some((stamp, quote)) = quoted(text, (start, end), times) {
        if has_method(text.slice(stamp.close + 1, quote)) {
            // The first quotation marks are those of a referer or an agent, and the request has none.
            return Ok(stamp);
        }
        if !stamp.is_read()
            && let Some((other, _)) = bare(text, (start, end), times)
            && other.bracket < stamp.bracket
        {
            // Brackets in a request without quotes, or such a request in a user: the time is one or the other.
            return Ok(Stamp { time: UNREAD_TIME, ..other });
        }
        status_behind(text, quote + 1, end)?;
        return Ok(stamp);
    }
    if let Some((stamp, behind)) = bare(text, (start, end), times) {
        let is_only = bare(text, (behind, end), times).is_none();
        return Ok(if is_only { stamp } else { Stamp { time: UNREAD_TIME, ..stamp } });
    }
    cut(text, (start, end), times)
}

/// The first quotation mark that has brackets before it, with nothing but words between, and these brackets.
fn quoted(text: Text<'_>, (start, end): Span, times: &mut Times) -> Option<(Stamp, usize)> {
    let mut close = None;
    for at in start..end {
        match text.byte(at) {
            b']' => close = Some(at),
            b'[' => close = None,
            b'"' => {
                if let Some(close) = close.take()
                    && text.byte(at - 1) == b' '
                    && text.byte(close + 1) == b' '
                    && let Some(stamp) = brackets(text, (start, close), times)
                {
                    return Some((stamp, at));
                }
            }
            _ => {}
        }
    }
    None
}

/// The first time in brackets that has a method and a target behind it, and where the target begins.
fn bare(text: Text<'_>, (start, end): Span, times: &mut Times) -> Option<(Stamp, usize)> {
    let line = text.slice(start, end);
    let mut from = 0;
    while let Some(close) = line.get(from..)?.iter().position(|byte| *byte == b']').map(|at| at + from) {
        from = close + 1;
        let behind = line.get(from..)?;
        let words = behind.iter().position(|byte| matches!(byte, b'"' | b'[' | b']')).unwrap_or(behind.len());
        if has_method(behind.get(..words)?)
            && let Some(stamp) = brackets(text, (start, start + close), times)
            && stamp.is_read()
        {
            return Some((stamp, start + from));
        }
    }
    None
}

/// Without a request, the line must end behind a time.
fn cut(text: Text<'_>, (start, end): Span, times: &mut Times) -> Result<Stamp, Refusal> {
    let line = text.slice(start, end);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_suffix(b" ").unwrap_or(line);
    if line.ends_with(b"]")
        && let Some(stamp) = brackets(text, (start, start + line.len() - 1), times)
        && stamp.is_read()
    {
        return Ok(stamp);
    }
    let what = "expected a time in brackets, as in `[10/Oct/2000:13:55:36 -0700]`, and a request behind it";
    let at = line.iter().position(|byte| *byte == b' ').unwrap_or(0);
    Err(malformed(start + at, what))
}

/// The brackets that end at `close`, with a space before them.
fn brackets(text: Text<'_>, (start, close): Span, times: &mut Times) -> Option<Stamp> {
    let first = close.saturating_sub(LONGEST_TIME + 1).max(start + 1);
    let inner = text.slice(first, close);
    let bracket = first + inner.iter().rposition(|byte| matches!(byte, b'[' | b']'))?;
    if text.byte(bracket) != b'[' || text.byte(bracket - 1) != b' ' {
        return None;
    }
    let time = match times.read(text, bracket + 1, close) {
        NO_TIME if !matches!(text.slice(bracket + 1, close).trim_ascii(), b"" | b"-") => UNREAD_TIME,
        time => time,
    };
    Some(Stamp { bracket, close, time })
}

/// Whether a method and a target are among these words: `GET /x`.
fn has_method(words: &[u8]) -> bool {
    let mut fields = words.split(|byte| *byte == b' ');
    let Some(mut method) = fields.next() else { return false };
    for target in fields {
        if is_method(method) && is_target(method, target) {
            return true;
        }
        method = target;
    }
    false
}

fn is_method(word: &[u8]) -> bool {
    (3..=20).contains(&word.len()) && word.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
}

fn is_target(method: &[u8], word: &[u8]) -> bool {
    method == b"CONNECT" && !word.is_empty()
        || matches!(word, [b'/', ..] | b"*")
        || [&b"http://"[..], b"https://", b"ws://", b"wss://"].iter().any(|scheme| word.starts_with(scheme))
}
