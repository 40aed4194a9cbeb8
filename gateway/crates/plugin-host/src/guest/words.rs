//! What a guest says besides its answers, made fit for people and bounded.

/// The standard streams of a guest. Toolchains write there what they say of a panic or an exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// What a guest said in one call.
#[derive(Default)]
pub(super) struct Words {
    /// What it wrote to its standard streams.
    written: Vec<u8>,
    /// Whether any of that went to standard error.
    to_error: bool,
    /// How much of what it wrote was left out.
    left_out: usize,
    /// What it said last, where that may explain a failure, as it said it.
    last: Option<String>,
}

/// Of what a guest writes in one call, its beginning and its end are kept, so many bytes of each: a panic of Go begins with
/// its message, an exception of Python ends with it.
const HALF: usize = 2048;
/// And so many lines of each.
const HALF_LINES: usize = 25;
/// Longer lines are cut.
const LINE_BYTES: usize = 512;
/// Of a guest's last words, so many bytes are told.
const LAST_BYTES: usize = 512;

// === impl Words ===

impl Words {
    pub(super) fn write(&mut self, stream: Stream, bytes: impl Iterator<Item = u8>) {
        self.to_error |= stream == Stream::Error;
        self.written.extend(bytes);
        if self.written.len() > 4 * HALF {
            self.drop_middle();
        }
    }

    #[inline]
    pub(super) fn forget(&mut self) {
        if self.last.is_some() {
            self.last = None;
        }
    }

    #[inline]
    pub(super) fn has_written(&self) -> bool {
        !self.written.is_empty()
    }

    /// Lines that were written since this was asked last, and where to; to both streams counts as to standard error.
    pub(super) fn take_written(&mut self) -> (Stream, Vec<String>) {
        if self.written.len() > 2 * HALF {
            self.drop_middle();
        }
        let written = std::mem::take(&mut self.written);
        let stream = if std::mem::take(&mut self.to_error) { Stream::Error } else { Stream::Output };
        let (head, tail) = written.split_at_checked(HALF).filter(|_| self.left_out > 0).unwrap_or((&written, &[]));
        let mut lines = lines_of(head);
        let more = lines.len().saturating_sub(HALF_LINES);
        if more > 0 && self.left_out == 0 {
            // Many short lines: the last of them are told as well.
            let last = lines.split_off(lines.len() - more.min(HALF_LINES));
            let untold = lines.len() - HALF_LINES;
            lines.truncate(HALF_LINES);
            if untold > 0 {
                lines.push(format!("… ({untold} lines left out)"));
            }
            lines.extend(last);
        }
        lines.truncate(2 * HALF_LINES + 1);
        if self.left_out > 0 {
            lines.truncate(HALF_LINES);
            lines.push(format!("… ({} bytes left out)", self.left_out));
        }
        let tail = lines_of(tail);
        lines.extend(tail.into_iter().rev().take(HALF_LINES).rev());
        self.left_out = 0;
        if stream == Stream::Error && !lines.is_empty() {
            self.last = Some(telling(&lines));
        }
        (stream, lines)
    }

    /// Notes what may explain a failure.
    pub(super) fn note(&mut self, message: String) {
        self.last = Some(message);
    }

    pub(super) fn take_last(&mut self) -> Option<String> {
        self.last.take().map(|last| printable(&last, LAST_BYTES))
    }

    fn drop_middle(&mut self) {
        let end = self.written.len().saturating_sub(HALF);
        if end > HALF {
            self.left_out += end - HALF;
            self.written.drain(HALF..end);
        }
    }
}

fn lines_of(written: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(written);
    let lines = text.lines().map(|line| printable(line.trim_end(), LINE_BYTES));
    lines.filter(|line| !line.is_empty()).collect()
}

/// The lines that say most: of a traceback the one behind its places, which has the message; of all else the first ones.
fn telling(lines: &[String]) -> String {
    let says_something = |line: &&String| !line.starts_with("note: run with `RUST_BACKTRACE");
    let traceback = lines.iter().rposition(|line| line.starts_with("Traceback "));
    let behind = traceback.and_then(|at| lines.get(at + 1..)).unwrap_or_default();
    match behind.iter().find(|line| !line.starts_with(' ')) {
        Some(message) => message.clone(),
        None => lines.iter().filter(says_something).take(3).map(String::as_str).collect::<Vec<_>>().join(" "),
    }
}

/// A guest's text, fit for a log line and a terminal: of bounded length, control characters escaped.
pub(crate) fn printable(text: &str, bytes: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(bytes));
    for character in text.chars() {
        if safe.len() >= bytes {
            safe.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => safe.push(character),
            // What moves the cursor, turns the direction of writing or shows nothing.
            _ => safe.extend(character.escape_debug()),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_guest_cannot_forge_a_line_or_move_the_cursor() {
        assert_eq!(printable("a\nb\u{1b}[2J", 100), "a\\nb\\u{1b}[2J");
        assert_eq!(printable("aaaa", 2), "aa…");
        assert_eq!(printable("\u{202e}\u{200b}\"'\\ü漢", 100), "\\u{202e}\\u{200b}\"'\\ü漢");
    }

    #[test]
    fn what_is_written_comes_out_as_lines_with_its_beginning_and_its_end() {
        let mut words = Words::default();
        words.write(Stream::Output, b"one\ntw".iter().copied());
        words.write(Stream::Output, b"o\r\n\n".iter().copied());
        assert_eq!(words.take_written(), (Stream::Output, vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!((words.has_written(), words.take_last()), (false, None));

        words.write(Stream::Error, b"first\n".iter().copied());
        for _ in 0..1000 {
            words.write(Stream::Error, [b'x'; 99].into_iter().chain([b'\n']));
            assert!(words.written.len() <= 4 * HALF);
        }
        words.write(Stream::Error, b"last".iter().copied());
        let (stream, lines) = words.take_written();
        assert_eq!(stream, Stream::Error);
        assert_eq!(
            (lines.first().map(String::as_str), lines.last().map(String::as_str)),
            (Some("first"), Some("last"))
        );
        assert!(lines.iter().any(|line| line == "… (95914 bytes left out)"), "{lines:?}");
        assert!(lines.len() < 50);
        words.take_last();
        for at in 0..2000 {
            words.write(Stream::Output, format!("{at}\n").bytes());
        }
        let (_, lines) = words.take_written();
        assert_eq!((lines.first().map(String::as_str), lines.last().map(String::as_str)), (Some("0"), Some("1999")));
        assert!(lines.len() <= 2 * HALF_LINES + 1, "{}", lines.len());
        for at in 0..100 {
            words.write(Stream::Output, format!("{at}\n").bytes());
        }
        let (_, lines) = words.take_written();
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (2 * HALF_LINES + 1, Some("99")));
        assert!(lines.contains(&"… (50 lines left out)".to_owned()), "{lines:?}");
        words.write(Stream::Error, b"first xx".iter().copied());
        words.take_written();
        assert!(words.take_last().is_some_and(|last| last.starts_with("first xx")));
    }

    #[test]
    fn the_last_words_are_those_that_tell_most() {
        let mut words = Words::default();
        let python = "Traceback (most recent call last):\n  File \"a\"\nValueError: no\n\nthread '<unnamed>' panicked\nnote: x\n";
        words.write(Stream::Error, python.bytes());
        words.take_written();
        assert_eq!(words.take_last().as_deref(), Some("ValueError: no"));
        let rust = "thread panicked at a.rs:1:1:\nboom\nnote: run with `RUST_BACKTRACE=1`";
        words.write(Stream::Error, rust.bytes());
        words.take_written();
        assert_eq!(words.take_last().as_deref(), Some("thread panicked at a.rs:1:1: boom"));
        words.write(Stream::Error, b"panic: boom\n\ngoroutine 1 [running]:\nmain.f()\nmain.g()\n".iter().copied());
        words.take_written();
        assert_eq!(words.take_last().as_deref(), Some("panic: boom goroutine 1 [running]: main.f()"));
        words.note("x".repeat(1000));
        assert_eq!(words.take_last().map(|last| last.chars().count()), Some(LAST_BYTES + 1));
    }
}
