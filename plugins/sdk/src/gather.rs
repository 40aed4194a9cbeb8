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
    /// If this is of a panic, so that lines do not end it: where it says so. Before that stands which thread it was in, of
    /// which there is one. Otherwise 0.
    panicked: usize,
}

// === impl Gathered ===

impl Gathered {
    pub(crate) const EMPTY: Self = Self { bytes: [0; ROOM], length: 0, panicked: 0 };

    /// Adds what was written, and tells whatever has become whole by it.
    pub(crate) fn add(&mut self, written: &[u8], level: Level) {
        // What to set in an environment that there is not: the standard library writes it by itself, after a panic's message.
        if written.starts_with(b"note: run with `") {
            return;
        }
        for byte in written {
            let ends = *byte == b'\n';
            // Between two characters, if these are any.
            let is_full = self.length == ROOM || (self.length > ROOM - CHARACTER && *byte & 0xc0 != 0x80);
            if ends || is_full {
                if self.panicked == 0 {
                    self.panicked = self.find_panic();
                }
                if self.panicked == 0 {
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
        let bytes = self.bytes.get(self.panicked..self.length).unwrap_or_default().trim_ascii_end();
        if !bytes.is_empty() {
            // SAFETY: all of it was just seen to be UTF-8, and it was cut beside ASCII characters only.
            log::emit(level, unsafe { str::from_utf8_unchecked(bytes) });
        }
        self.length = 0;
        self.panicked = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where this says `panicked`, if the standard library has written it as the first line on a panic; otherwise 0.
    fn find_panic(&self) -> usize {
        let line = self.bytes.get(..self.length).unwrap_or_default();
        let place = line.windows(8).position(|part| part == b"panicked");
        place.filter(|_| line.starts_with(b"thread '")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
