//! Just enough of JSON to see where one value ends and the next begins. Whether a value is well formed is for the
//! plugin to say.

use memchr::memchr3;
use tallygate_event::Code;

/// Where the walk over an array is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ArrayState {
    /// The opening bracket has not been read.
    Before,
    /// Right behind the bracket: the array may end here.
    First,
    /// Behind a comma: an element must follow.
    Element,
    /// Behind the closing bracket: nothing may follow.
    Behind,
}

/// A record's place, or why the framing rejects what stands there.
pub(super) type Found = Option<Result<(usize, usize), Code>>;

/// What ended a stretch of values.
enum End {
    /// A comma on the level where the walk began.
    Comma(usize),
    /// The bracket that closes the array.
    Close(usize),
    /// The text, or what cannot stand in an array.
    Text,
}

// === impl ArrayState ===

impl ArrayState {
    /// The next element of the array at `at`, which moves behind it.
    pub(super) fn next(&mut self, body: &[u8], at: &mut usize) -> Found {
        *at = skip_space(body, *at);
        if *self == Self::Before {
            *at = skip_space(body, *at + 1);
            *self = Self::First;
        }
        match (*self, body.get(*at)) {
            (Self::Behind, None) => return None,
            (Self::Behind, Some(_)) | (_, None) => return Some(Err(self.give_up(body, at))),
            (Self::First, Some(b']')) => {
                (*at, *self) = (*at + 1, Self::Behind);
                return self.next(body, at);
            }
            _ => {}
        }
        let start = *at;
        let end = match element_end(body, start) {
            End::Comma(end) => {
                *self = Self::Element;
                end
            }
            End::Close(end) => {
                *self = Self::Behind;
                end
            }
            End::Text => return Some(Err(self.give_up(body, at))),
        };
        *at = end + 1;
        let element = body.get(start..end).unwrap_or_default().trim_ascii_end();
        if element.is_empty() {
            return Some(Err(Code::MALFORMED));
        }
        Some(Ok((start, start + element.len())))
    }

    /// What stands at `at` is no array any more: all of it is one malformed record.
    fn give_up(&mut self, body: &[u8], at: &mut usize) -> Code {
        (*at, *self) = (body.len(), Self::Behind);
        Code::MALFORMED
    }
}

/// The next of the values that stand one after the other.
pub(super) fn next_value(body: &[u8], at: &mut usize) -> Found {
    *at = skip_space(body, *at);
    let start = *at;
    body.get(start)?;
    *at = value_end(body, start).unwrap_or(body.len());
    Some(Ok((start, *at)))
}

/// Whether the text is nothing but values, each of them closed.
pub(super) fn is_sequence(text: &[u8]) -> bool {
    let mut at = skip_space(text, 0);
    while at < text.len() {
        match value_end(text, at) {
            Some(end) => at = skip_space(text, end),
            None => return false,
        }
    }
    true
}

/// Whether the first line closes every bracket that it opens. A single line needs no look.
pub(super) fn first_line_is_whole(text: &[u8]) -> bool {
    let Some(newline) = memchr::memchr(b'\n', text) else { return true };
    let (line, rest) = text.split_at(newline);
    after_space(rest).is_empty() || value_end(line, 0).is_some()
}

/// Whether a text is an array of objects, or an empty one. A log may begin with a bracket, too, and with one of these two, so
/// all of it must be that array. Whether its elements are JSON is left to the plugin: else a client whose record is not
/// would take all others with it.
pub(super) fn is_array(text: &[u8]) -> bool {
    let [b'[', rest @ ..] = text else { return false };
    let is_closed = || value_end(text, 0).is_some_and(|end| after_space(&text[end.min(text.len())..]).is_empty());
    matches!(after_space(rest), [b'{' | b']', ..]) && is_closed()
}

/// How long the first object of a line is, if another one follows it on the line.
pub(super) fn first_of_several(line: &[u8]) -> Option<usize> {
    if !begins_object(line) {
        return None;
    }
    // Few lines have an object behind an object anywhere in them; only these are looked through.
    let follows = |at: usize| line.get(..at).is_some_and(|before| before.trim_ascii_end().ends_with(b"}"));
    memchr::memchr_iter(b'{', line).find(|at| *at > 0 && follows(*at))?;
    let start = line.len() - after_space(line).len();
    let end = value_end(line, start)?;
    begins_object(after_space(line.get(end..)?)).then_some(end)
}

fn begins_object(text: &[u8]) -> bool {
    let text = after_space(text);
    matches!(text, [b'{', rest @ ..] if matches!(after_space(rest), [b'"' | b'}', ..]))
}

/// Whether what stands behind a bracket could be in a JSON array, rather than in a log line like `[12:01:02] …`.
pub(super) fn may_begin_element(text: &[u8]) -> bool {
    matches!(after_space(text), [b'{' | b'[' | b'"' | b']', ..])
}

pub(super) fn after_space(text: &[u8]) -> &[u8] {
    text.get(skip_space(text, 0)..).unwrap_or_default()
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Where the element that begins at `start` ends.
fn element_end(text: &[u8], start: usize) -> End {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => match string_end(text, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return End::Text,
            },
            b'{' | b'[' => depth += 1,
            b']' if depth == 0 => return End::Close(at),
            // It closes nothing that was opened: this is no array any more.
            b'}' if depth == 0 => return End::Text,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return End::Comma(at),
            _ => {}
        }
        at += 1;
    }
    End::Text
}

/// Behind the value that begins at `start`: an object or array with all its brackets closed, a string, or a word.
fn value_end(text: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at)?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' => (at, depth) = (at + 1, depth.checked_sub(1)?),
            _ if depth == 0 => return Some(word_end(text, at)),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn word_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let stop = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'[' | b'"');
    start + rest.iter().position(stop).unwrap_or(rest.len()).max(1)
}

/// Behind the closing quote of the string that opens at `start`. A string does not go over the end of a line.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let rest = text.get(at..)?;
        let found = memchr3(b'"', b'\\', b'\n', rest)?;
        match rest.get(found)? {
            b'"' => return Some(at + found + 1),
            b'\\' => at += found + 2,
            _ => return None,
        }
    }
}
