//! The requests that are sent, made beforehand: making them while measuring would measure that.

use std::fmt::Write;

/// Different requests; connections take turns with them.
const VARIANTS: u64 = 64;

/// Whole HTTP requests, each with `batch` records of about 110 bytes from random IPv4 addresses.
pub(super) fn requests(host: &str, path: &str, batch: usize) -> Vec<Vec<u8>> {
    let mut random = Random(0x7461_6c6c_7967_6174);
    (0..VARIANTS).map(|_| request(host, path, batch, &mut random)).collect()
}

fn request(host: &str, path: &str, batch: usize, random: &mut Random) -> Vec<u8> {
    let mut body = String::with_capacity(batch * 112);
    for record in 0..batch {
        let [a, b, c, d] = random.address();
        writeln!(
            body,
            "{{\"timestamp\":\"2020-06-24T15:27:00.{:06}Z\",\"ip\":\"{a}.{b}.{c}.{d}\",\"url\":\"https://example.com/shop/item/{}\"}}",
            random.next() % 1_000_000,
            10_000 + record % 90_000,
        )
        .expect("writing to a string cannot fail");
    }
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
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

    fn address(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        [a, b, c, d]
    }
}
