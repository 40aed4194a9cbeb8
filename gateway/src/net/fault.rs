//! What is wrong with a request that hyper lets pass.

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{StatusCode, Version};

/// Why a request is refused on either port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// RFC 9112, 3.2.
    #[error("a request of HTTP/1.1 has one header host, and only one")]
    Host,
    /// RFC 9112, 6.1.
    #[error("of transfer codings, only chunked is understood; compression is told in content-encoding")]
    Coding,
}

/// What is wrong with a request, if anything.
pub(crate) fn fault(head: &Parts) -> Option<Fault> {
    if head.version != Version::HTTP_11 {
        return None;
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    if hosts.next().is_none() || hosts.next().is_some() {
        return Some(Fault::Host);
    }
    // hyper has made sure that the last one is chunked.
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &http::HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    (!codings.all(is_chunked)).then_some(Fault::Coding)
}

/// Whether a head of HTTP/1 asks for compression as its transfer coding. hyper calls that a broken request, and answers 400.
pub(super) fn asks_for_a_coding(head: &[u8]) -> bool {
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, behind) = rest.split_at(end + 1);
        rest = behind;
        if line.len() <= 2 {
            return false;
        }
        if matches!(line.first(), Some(b't' | b'T')) && is_coding(line) {
            return true;
        }
    }
    false
}

fn is_coding(line: &[u8]) -> bool {
    const KNOWN: [&[u8]; 7] = [b"gzip", b"x-gzip", b"compress", b"x-compress", b"deflate", b"br", b"zstd"];
    let Some((name, value)) = line.split_at_checked(TRANSFER_ENCODING.as_str().len()) else { return false };
    let Some((b':', codings)) = value.split_first() else { return false };
    name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_str().as_bytes())
        && codings
            .split(|byte| *byte == b',')
            .all(|coding| KNOWN.iter().any(|known| coding.trim_ascii().eq_ignore_ascii_case(known)))
}

// === impl Fault ===

impl Fault {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Host => "bad-host",
            Self::Coding => "unsupported-transfer-coding",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compression_is_a_coding_that_somebody_may_ask_for() {
        let head = |line: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\nTransfer-Encoding: gzip\r\n");
        for line in ["Transfer-Encoding: gzip", "transfer-encoding:x-gzip", "TRANSFER-ENCODING: gzip , deflate"] {
            assert!(asks_for_a_coding(head(line).as_bytes()), "{line}");
        }
        for line in [
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: ",
            "Transfer-Encoding : gzip",
            "TE: gzip",
        ] {
            assert!(!asks_for_a_coding(head(line).as_bytes()), "{line}");
        }
    }
}
