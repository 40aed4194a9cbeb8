//! Bodies out of their compression, step by step, so that a caller can bound what comes out and give way between steps.

use std::io::{self, BufRead, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use zstd::stream::read::Decoder as ZstdDecoder;

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

/// Decompresses one body.
pub struct Decoder<'a>(Kind<'a>);

enum Kind<'a> {
    Gzip(MultiGzDecoder<&'a [u8]>),
    Zstd(ZstdDecoder<'static, &'a [u8]>),
    Zlib(ZlibDecoder<&'a [u8]>),
    Deflate(DeflateDecoder<&'a [u8]>),
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
            Encoding::Gzip => Kind::Gzip(MultiGzDecoder::new(body)),
            Encoding::Zstd => Kind::Zstd(zstd(body).map_err(|error| failed(encoding.name(), error))?),
            Encoding::Deflate if has_zlib_header(body) => Kind::Zlib(ZlibDecoder::new(body)),
            Encoding::Deflate => Kind::Deflate(DeflateDecoder::new(body)),
        }))
    }

    /// Appends at most `most` further bytes to `out`; returns how many. Zero is the end.
    ///
    /// # Errors
    /// If the body breaks off, or is not what it says it is.
    pub fn step(&mut self, out: &mut Vec<u8>, most: usize) -> Result<usize, DecodeError> {
        let read = match &mut self.0 {
            Kind::Gzip(decoder) => decoder.take(most as u64).read_to_end(out),
            Kind::Zstd(decoder) => decoder.take(most as u64).read_to_end(out),
            Kind::Zlib(decoder) => decoder.take(most as u64).read_to_end(out),
            Kind::Deflate(decoder) => decoder.take(most as u64).read_to_end(out),
        };
        let read = read.map_err(|error| failed(self.name(), error))?;
        if read == 0 && self.has_rest() {
            return Err(failed(self.name(), io::Error::other("something follows the compressed body")));
        }
        Ok(read)
    }

    fn has_rest(&mut self) -> bool {
        let rest = match &mut self.0 {
            // The other two read on into further members or frames by themselves, and fail on anything else.
            Kind::Gzip(_) | Kind::Zstd(_) => return false,
            Kind::Zlib(decoder) => decoder.get_mut(),
            Kind::Deflate(decoder) => decoder.get_mut(),
        };
        rest.fill_buf().is_ok_and(|rest| !rest.is_empty())
    }

    fn name(&self) -> &'static str {
        match &self.0 {
            Kind::Gzip(_) => Encoding::Gzip.name(),
            Kind::Zstd(_) => Encoding::Zstd.name(),
            Kind::Zlib(_) | Kind::Deflate(_) => Encoding::Deflate.name(),
        }
    }
}

fn zstd(body: &[u8]) -> io::Result<ZstdDecoder<'static, &[u8]>> {
    let mut decoder = ZstdDecoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW)?;
    Ok(decoder)
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
        let (mut out, mut decoder) = (Vec::new(), Decoder::new(encoding, body)?);
        while decoder.step(&mut out, 7)? > 0 {}
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
    fn a_zstd_frame_that_wants_a_huge_window_is_refused() {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(26).unwrap();
        encoder.write_all(TEXT).unwrap();
        assert!(decode(Encoding::Zstd, &encoder.finish().unwrap()).is_err());
    }
}
