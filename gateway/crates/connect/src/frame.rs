//! Where the records lie in a body. Framing is the host's work: plugins never see it.
//!
//! | body | framing |
//! |---|---|
//! | begins with RS (0x1E), and the type is `…json-seq`, another JSON type or unknown | one record behind each RS (RFC 7464), over as many lines as it likes |
//! | `Content-Type: text/…`, and it begins with `[{` or `[]` and is JSON as a whole | the elements of the array |
//! | `Content-Type: text/…`, `application/x-ndjson`, `application/jsonl` and kin | one record per line |
//! | begins with `[`, and the type is JSON, or what follows begins a JSON object, array or string, or ends the array | the elements of the array |
//! | begins with `{`, its first line is not a whole value, but the body as a whole is a sequence of JSON values | one record per value (pretty-printed JSON) |
//! | any other | one record per line |
//!
//! Blank lines are no records; a line may end in CR LF; a byte order mark at the very beginning is skipped, and so are NULs
//! in front of a line, which a crash leaves in files. JSON objects that stand one after the other on a line are a record
//! each. What is
//! wrong with the framing itself (an array that does not end, something behind it) is one rejected record, and what
//! was framed before it is judged as ever.

mod json;

use std::ops::Range;

use tallygate_event::{Code, Records};

/// How records are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// One record per line.
    Lines,
    /// The elements of one JSON array.
    Array,
    /// JSON values one after the other, each over as many lines as it likes.
    Values,
    /// JSON texts, each behind a record separator (RFC 7464).
    Sequence,
}

/// How much is framed at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// No more records in one chunk.
    pub chunk_records: usize,
    /// A chunk ends when it holds so many bytes.
    pub chunk_bytes: usize,
    /// A longer record is rejected as [`Code::TOO_LONG`]; nobody looks into it.
    pub max_record: usize,
}

/// Some records of a body, in order. Its memory is reused from chunk to chunk.
#[derive(Default, Debug)]
pub struct Chunk {
    /// Where the chunk begins in the body.
    pub base: usize,
    /// Where each record begins and where it ends, both counted from `base`.
    bounds: Vec<u32>,
    /// The record right behind those of the chunk, if the framing itself rejects it.
    pub reject: Option<Code>,
}

/// Walks over the records of a body, chunk by chunk.
pub struct Frames<'a> {
    body: &'a [u8],
    framing: Framing,
    bounds: Bounds,
    at: usize,
    /// Of an array: whether its bracket has been passed, and whether an element must follow.
    array: json::ArrayState,
    /// Of lines: where the one ends that holds `at`, if that is known.
    line_end: usize,
}

/// A place between two chunks of a body, from which the next is framed again just as it was.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: usize,
    array: json::ArrayState,
    line_end: usize,
}

/// Begins each text of a JSON text sequence.
const RECORD_SEPARATOR: u8 = 0x1e;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Decides how the records of a body are told apart; see the module's table.
#[must_use]
pub fn detect(content_type: Option<&str>, body: &[u8]) -> Framing {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().as_bytes();
    let begins =
        |with: &str| media_type.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with.as_bytes()));
    let ends = |with: &str| {
        let tail = media_type.len().checked_sub(with.len()).and_then(|at| media_type.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(with.as_bytes()))
    };
    let text = json::after_space(without_mark(body));
    if begins("text/") {
        return if json::is_array(text) { Framing::Array } else { Framing::Lines };
    }
    if ["ndjson", "jsonl", "jsonlines"].into_iter().any(ends) {
        return Framing::Lines;
    }
    let says_json = ends("/json") || ends("+json");
    match text {
        [RECORD_SEPARATOR, ..] => Framing::Sequence,
        _ if ends("json-seq") => Framing::Lines,
        [b'[', rest @ ..] if says_json || json::may_begin_element(rest) => Framing::Array,
        text @ [b'{', ..] if !json::first_line_is_whole(text) && json::is_sequence(text) => Framing::Values,
        _ => Framing::Lines,
    }
}

// === impl Mark ===

impl Mark {
    /// How many bytes of the body lie between it and a mark before it.
    #[must_use]
    pub fn bytes_since(self, earlier: Self) -> usize {
        self.at.saturating_sub(earlier.at)
    }
}

// === impl Frames ===

impl<'a> Frames<'a> {
    /// Frames a body from its beginning.
    #[must_use]
    pub fn new(body: &'a [u8], framing: Framing, bounds: Bounds) -> Self {
        let at = body.len() - without_mark(body).len();
        Self { body, framing, bounds, at, array: json::ArrayState::Before, line_end: 0 }
    }

    /// Where the next chunk begins.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { at: self.at, array: self.array, line_end: self.line_end }
    }

    /// Goes on from a mark, which is of the same body, framed in the same way.
    #[must_use]
    pub fn from_mark(body: &'a [u8], (framing, bounds): (Framing, Bounds), mark: Mark) -> Self {
        let Mark { at, array, line_end } = mark;
        Self { body, framing, bounds, at, array, line_end }
    }

    /// Frames the next records into `chunk`; false when there are none left, and `chunk` is empty then.
    pub fn next(&mut self, chunk: &mut Chunk) -> bool {
        chunk.clear(self.at);
        while chunk.len() < self.bounds.chunk_records && self.at - chunk.base < self.bounds.chunk_bytes {
            let found = match self.framing {
                Framing::Lines => return self.next_lines(chunk),
                Framing::Array => self.array.next(self.body, &mut self.at),
                Framing::Values => json::next_value(self.body, &mut self.at),
                Framing::Sequence => next_of_sequence(self.body, &mut self.at),
            };
            match found {
                None => break,
                Some(Ok((start, end))) => {
                    if !self.push(chunk, start, end) {
                        break;
                    }
                }
                Some(Err(code)) => {
                    chunk.reject = Some(code);
                    break;
                }
            }
        }
        !chunk.is_empty() || chunk.reject.is_some()
    }

    fn next_lines(&mut self, chunk: &mut Chunk) -> bool {
        while self.at < self.body.len() && chunk.len() < self.bounds.chunk_records {
            if self.at - chunk.base >= self.bounds.chunk_bytes {
                if !chunk.is_empty() {
                    break;
                }
                // Nothing but blank lines and NULs so far: the chunk may as well begin here.
                chunk.base = self.at;
            }
            let (start, end) = self.next_line();
            if start < end && !self.push(chunk, start, end) {
                break;
            }
        }
        !chunk.is_empty() || chunk.reject.is_some()
    }

    /// The next line, or the next JSON object of a line with several. Empty if there is nothing in it.
    fn next_line(&mut self) -> (usize, usize) {
        let start = self.at + self.body.get(self.at..).map_or(0, leading_nuls);
        if self.line_end <= start {
            let newline = memchr::memchr(b'\n', self.body.get(start..).unwrap_or_default());
            self.line_end = newline.map_or(self.body.len(), |newline| start + newline);
        }
        let line = self.body.get(start..self.line_end).unwrap_or_default();
        if let Some(length) = json::first_of_several(line) {
            self.at = start + length;
            return (start, self.at);
        }
        self.at = (self.line_end + 1).min(self.body.len());
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_blank = line.first().is_none_or(u8::is_ascii_whitespace) && line.trim_ascii().is_empty();
        if is_blank { (start, start) } else { (start, start + line.len()) }
    }

    /// Adds a record to the chunk; false when it is too long, which ends the chunk.
    fn push(&self, chunk: &mut Chunk, start: usize, end: usize) -> bool {
        if end - start > self.bounds.max_record {
            chunk.reject = Some(Code::TOO_LONG);
            return false;
        }
        let relative = |at: usize| u32::try_from(at - chunk.base).ok();
        let (Some(start), Some(end)) = (relative(start), relative(end)) else {
            chunk.reject = Some(Code::TOO_LONG);
            return false;
        };
        chunk.bounds.extend([start, end]);
        true
    }
}

// === impl Chunk ===

impl Chunk {
    /// The records of the chunk, which was framed from `body`, received at that Unix nanosecond.
    #[must_use]
    pub fn records<'a>(&'a self, body: &'a [u8], received: i64) -> Records<'a> {
        let length = self.bounds.last().map_or(0, |end| *end as usize);
        let data = body.get(self.base..self.base + length).unwrap_or_default();
        Records { data, bounds: &self.bounds, received }
    }

    /// How many records it has, without the one that the framing rejects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len() / 2
    }

    /// Whether it has no record but perhaps one that the framing rejects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// Where in the body one of its records lies.
    #[must_use]
    pub fn span(&self, record: usize) -> Option<Range<usize>> {
        let [start, end] = *self.bounds.as_chunks().0.get(record)?;
        Some(self.base + start as usize..self.base + end as usize)
    }

    /// Memory that it holds, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bounds.capacity() * size_of::<u32>()
    }

    fn clear(&mut self, base: usize) {
        self.base = base;
        self.bounds.clear();
        self.reject = None;
    }
}

/// The next text of a sequence. Nothing can be told about one that was cut short, but the next begins where it says.
fn next_of_sequence(body: &[u8], at: &mut usize) -> json::Found {
    loop {
        let rest = body.get(*at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(RECORD_SEPARATOR, rest).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let start = *at + text.len() - text.trim_ascii_start().len();
        *at = (*at + length + 1).min(body.len());
        let length = text.trim_ascii().len();
        if length > 0 {
            return Some(Ok((start, start + length)));
        }
    }
}

fn leading_nuls(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == 0).count()
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

#[cfg(test)]
mod tests;
