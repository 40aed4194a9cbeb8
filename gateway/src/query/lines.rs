//! Lists of addresses, line by line, of any length.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tallygate_index::query::View;

use super::addresses::{Asked, address};
use super::answers::{Detail, in_network, visited};
use super::problem::{Problem, shown};
use super::times::Span;

/// Answers the lines of a list, which may come in pieces of any size.
pub(crate) struct Answerer<'a> {
    view: &'a View<'a>,
    span: &'a Span,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// Lines so far.
    lines: u64,
    /// Answers that were not taken yet.
    answers: Vec<u8>,
    /// When some were taken last.
    taken: Instant,
}

/// Where answers go.
pub(crate) trait Taker {
    type Error;

    /// Fails if nobody wants answers any more. Asked before each line, as one may take long.
    fn still_wanted(&mut self) -> Result<(), Self::Error>;

    /// Takes answers, in whole lines.
    fn take(&mut self, answers: Vec<u8>) -> Result<(), Self::Error>;
}

/// Bytes of answers that are worth passing on.
pub(crate) const PIECE: usize = 64 << 10;
/// Fewer are passed on after this time.
const INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of a line. No address is nearly as long.
const LINE: usize = 256;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The addresses of a list, one a line.
///
/// # Errors
/// The number of the first line that is no address.
pub(crate) fn addresses(list: &[u8]) -> Result<Vec<IpAddr>, (u64, Problem)> {
    let mut addresses = Vec::new();
    for (line, number) in list.split(|byte| *byte == b'\n').zip(1..) {
        let line = content(line, number);
        if !line.is_empty() {
            let text = std::str::from_utf8(line).map_err(|_| (number, Problem::Address(shown(line))))?;
            addresses.push(address(text).map_err(|problem| (number, problem))?);
        }
    }
    Ok(addresses)
}

/// What a line asks about: without what lists that people keep have besides, which is comments behind `#` or `;` and, in front
/// of the first line, a byte order mark.
fn content(line: &[u8], number: u64) -> &[u8] {
    let line = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
    let end = line.iter().position(|byte| matches!(byte, b'#' | b';')).unwrap_or(line.len());
    line[..end].trim_ascii()
}

// === impl Answerer ===

impl<'a> Answerer<'a> {
    pub(crate) fn new(view: &'a View<'a>, span: &'a Span) -> Self {
        Self { view, span, begun: Vec::new(), lines: 0, answers: Vec::new(), taken: Instant::now() }
    }

    /// Answers the lines that end in a piece. When there is enough of answers, or some are some time old, they are taken.
    ///
    /// # Errors
    /// Those of the taker.
    pub(crate) fn push<T: Taker>(&mut self, mut piece: &[u8], taker: &mut T) -> Result<(), T::Error> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            taker.still_wanted()?;
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if self.begun.is_empty() {
                self.answer(line);
            } else {
                self.begin(line);
                self.answer_begun();
            }
            piece = rest;
            if self.answers.len() >= PIECE || self.taken.elapsed() >= INTERVAL {
                self.pass_rest(taker)?;
            }
        }
        self.begin(piece);
        Ok(())
    }

    /// Answers the last line, if it has no end of its own, and passes on what was not taken.
    ///
    /// # Errors
    /// Those of the taker.
    pub(crate) fn finish<T: Taker>(&mut self, taker: &mut T) -> Result<(), T::Error> {
        if !self.begun.is_empty() {
            self.answer_begun();
        }
        self.pass_rest(taker)
    }

    /// Passes on the answers that there are.
    ///
    /// # Errors
    /// Those of the taker.
    pub(crate) fn pass_rest<T: Taker>(&mut self, taker: &mut T) -> Result<(), T::Error> {
        if !self.answers.is_empty() {
            taker.take(std::mem::take(&mut self.answers))?;
        }
        self.taken = Instant::now();
        Ok(())
    }

    /// Keeps the beginning of a line; of one that is too long, as much as shows that it is.
    fn begin(&mut self, bytes: &[u8]) {
        let room = (LINE + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn answer_begun(&mut self) {
        let mut begun = std::mem::take(&mut self.begun);
        self.answer(&begun);
        begun.clear();
        self.begun = begun;
    }

    fn answer(&mut self, line: &[u8]) {
        self.lines += 1;
        let trimmed = content(line, self.lines);
        // As much as is kept of a line that is too long is in it, or in its comment.
        let is_cut = line.len() > LINE && trimmed.len() == line.trim_ascii().len();
        if trimmed.is_empty() && !is_cut {
            return;
        }
        let asked = if is_cut { Err(Problem::Line(shown(trimmed))) } else { Asked::read(trimmed) };
        let written = match asked {
            Ok(Asked::Address(ip)) => visited(self.view, ip, self.span, Detail::Days).map(|answer| self.write(&answer)),
            Ok(Asked::Network(network)) => in_network(self.view, network, self.span).map(|answer| self.write(&answer)),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = written {
            self.write(&problem.of_line(self.lines));
        }
    }

    fn write(&mut self, answer: &impl serde::Serialize) {
        serde_json::to_writer(&mut self.answers, answer).expect("memory takes what is written to it");
        self.answers.push(b'\n');
    }
}
