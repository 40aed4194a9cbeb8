//! What standard output can show, and texts of others made fit for it.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, StdoutLock, Write};

/// Where results are printed.
pub(super) struct Terminal {
    /// Characters in a line.
    pub(super) width: usize,
    coloured: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Colour {
    Red = 31,
    Green = 32,
}

/// Standard output, for results. Whoever reads them may have seen enough, as `head` has: then the command is done.
pub(super) struct Stdout(StdoutLock<'static>);

/// The longest message that is shown: some compilers and plugins have a lot to say.
pub(super) const MESSAGE: usize = 2000;

/// Where nothing says how wide a line may be.
const WIDTH: usize = 120;

/// Where results are written.
pub(super) fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

// === impl Stdout ===

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(done_if_closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(done_if_closed)
    }
}

/// Ends the process if nobody reads any more.
#[expect(clippy::disallowed_methods, reason = "there is nobody left to tell, and nothing to be dropped that matters")]
fn done_if_closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    error
}

// === impl Terminal ===

impl Terminal {
    /// Coloured for people who sit in front of it and did not decline that (<https://no-color.org>).
    pub(super) fn of_stdout(no_color: Option<&OsStr>) -> Self {
        let stdout = std::io::stdout();
        let coloured = stdout.is_terminal() && no_color.is_none_or(OsStr::is_empty);
        let size = if stdout.is_terminal() { rustix::termios::tcgetwinsize(&stdout).ok() } else { None };
        // A terminal that does not know says 0.
        let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        Self { width: width.unwrap_or(WIDTH), coloured }
    }

    #[cfg(test)]
    pub(super) fn plain(width: usize) -> Self {
        Self { width, coloured: false }
    }

    pub(super) fn paint(&self, colour: Colour, text: &str) -> String {
        if self.coloured { format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8) } else { text.to_owned() }
    }
}

/// A text that somebody else wrote, fit for one line: no more than `width` characters, and none that moves the cursor,
/// turns the direction of writing or shows nothing.
pub(super) fn fit(text: &str, width: usize) -> String {
    let mut fitted = Vec::new();
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => fitted.push(character),
            _ => fitted.extend(character.escape_debug()),
        }
        if fitted.len() > width {
            fitted.truncate(width.saturating_sub(1));
            fitted.push('…');
            break;
        }
    }
    fitted.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_stay_on_their_line_and_within_its_width() {
        assert_eq!(fit(r#"{"a":"\"b'"}"#, 80), r#"{"a":"\"b'"}"#);
        assert_eq!(fit("a\nb\u{1b}[2J\u{202e}\u{200b}\0ü漢", 80), "a\\nb\\u{1b}[2J\\u{202e}\\u{200b}\\0ü漢");
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("a\u{1b}", 3), "a\\…");
    }

    #[test]
    fn colours_are_for_terminals() {
        assert_eq!(Terminal::plain(80).paint(Colour::Red, "a"), "a");
        assert_eq!(Terminal { width: 80, coloured: true }.paint(Colour::Green, "a"), "\u{1b}[32ma\u{1b}[0m");
    }
}
