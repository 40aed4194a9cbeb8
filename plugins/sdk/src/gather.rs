//! Makes messages of what is written to a stream in pieces.
//!
//! The standard library writes to standard error whatever it has, at once: a number within a line is a write of its own.
//! The gateway logs few messages a second, and takes the last one of level error for what a plugin says of its end. So
//! each line becomes one message, and so does all that is said of a panic.

use core::str;

use crate::log::{self, Level};

/// As much as the gateway keeps of one message. A longer line becomes several.
const ROOM: usize = 1024;
/// As much room as the longest character takes.
const CHARACTER: usize = 4;

/// What was written and is no whole message yet.
pub(crate) struct Gathered {
    bytes: [u8; ROOM],
    length: usize,
    /// Whether this is of a panic, so that lines do not end it.
    of_panic: bool,
}

// === impl Gathered ===

impl Gathered {
    pub(crate) const EMPTY: Self = Self { bytes: [0; ROOM], length: 0, of_panic: false };

    /// Adds what was written, and tells whatever has become whole by it.
    pub(crate) fn add(&mut self, written: &[u8], level: Level) {
        // What to set in an environment that there is not: the standard library writes it by itself, after a panic's message.
        if written.starts_with(b"note: run with `RUST_BACKTRACE") {
            return;
        }
        for byte in written {
            let ends = *byte == b'\n';
            // Between two characters, if these are any.
            let is_full = self.length == ROOM || (self.length > ROOM - CHARACTER && *byte & 0xc0 != 0x80);
            if ends || is_full {
                self.of_panic |= self.begins_as_panic();
                if !self.of_panic {
                    self.finish(level);
                    if ends {
                        continue;
                    }
                } else if is_full {
                    // The beginning of what is said of a panic says most.
                    return;
                }
            }
            if let Some(room) = self.bytes.get_mut(self.length) {
                *room = if ends { b' ' } else { *byte };
                self.length += 1;
            }
        }
    }

    /// Tells what there is: nothing more comes that would belong to it.
    #[inline(never)]
    pub(crate) fn finish(&mut self, level: Level) {
        let mut good = 0;
        while let Err(error) = str::from_utf8(self.bytes.get(good..self.length).unwrap_or_default()) {
            // What is no text is shown as question marks.
            good += error.valid_up_to();
            if let Some(byte) = self.bytes.get_mut(good) {
                *byte = b'?';
            }
        }
        let bytes = self.bytes.get(..self.length).unwrap_or_default().trim_ascii_end();
        // There is one thread.
        let bytes = bytes.strip_prefix(b"thread '<unnamed>' (1) ").unwrap_or(bytes);
        let text = str::from_utf8(bytes).unwrap_or_default();
        if !text.is_empty() {
            log::emit(level, text);
        }
        self.length = 0;
        self.of_panic = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the standard library has written this, as the first line on a panic.
    fn begins_as_panic(&self) -> bool {
        let line = self.bytes.get(..self.length).unwrap_or_default();
        line.starts_with(b"thread '") && line.windows(13).any(|part| part == b" panicked at ")
    }
}

#[cfg(test)]
mod tests;
