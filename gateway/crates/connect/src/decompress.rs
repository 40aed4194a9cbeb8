//! Bodies out of their compression, step by step, so that a caller can bound what comes out and give way between steps.

use std::io::{self, BufRead, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

/// A `Content-Encoding` that is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
    /// RFC 1950 as HTTP asks, or bare RFC 1951 as some clients send.
    Deflate,
}

/// Decompresses one body. A body without any bytes is an empty one in every encoding.
pub struct Decoder<'a>(Kind<'a>);

enum Kind<'a> {
    Empty(Encoding),
    Gzip(GzDecoder<&'a [u8]>),
    Zstd(Zstd<'a>),
    Zlib(ZlibDecoder<&'a [u8]>),
    Deflate(DeflateDecoder<&'a [u8]>),
}

/// The frames of a body.
struct Zstd<'a> {
    context: DCtx<'static>,
    rest: &'a [u8],
    /// Whether a frame has begun that has not ended.
    in_frame: bool,
}

/// A `Content-Encoding` that is not understood.
#[derive(Debug, thiserror::Error)]
#[error("content-encoding must be one of gzip, zstd, deflate and identity")]
pub struct UnknownEncoding;

/// The body is not what its `Content-Encoding` says.
#[derive(Debug, thiserror::Error)]
#[error("the body cannot be read as {encoding}: {source}")]
pub struct DecodeError {
    encoding: &'static str,
    source: io::Error,
}

/// The largest window that a zstd frame may ask for, as a power of two: 8 MiB, which RFC 8878 asks every decoder to
/// bear, and which `zstd` up to level 19 stays within.
const ZSTD_WINDOW: u32 = 23;

/// What a decoder of the other encodings holds: its window of 32 KiB and its tables.
const DEFLATE_MEMORY: usize = 48 << 10;

/// Members of a gzip stream that are read in one step. Each may be empty, and costs time all the same.
const MEMBERS: usize = 16;

// === impl Encoding ===

impl Encoding {
    /// The encoding of a `Content-Encoding` header: `None` if the body is not compressed.
    ///
    /// # Errors
    /// If it is another, or several.
    pub fn parse(header: &str) -> Result<Option<Self>, UnknownEncoding> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "zstd" => Ok(Some(Self::Zstd)),
            "deflate" => Ok(Some(Self::Deflate)),
            _ => Err(UnknownEncoding),
        }
    }

    /// As it is written in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }
}

// === impl Decoder ===

impl<'a> Decoder<'a> {
    /// A decoder of `body`.
    ///
    /// # Errors
    /// If the decompressor cannot be set up.
    pub fn new(encoding: Encoding, body: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self(match encoding {
            _ if body.is_empty() => Kind::Empty(encoding),
            Encoding::Gzip => Kind::Gzip(GzDecoder::new(body)),
            Encoding::Zstd => Kind::Zstd(Zstd::new(body).map_err(|error| failed(encoding.name(), error))?),
            Encoding::Deflate if has_zlib_header(body) => Kind::Zlib(ZlibDecoder::new(body)),
            Encoding::Deflate => Kind::Deflate(DeflateDecoder::new(body)),
        }))
    }

    /// Writes what comes next to `room`, as much as fits; returns how many bytes, which may be none. `None` is the end.
    ///
    /// # Errors
    /// If the body breaks off, or is not what it says it is.
    pub fn step(&mut self, room: &mut [u8]) -> Result<Option<usize>, DecodeError> {
        let read = match &mut self.0 {
            Kind::Empty(_) => Ok(None),
            Kind::Gzip(decoder) => step_gzip(decoder, room),
            Kind::Zstd(decoder) => decoder.step(room),
            Kind::Zlib(decoder) => match fill(decoder, room) {
                Ok(0) => nothing_more(decoder.get_ref()),
                read => read.map(Some),
            },
            Kind::Deflate(decoder) => match fill(decoder, room) {
                Ok(0) => nothing_more(decoder.get_ref()),
                read => read.map(Some),
            },
        };
        read.map_err(|error| failed(self.name(), error))
    }

    /// Memory that the decoder holds, in bytes. It may change with each step.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.0 {
            Kind::Empty(_) => 0,
            Kind::Gzip(_) | Kind::Zlib(_) | Kind::Deflate(_) => DEFLATE_MEMORY,
            Kind::Zstd(decoder) => decoder.context.sizeof(),
        }
    }

    fn name(&self) -> &'static str {
        match &self.0 {
            Kind::Empty(encoding) => encoding.name(),
            Kind::Gzip(_) => Encoding::Gzip.name(),
            Kind::Zstd(_) => Encoding::Zstd.name(),
            Kind::Zlib(_) | Kind::Deflate(_) => Encoding::Deflate.name(),
        }
    }
}

/// Reads on into further members. Behind the last one may be zeros, as tape drives and block devices leave them (`gzip` takes
/// them, too), and nothing else.
fn step_gzip(decoder: &mut GzDecoder<&[u8]>, room: &mut [u8]) -> io::Result<Option<usize>> {
    for _ in 0..MEMBERS {
        let read = fill(decoder, room)?;
        if read > 0 {
            return Ok(Some(read));
        }
        let rest = *decoder.get_ref();
        match rest.first() {
            None => return Ok(None),
            Some(0) if rest.iter().all(|byte| *byte == 0) => return Ok(None),
            Some(_) => *decoder = GzDecoder::new(rest),
        }
    }
    Ok(Some(0))
}

/// Reads until there is no room left, or nothing comes any more.
fn fill(from: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn nothing_more(mut rest: &[u8]) -> io::Result<Option<usize>> {
    if rest.fill_buf()?.is_empty() { Ok(None) } else { Err(io::Error::other("something follows the compressed body")) }
}

// === impl Zstd ===

impl<'a> Zstd<'a> {
    fn new(body: &'a [u8]) -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW)).map_err(zstd_error)?;
        Ok(Self { context, rest: body, in_frame: false })
    }

    fn step(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        if self.rest.is_empty() && !self.in_frame {
            return Ok(None);
        }
        let (mut output, mut input) = (OutBuffer::around(room), InBuffer::around(self.rest));
        let left = self.context.decompress_stream(&mut output, &mut input);
        let (written, read) = (output.pos(), input.pos());
        // Nothing is left of a frame that has ended and was written out.
        self.in_frame = left.map_err(zstd_error)? > 0;
        self.rest = self.rest.get(read..).unwrap_or_default();
        if written == 0 && self.rest.is_empty() && self.in_frame {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete frame"));
        }
        Ok(Some(written))
    }
}

fn zstd_error(code: usize) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}

/// RFC 1950, section 2.2: the method is 8 and the two bytes, read as one number, are a multiple of 31.
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

fn failed(encoding: &'static str, source: io::Error) -> DecodeError {
    DecodeError { encoding, source }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"some text, some text, some text, some more text";

    fn decode(encoding: Encoding, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let (mut out, mut decoder, mut room) = (Vec::new(), Decoder::new(encoding, body)?, [0; 7]);
        while let Some(count) = decoder.step(&mut room)? {
            out.extend_from_slice(&room[..count]);
        }
        Ok(out)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bodies() -> Vec<(Encoding, Vec<u8>)> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(TEXT).unwrap();
        vec![
            (Encoding::Gzip, gzip(TEXT)),
            (Encoding::Zstd, ::zstd::encode_all(TEXT, 3).unwrap()),
            (Encoding::Deflate, zlib.finish().unwrap()),
            (Encoding::Deflate, deflate.finish().unwrap()),
        ]
    }

    #[test]
    fn whole_bodies_come_out_whole() {
        for (encoding, body) in bodies() {
            assert_eq!(decode(encoding, &body).unwrap(), TEXT, "{encoding:?}");
        }
    }

    #[test]
    fn several_gzip_members_are_one_body() {
        assert_eq!(decode(Encoding::Gzip, &[gzip(b"a"), gzip(b"b")].concat()).unwrap(), b"ab");
    }

    #[test]
    fn a_body_that_breaks_off_or_goes_on_is_an_error() {
        for (encoding, body) in bodies() {
            for cut in 1..body.len() {
                assert!(decode(encoding, &body[..cut]).is_err(), "{encoding:?} cut at {cut}");
            }
            assert!(decode(encoding, &[body, b"rest".to_vec()].concat()).is_err(), "{encoding:?} with a rest");
        }
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate] {
            assert!(decode(encoding, b"plain text").is_err(), "{encoding:?}");
        }
    }

    #[test]
    fn zeros_behind_a_gzip_stream_are_padding_and_anything_else_is_not() {
        for zeros in [1, 7, 511, 100_000] {
            assert_eq!(decode(Encoding::Gzip, &[gzip(TEXT), vec![0; zeros]].concat()).unwrap(), TEXT, "{zeros}");
        }
        for rest in [&b"\0x"[..], b"x", b"\x1f\x8b", b"\0\x1f\x8b\x08", b"\n"] {
            assert!(decode(Encoding::Gzip, &[&gzip(TEXT), rest].concat()).is_err(), "{rest:?}");
        }
        // Zeros between members hide what follows; nobody reads on behind them.
        assert!(decode(Encoding::Gzip, &[gzip(TEXT), vec![0; 8], gzip(TEXT)].concat()).is_err());
    }

    #[test]
    fn no_bytes_are_an_empty_body() {
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate] {
            assert_eq!(decode(encoding, b"").unwrap(), b"", "{encoding:?}");
        }
    }

    #[test]
    fn many_empty_members_are_read_in_many_steps() {
        let body = gzip(b"").repeat(1000);
        let mut decoder = Decoder::new(Encoding::Gzip, &body).unwrap();
        let steps: Vec<_> = std::iter::from_fn(|| decoder.step(&mut [0; 100]).unwrap()).collect();
        assert!(steps.iter().all(|count| *count == 0) && steps.len() >= 1000 / MEMBERS - 1, "{} steps", steps.len());
    }

    #[test]
    fn what_a_decoder_holds_is_known() {
        let text = vec![7; 4 << 20];
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(22).unwrap();
        encoder.write_all(&text).unwrap();
        let body = encoder.finish().unwrap();
        let mut decoder = Decoder::new(Encoding::Zstd, &body).unwrap();
        decoder.step(&mut [0; 1000]).unwrap();
        assert!(decoder.memory() >= 4 << 20, "{}", decoder.memory());
        assert!(Decoder::new(Encoding::Gzip, &gzip(TEXT)).unwrap().memory() >= 32 << 10);
    }

    #[test]
    fn a_zstd_frame_that_wants_a_huge_window_is_refused() {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(26).unwrap();
        encoder.write_all(TEXT).unwrap();
        assert!(decode(Encoding::Zstd, &encoder.finish().unwrap()).is_err());
    }
}
