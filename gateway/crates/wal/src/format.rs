//! What a log's payloads are, and how they become frames.

use crate::frame;

/// What tells one log from others: its names, its magic number, and what its marks count.
#[derive(Debug)]
pub struct Format {
    /// What the log is called in messages. Its files have this name and a number: `journal-0000000007`.
    pub name: &'static str,
    /// What it keeps, for messages: "visits".
    pub keeps: &'static str,
    /// The name of the file that says which of the log's files is the newest.
    pub newest: &'static str,
    /// What each of its files begins with.
    pub magic: [u8; 8],
    /// Bytes of a payload, at most. A frame that says it has more is damaged, so this must never become less.
    pub most_payload: u32,
    /// What a payload holds; `None` if it is none of this log's. Is asked once for each frame that is written or read, and
    /// before the frame's checksum is looked at: it must be quick, and may get any bytes at all.
    pub measure: fn(&[u8]) -> Option<Measure>,
}

/// What marks say of a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measure {
    /// How many things it holds: damage is told in these.
    pub entries: u64,
    /// When or where they belong, as a number: damage is told as a range of these.
    pub key: u32,
}

/// Frames on their way to a log. Kept by the caller, so that its memory serves many sections.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Frames {
    bytes: Vec<u8>,
}

/// A payload has more bytes than its log takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{bytes} bytes are more than the {most} that an entry of the {log} may have")]
pub struct TooLong {
    /// The log's name.
    pub log: &'static str,
    /// What the payload has.
    pub bytes: usize,
    /// What it may have.
    pub most: u32,
}

// === impl Format ===

impl Format {
    /// Whether a file is one of the log, by its name. The one that says which is the newest is not.
    #[must_use]
    pub fn is_file(&self, file: &str) -> bool {
        self.number(file).is_some()
    }

    /// The name of a file.
    pub(crate) fn file(&self, number: u64) -> String {
        format!("{}-{number:010}", self.name)
    }

    /// The number of a file.
    pub(crate) fn number(&self, file: &str) -> Option<u64> {
        let number = file.strip_prefix(self.name)?.strip_prefix('-')?.parse().ok()?;
        // Only the one way of writing it: `journal-1` is somebody else's.
        (self.file(number) == file).then_some(number)
    }
}

// === impl Frames ===

impl Frames {
    /// Appends a frame. `write` appends its payload to the bytes that it is given, and must leave those alone.
    ///
    /// # Errors
    ///
    /// If the payload is longer than the log takes. Then nothing is appended.
    #[inline]
    pub fn push(&mut self, format: &Format, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), TooLong> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; frame::HEAD]);
        write(&mut self.bytes);
        let bytes = self.bytes.len() - start - frame::HEAD;
        if bytes > format.most_payload as usize {
            self.bytes.truncate(start);
            return Err(TooLong { log: format.name, bytes, most: format.most_payload });
        }
        frame::fill_in_head(&mut self.bytes[start..]);
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes all out, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The frames as they will lie in a file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
