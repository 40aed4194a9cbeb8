//! Where the records lie in a body. Framing is the host's work: plugins never see it.
//!
//! | body | framing |
//! |---|---|
//! | `Content-Type: text/…`, `application/x-ndjson`, `application/jsonl` and kin | one record per line |
//! | begins with `[`, and the type is JSON, or what follows begins a JSON object, array or string, or ends the array | the elements of the array |
//! | begins with `{`, its first line is not a whole value, but the body as a whole is a sequence of JSON values | one record per value (pretty-printed JSON) |
//! | any other | one record per line |
//!
//! Blank lines are no records; a line may end in CR LF; a byte order mark at the very beginning is skipped. What is
//! wrong with the framing itself (an array that does not end, something behind it) is one rejected record, and what
//! was framed before it is judged as ever.

mod json;

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
    starts: Vec<u32>,
    ends: Vec<u32>,
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
}

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
    if begins("text/") || ["ndjson", "jsonl", "jsonlines", "json-seq"].into_iter().any(ends) {
        return Framing::Lines;
    }
    let says_json = ends("/json") || ends("+json");
    match json::after_space(without_mark(body)) {
        [b'[', rest @ ..] if says_json || json::may_begin_element(rest) => Framing::Array,
        text @ [b'{', ..] if !json::first_line_is_whole(text) && json::is_sequence(text) => Framing::Values,
        _ => Framing::Lines,
    }
}

// === impl Frames ===

impl<'a> Frames<'a> {
    /// Frames a body from its beginning.
    #[must_use]
    pub fn new(body: &'a [u8], framing: Framing, bounds: Bounds) -> Self {
        let at = body.len() - without_mark(body).len();
        Self { body, framing, bounds, at, array: json::ArrayState::Before }
    }

    /// Frames the next records into `chunk`; false when there are none left, and `chunk` is empty then.
    pub fn next(&mut self, chunk: &mut Chunk) -> bool {
        chunk.clear(self.at);
        while chunk.starts.len() < self.bounds.chunk_records && self.at - chunk.base < self.bounds.chunk_bytes {
            let found = match self.framing {
                Framing::Lines => return self.next_lines(chunk),
                Framing::Array => self.array.next(self.body, &mut self.at),
                Framing::Values => json::next_value(self.body, &mut self.at),
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
        !chunk.starts.is_empty() || chunk.reject.is_some()
    }

    fn next_lines(&mut self, chunk: &mut Chunk) -> bool {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let base = self.at;
        for newline in memchr::memchr_iter(b'\n', rest) {
            let start = self.at;
            self.at = base + newline + 1;
            if !self.push_line(chunk, start, base + newline) {
                return true;
            }
            if chunk.starts.len() >= self.bounds.chunk_records || self.at - base >= self.bounds.chunk_bytes {
                return true;
            }
        }
        let start = self.at;
        self.at = self.body.len();
        self.push_line(chunk, start, self.body.len());
        !chunk.starts.is_empty() || chunk.reject.is_some()
    }

    fn push_line(&self, chunk: &mut Chunk, start: usize, mut end: usize) -> bool {
        let Some(line) = self.body.get(start..end) else { return true };
        if line.last() == Some(&b'\r') {
            end -= 1;
        }
        match line.first() {
            None => true,
            Some(first) if first.is_ascii_whitespace() && line.trim_ascii().is_empty() => true,
            Some(_) => self.push(chunk, start, end),
        }
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
        chunk.starts.push(start);
        chunk.ends.push(end);
        true
    }
}

// === impl Chunk ===

impl Chunk {
    /// The records of the chunk, which was framed from `body`.
    #[must_use]
    pub fn records<'a>(&'a self, body: &'a [u8]) -> Records<'a> {
        let length = self.ends.last().map_or(0, |end| *end as usize);
        let data = body.get(self.base..self.base + length).unwrap_or_default();
        Records { data, starts: &self.starts, ends: &self.ends }
    }

    fn clear(&mut self, base: usize) {
        self.base = base;
        self.starts.clear();
        self.ends.clear();
        self.reject = None;
    }
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

#[cfg(test)]
mod tests;
