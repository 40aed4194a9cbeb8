//! Looking into a record of JSON without building anything.
//!
//! For plugins that know where to look. This is a scanner, no validator: what is passed over is only looked at as far as
//! it takes to find its end. The shipped plugin `json` checks every record in full, and knows hundreds of names.

use alloc::{borrow::Cow, vec::Vec};

/// A value, where it lies in the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// What is between the quotes, escapes and all.
    String(&'a [u8]),
    /// As it is written.
    Number(&'a [u8]),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
    /// With its braces; see [`members`].
    Object(&'a [u8]),
    /// With its brackets; see [`elements`].
    Array(&'a [u8]),
}

/// The first value at a path, which is keys joined by dots: `a.b` is found in `{"a":{"b":1}}` and in `{"a.b":1}`. Keys are
/// compared as they are written.
///
/// ```
/// use tallygate_sdk::json::{Value, get};
///
/// let record = br#"{"at":1795150800,"request":{"remote":"1.2.3.4"}}"#;
/// assert_eq!(get(record, "request.remote"), Some(Value::String(b"1.2.3.4")));
/// assert_eq!(get(record, "at"), Some(Value::Number(b"1795150800")));
/// assert_eq!(get(record, "request.port"), None);
/// ```
#[must_use]
pub fn get<'a>(record: &'a [u8], path: &str) -> Option<Value<'a>> {
    find(record, path.as_bytes())
}

fn find<'a>(object: &'a [u8], path: &[u8]) -> Option<Value<'a>> {
    members(object).find_map(|(key, value)| {
        let rest = path.strip_prefix(key)?;
        match (rest, value) {
            ([], _) => Some(value),
            // As deep as the path has dots.
            ([b'.', rest @ ..], Value::Object(inner)) => find(inner, rest),
            _ => None,
        }
    })
}

/// The members of an object: keys as they are written, and values. None if the record is no object, and no more from where
/// it is not JSON any longer; [`Members::is_whole`] tells.
///
/// ```
/// use tallygate_sdk::json::{Value, members};
///
/// let mut members = members(br#"{"a":[1,{}],"b":null}"#);
/// assert_eq!(members.next(), Some((&b"a"[..], Value::Array(b"[1,{}]"))));
/// assert_eq!(members.next(), Some((&b"b"[..], Value::Null)));
/// assert_eq!(members.next(), None);
/// assert!(members.is_whole());
/// ```
#[must_use]
pub fn members(record: &[u8]) -> Members<'_> {
    let rest = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record).trim_ascii_start();
    let (rest, state) = rest.strip_prefix(b"{").map_or((rest, State::Broken), |rest| (rest, State::Begins));
    Members { scan: Scan { rest, state } }
}

/// The elements of an array; see [`members`].
///
/// ```
/// use tallygate_sdk::json::{Value, elements};
///
/// let elements: Vec<_> = elements(br#"["1.2.3.4", 5]"#).collect();
/// assert_eq!(elements, [Value::String(b"1.2.3.4"), Value::Number(b"5")]);
/// ```
#[must_use]
pub fn elements(array: &[u8]) -> Elements<'_> {
    let rest = array.trim_ascii_start();
    let (rest, state) = rest.strip_prefix(b"[").map_or((rest, State::Broken), |rest| (rest, State::Begins));
    Elements { scan: Scan { rest, state } }
}

/// The members that [`members`] finds.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    scan: Scan<'a>,
}

/// The elements that [`elements`] finds.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    scan: Scan<'a>,
}

#[derive(Clone, Debug)]
struct Scan<'a> {
    rest: &'a [u8],
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Begins,
    /// Behind a member or an element.
    Goes,
    Ended,
    Broken,
}

// === impl Value ===

impl<'a> Value<'a> {
    /// What a string stands for, or how a number is written; nothing for other values. Copies only if there are escapes.
    ///
    /// ```
    /// use tallygate_sdk::json::get;
    ///
    /// let text = get(br#"{"a":"\u0041\/\n"}"#, "a").and_then(|value| value.text());
    /// assert_eq!(text.as_deref(), Some(&b"A/\n"[..]));
    /// ```
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::String(raw) => Some(unescape(raw)),
            Self::Number(raw) => Some(Cow::Borrowed(raw)),
            _ => None,
        }
    }

    /// The value that these bytes begin with, and what is behind it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        match bytes {
            [b'"', inner @ ..] => string(inner).map(|(raw, rest)| (Self::String(raw), rest)),
            [b'{', ..] => nested(bytes).map(|(raw, rest)| (Self::Object(raw), rest)),
            [b'[', ..] => nested(bytes).map(|(raw, rest)| (Self::Array(raw), rest)),
            [b't', b'r', b'u', b'e', rest @ ..] => Some((Self::Boolean(true), rest)),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => Some((Self::Boolean(false), rest)),
            [b'n', b'u', b'l', b'l', rest @ ..] => Some((Self::Null, rest)),
            [b'-' | b'0'..=b'9', ..] => {
                let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let length = bytes.iter().position(|byte| !is_part(byte)).unwrap_or(bytes.len());
                bytes.split_at_checked(length).map(|(raw, rest)| (Self::Number(raw), rest))
            }
            _ => None,
        }
    }
}

/// What is between quotes, of which the first is before `inner`, and what is behind the last.
fn string(inner: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        at += inner.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if inner.get(at) == Some(&b'"') {
            return Some((inner.get(..at)?, inner.get(at + 1..)?));
        }
        at += 2;
    }
}

/// An object or an array up to its end, and what is behind it. Counts brackets, so there is no recursion, whatever the
/// record; whether each is closed by one of its kind is not looked at.
fn nested(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut depth = 0usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return bytes.split_at_checked(at + 1);
                }
            }
            b'"' => {
                let (_, rest) = string(bytes.get(at + 1..)?)?;
                at = bytes.len() - rest.len();
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// What a string with escapes stands for. A lone surrogate becomes U+FFFD; what is no escape stays.
fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        let (byte, after) = match rest {
            [] => return Cow::Owned(bytes),
            [b'\\', b'u', digits @ ..] if let Some((character, after)) = unicode(digits) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
                continue;
            }
            [b'\\', b'b', after @ ..] => (8, after),
            [b'\\', b'f', after @ ..] => (12, after),
            [b'\\', b'n', after @ ..] => (b'\n', after),
            [b'\\', b'r', after @ ..] => (b'\r', after),
            [b'\\', b't', after @ ..] => (b'\t', after),
            [b'\\', byte @ (b'"' | b'\\' | b'/'), after @ ..] => (*byte, after),
            [byte, after @ ..] => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
}

/// The character of four hexadecimal digits, or of them and the escape that follows.
fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let (first, after) = unit(digits)?;
    if let (0xd800..=0xdbff, [b'\\', b'u', low @ ..]) = (first, after)
        && let Some((second @ 0xdc00..=0xdfff, after)) = unit(low)
    {
        let joined = 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
        return Some((char::from_u32(joined)?, after));
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), after))
}

fn unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, after) = digits.split_at_checked(4)?;
    let unit = digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)?))?;
    Some((unit, after))
}

// === impl Scan ===

impl<'a> Scan<'a> {
    /// Goes on to where the next member or element begins. `None` at the end.
    fn advance(&mut self, close: u8) -> Option<()> {
        let rest = self.rest.trim_ascii_start();
        let state = core::mem::replace(&mut self.state, State::Broken);
        self.rest = match (state, rest) {
            (State::Begins | State::Goes, [byte, rest @ ..]) if *byte == close => {
                (self.state, self.rest) = (State::Ended, rest);
                return None;
            }
            (State::Begins, _) => rest,
            (State::Goes, [b',', rest @ ..]) => rest.trim_ascii_start(),
            (State::Ended, _) => {
                self.state = state;
                return None;
            }
            _ => return None,
        };
        Some(())
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let (value, rest) = Value::read(self.rest)?;
        (self.rest, self.state) = (rest, State::Goes);
        Some(value)
    }
}

// === impl Members ===

impl Members<'_> {
    /// Whether the object was read to its end, and nothing but white space is behind it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.scan.state == State::Ended && self.scan.rest.trim_ascii().is_empty()
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.scan.advance(b'}')?;
        let (key, rest) = string(self.scan.rest.strip_prefix(b"\"")?)?;
        self.scan.rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        Some((key, self.scan.value()?))
    }
}

// === impl Elements ===

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.scan.advance(b']')?;
        self.scan.value()
    }
}

#[cfg(test)]
mod tests;
