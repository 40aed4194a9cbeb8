//! All addresses of a range, as a file.

use std::io::{self, Write};
use std::net::IpAddr;

use roaring::RoaringBitmap;
use tallygate_index::query::View;

use super::answers::problem;
use super::lines::PIECE;
use super::problem::{Problem, shown};
use super::times::Span;

/// What the file is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// IPv4 addresses as the portable format of Roaring bitmaps (<https://github.com/RoaringBitmap/RoaringFormatSpec>).
    Roaring,
    /// A header, and an address a line.
    Csv,
    /// An object a line.
    Ndjson,
}

/// How many addresses are not in the file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Left {
    /// IPv6 addresses that came, and have no place in the format.
    pub(crate) ipv6: u64,
}

/// Where a file goes.
pub(crate) trait ExportTarget {
    /// Takes what is known before the content.
    fn begin(&mut self, left: Left) -> io::Result<()>;

    /// Fails if nobody wants the file any more. Asked while there is nothing to take yet.
    fn still_wanted(&mut self) -> io::Result<()>;

    /// Takes the next piece of the content.
    fn piece(&mut self, bytes: Vec<u8>) -> io::Result<()>;
}

/// Collects pieces for a sink.
struct Pieces<'a, S> {
    sink: &'a mut S,
    buffer: Vec<u8>,
}

// === impl Format ===

impl Format {
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        match text {
            "roaring" => Ok(Self::Roaring),
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(Problem::Format(shown(text.as_bytes()))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Roaring => "roaring",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Roaring => "application/octet-stream",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// Writes all addresses of a range to a sink, each family ascending, IPv4 first.
///
/// # Errors
/// If the range cannot be asked about; inside, what the sink answers.
pub(crate) fn export(
    view: &View<'_>,
    span: &Span,
    format: Format,
    sink: &mut impl ExportTarget,
) -> Result<io::Result<()>, Problem> {
    match format {
        Format::Roaring => roaring(view, span, sink),
        Format::Csv => lines(view, span, sink, ("ip\n", "", "\n")),
        Format::Ndjson => lines(view, span, sink, ("", "{\"ip\":\"", "\"}\n")),
    }
}

fn lines(
    view: &View<'_>,
    span: &Span,
    sink: &mut impl ExportTarget,
    (header, before, after): (&str, &str, &str),
) -> Result<io::Result<()>, Problem> {
    if let Err(error) = sink.begin(Left::default()) {
        return Ok(Err(error));
    }
    let mut out = Pieces { sink, buffer: header.as_bytes().to_vec() };
    let each = |ip: IpAddr| write!(out, "{before}{ip}{after}");
    let written = view.each(span.within(view), each).map_err(|error| problem(error, span))?;
    Ok(written.and_then(|()| out.flush()))
}

fn roaring(view: &View<'_>, span: &Span, sink: &mut impl ExportTarget) -> Result<io::Result<()>, Problem> {
    let (mut bitmap, mut left) = (RoaringBitmap::new(), Left::default());
    let each = |ip: IpAddr| {
        match ip {
            IpAddr::V4(address) => drop(bitmap.try_push(address.to_bits())),
            IpAddr::V6(_) => left.ipv6 += 1,
        }
        sink.still_wanted()
    };
    let found = view.each(span.within(view), each).map_err(|error| problem(error, span))?;
    if let Err(error) = found.and_then(|()| sink.begin(left)) {
        return Ok(Err(error));
    }
    let mut out = Pieces { sink, buffer: Vec::new() };
    Ok(bitmap.serialize_into(&mut out).and_then(|()| out.flush()))
}

// === impl Pieces ===

impl<S: ExportTarget> Write for Pieces<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE + 128));
        self.sink.piece(piece)
    }
}
