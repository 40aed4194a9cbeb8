//! A validating parser for one record, RFC 8259 in full.

use tallygate_sdk::{Stops, Text};

use crate::{
    fields::{Fields, NO_NODE, NO_SLOT, Name, ROOT},
    found::{Found, Kind, Value},
    string,
};

/// How deep arrays and objects may be nested; what `serde_json` allows too.
pub(crate) const DEPTH: usize = 127;

/// A byte order mark is no part of JSON, but the first record of a file from Windows may have one.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a record stops being JSON, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// An array or object that is open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Frame {
    pub(crate) array: bool,
    /// For an array, the slot of its elements.
    pub(crate) slot: u8,
    /// For an object, its node in [`Fields`].
    pub(crate) node: u16,
}

/// Listens to a parse. One listener collects the values looked for, the other learns the shape of the record.
pub(crate) trait Listener {
    /// A value that is no array or object; for a string, `value` lies between the quotes.
    fn scalar(&mut self, place: Place, value: Value);
    /// An array or object begins, at the place where its bracket is.
    fn open(&mut self, place: Place, frame: Frame, at: usize);
    /// An array or object ends.
    fn close(&mut self);
}

/// Where in the tree of values a value stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) slot: u8,
    /// Whether it is an element of an array.
    pub(crate) element: bool,
}

/// A record in its text.
///
/// Handed on by reference: what does not fit into registers is passed in the guest's memory in pieces of another
/// size than it is read in, which stalls the processor.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) stops: &'a Stops,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A parse of one record.
pub(crate) struct Parser<'a, L> {
    text: Text<'a>,
    stops: &'a Stops,
    fields: &'a Fields,
    end: usize,
    listener: &'a mut L,
    /// The arrays and objects around the value that comes next.
    stack: &'a mut Stack,
    depth: usize,
    /// What is known about the value that comes next: its slot and, should it be an object, its node.
    next: (u8, u16),
}

/// Room for the arrays and objects that are open, kept from one record to the next.
pub(crate) type Stack = [Frame; DEPTH];

/// What follows what was read.
enum Step {
    /// The value was complete.
    Complete(usize),
    /// Another value, inside the one that was begun.
    Value(usize),
}

// === impl Input ===

impl Input<'_> {
    /// Whether a record that is JSON is an object.
    pub(crate) fn is_object(&self) -> bool {
        let record = self.text.slice(self.start, self.end);
        record.strip_prefix(MARK).unwrap_or(record).trim_ascii_start().starts_with(b"{")
    }
}

// === impl Parser ===

impl<'a, L: Listener> Parser<'a, L> {
    /// Parses a record.
    pub(crate) fn parse(
        input: &Input<'a>,
        (fields, stack): (&'a Fields, &'a mut Stack),
        listener: &'a mut L,
    ) -> Result<(), Malformed> {
        let Input { text, stops, start, end } = *input;
        let mut parser = Self { text, stops, fields, end, listener, stack, depth: 0, next: (NO_SLOT, ROOT) };
        let mark = if text.slice(start, end).starts_with(MARK) { MARK.len() } else { 0 };
        let mut at = parser.space(start + mark);
        loop {
            at = match parser.value(at)? {
                Step::Value(inside) => inside,
                Step::Complete(behind) => match parser.behind(behind)? {
                    Some(next) => next,
                    None => return Ok(()),
                },
            };
        }
    }

    /// Reads a value, or into it.
    #[inline]
    fn value(&mut self, at: usize) -> Result<Step, Malformed> {
        match self.peek(at) {
            b'"' => {
                let string = string::scan(self.text, self.stops, at + 1, self.end)?;
                let kind = if string.escaped { Kind::Escaped } else { Kind::Plain };
                self.scalar(at + 1, string.close, kind);
                Ok(Step::Complete(string.close + 1))
            }
            b'{' => self.open_object(at),
            b'[' => self.open_array(at),
            _ => {
                let (close, kind) = scalar(self.text, at, self.end)?;
                self.scalar(at, close, kind);
                Ok(Step::Complete(close))
            }
        }
    }

    /// Reads what separates a complete value from the next one, which it answers; `None` at the end of the record.
    #[inline]
    fn behind(&mut self, mut at: usize) -> Result<Option<usize>, Malformed> {
        loop {
            at = self.space(at);
            let Some(frame) = self.top() else {
                return match at < self.end {
                    true => Err(Malformed { at, what: "something follows the end of the value" }),
                    false => Ok(None),
                };
            };
            match (self.peek(at), frame.array) {
                (b',', true) => {
                    self.next = (frame.slot, NO_NODE);
                    return Ok(Some(self.space(at + 1)));
                }
                (b',', false) => {
                    at = self.space(at + 1);
                    return self.key(at).map(Some);
                }
                (b']', true) | (b'}', false) => {
                    self.depth -= 1;
                    self.listener.close();
                    at += 1;
                }
                (_, true) => return Err(self.unexpected(at, "expected `,` or `]`")),
                (_, false) => return Err(self.unexpected(at, "expected `,` or `}`")),
            }
        }
    }

    /// Reads a key and the colon behind it; answers where the value is.
    #[inline]
    fn key(&mut self, at: usize) -> Result<usize, Malformed> {
        if self.peek(at) != b'"' {
            return Err(self.unexpected(at, "expected a key in double quotes"));
        }
        let string = string::scan(self.text, self.stops, at + 1, self.end)?;
        let node = self.top().map_or(NO_NODE, |frame| frame.node);
        self.next = match string.escaped {
            _ if node == NO_NODE => (NO_SLOT, NO_NODE),
            false => self.fields.find(node, Name::within(self.text, at + 1, string.close)),
            true => self.fields.find(node, Name::new(&string::unescape(self.text.slice(at + 1, string.close)))),
        };
        let at = self.space(string.close + 1);
        if self.peek(at) != b':' {
            return Err(self.unexpected(at, "expected `:` behind the key"));
        }
        Ok(self.space(at + 1))
    }

    fn open_object(&mut self, at: usize) -> Result<Step, Malformed> {
        self.open(at, Frame { array: false, slot: NO_SLOT, node: self.next.1 })?;
        let at = self.space(at + 1);
        if self.peek(at) == b'}' {
            self.depth -= 1;
            self.listener.close();
            return Ok(Step::Complete(at + 1));
        }
        self.key(at).map(Step::Value)
    }

    fn open_array(&mut self, at: usize) -> Result<Step, Malformed> {
        // An array within an array is no list of addresses any more.
        let slot = if self.place().element { NO_SLOT } else { self.next.0 };
        self.open(at, Frame { array: true, slot, node: NO_NODE })?;
        let at = self.space(at + 1);
        if self.peek(at) == b']' {
            self.depth -= 1;
            self.listener.close();
            return Ok(Step::Complete(at + 1));
        }
        self.next = (slot, NO_NODE);
        Ok(Step::Value(at))
    }

    fn open(&mut self, at: usize, frame: Frame) -> Result<(), Malformed> {
        self.listener.open(self.place(), frame, at);
        let Some(top) = self.stack.get_mut(self.depth) else {
            return Err(Malformed { at, what: "arrays and objects are nested deeper than 127 levels" });
        };
        *top = frame;
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn scalar(&mut self, start: usize, end: usize, kind: Kind) {
        self.listener.scalar(self.place(), Value::new(start, end, kind));
    }

    #[inline]
    fn place(&self) -> Place {
        Place { slot: self.next.0, element: self.top().is_some_and(|frame| frame.array) }
    }

    #[inline]
    fn top(&self) -> Option<Frame> {
        self.stack.get(self.depth.checked_sub(1)?).copied()
    }

    /// The byte at `at`, or zero, which is never expected, behind the end.
    #[inline]
    fn peek(&self, at: usize) -> u8 {
        if at < self.end { self.text.byte(at) } else { 0 }
    }

    /// Skips white space.
    #[inline]
    fn space(&self, mut at: usize) -> usize {
        while matches!(self.peek(at), b' ' | b'\n' | b'\r' | b'\t') {
            at += 1;
        }
        at
    }

    #[cold]
    fn unexpected(&self, at: usize, what: &'static str) -> Malformed {
        let what = if at < self.end { what } else { "the record ends too early" };
        Malformed { at, what }
    }
}

/// Reads a number, `true`, `false` or `null`: where it ends, and which it is.
#[inline]
pub(crate) fn scalar(text: Text<'_>, at: usize, end: usize) -> Result<(usize, Kind), Malformed> {
    match text.slice(at, end) {
        [b'-' | b'0'..=b'9', ..] => Ok((number(text, at, end)?, Kind::Number)),
        [b't', b'r', b'u', b'e', ..] => Ok((at + 4, Kind::Boolean)),
        [b'f', b'a', b'l', b's', b'e', ..] => Ok((at + 5, Kind::Boolean)),
        [b'n', b'u', b'l', b'l', ..] => Ok((at + 4, Kind::Null)),
        [] => Err(Malformed { at, what: "the record ends where a value is expected" }),
        _ => Err(Malformed { at, what: "expected a value" }),
    }
}

fn number(text: Text<'_>, at: usize, end: usize) -> Result<usize, Malformed> {
    let start = if text.byte(at) == b'-' { at + 1 } else { at };
    let mut behind = digits(text, start, end)?;
    if text.byte(start) == b'0' && behind > start + 1 {
        return Err(Malformed { at: start, what: "a number must not begin with a zero" });
    }
    if let [b'.', ..] = text.slice(behind, end) {
        behind = digits(text, behind + 1, end)?;
    }
    if let [b'e' | b'E', power @ ..] = text.slice(behind, end) {
        let sign = usize::from(matches!(power, [b'+' | b'-', ..]));
        behind = digits(text, behind + 1 + sign, end)?;
    }
    Ok(behind)
}

fn digits(text: Text<'_>, start: usize, end: usize) -> Result<usize, Malformed> {
    let mut at = start;
    while at < end && text.byte(at).is_ascii_digit() {
        at += 1;
    }
    if at == start {
        return Err(Malformed { at, what: "expected a digit" });
    }
    Ok(at)
}

/// Collects the values looked for.
pub(crate) struct Collector<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) found: &'a mut Found,
}

// === impl Collector ===

impl Listener for Collector<'_> {
    #[inline]
    fn scalar(&mut self, place: Place, value: Value) {
        self.found.put_at(place, value, self.text);
    }

    #[inline]
    fn open(&mut self, place: Place, frame: Frame, at: usize) {
        let kind = if frame.array { Kind::Array } else { Kind::Object };
        self.scalar(place, Value::new(at, at + 1, kind));
    }

    #[inline]
    fn close(&mut self) {}
}
