//! The requests that are sent, made beforehand: making them while measuring would measure that.

use std::fmt::Write;

use anyhow::Result;
use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::Full;
use jiff::Timestamp;

/// What the made-up records leave in a gateway, for whoever starts this.
pub(super) const ADDS: &str = "\
    up to 131,072 addresses of 198.18.0.0/15, which is kept for such tests (RFC 2544), will count among those that this \
    gateway has seen. With the admin token in TALLYGATE_TOKEN, this will forget them: tallygate query export --format csv | grep -E '^198\\.(18|19)\\.' | tallygate forget -";

/// Different requests; connections take turns with them.
const VARIANTS: u64 = 64;

/// Requests, each with `batch` records of about 110 bytes, of the present and from random addresses of 198.18.0.0/15.
pub(super) fn requests(host: &str, path: &str, batch: usize) -> Result<Vec<Request<Full<Bytes>>>> {
    let mut random = Random(0x7461_6c6c_7967_6174);
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let records = |random: &mut Random| {
        let mut body = String::with_capacity(batch * 112);
        for record in 0..batch {
            let [b, c, d] = random.address();
            writeln!(
                body,
                "{{\"timestamp\":\"{now}.{:06}Z\",\"ip\":\"198.{b}.{c}.{d}\",\"url\":\"https://example.com/shop/item/{}\"}}",
                random.next() % 1_000_000,
                10_000 + record % 90_000,
            )
            .expect("writing to a string cannot fail");
        }
        body.into_bytes()
    };
    (0..VARIANTS).map(|_| request(host, path, Some("application/x-ndjson"), records(&mut random))).collect()
}

/// A request with this body.
pub(super) fn request(
    host: &str,
    path: &str,
    content_type: Option<&str>,
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::post(path).header(HOST, host);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    Ok(request.body(Full::new(body.into()))?)
}

/// SplitMix64 (Steele, Lea, Flood 2014): good enough for addresses, and the same at every run.
struct Random(u64);

// === impl Random ===

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An address of 198.18.0.0/15, but for its first byte.
    fn address(&mut self) -> [u8; 3] {
        let [b, c, d, ..] = self.next().to_le_bytes();
        [18 | b & 1, c, d]
    }
}
