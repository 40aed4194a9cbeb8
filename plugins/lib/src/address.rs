//! Reading an address as people and programs write it.
//!
//! The table of spellings, with the reason for each answer, is `gateway/docs/addresses.md`; the tests run
//! through its rows.

mod quad;
mod v6;

use crate::Text;

/// An address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// a.b.c.d is `a << 24 | b << 16 | c << 8 | d`.
    V4(u32),
    /// As written, the first group highest. Never an IPv4 address in disguise (`::ffff:a.b.c.d`).
    V6(u128),
}

// === impl Address ===

impl Address {
    /// Reads the bytes from `start` to `end`: a plain dotted quad, which is what nearly all are, in wide steps.
    #[must_use]
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn read(text: Text<'_>, start: usize, end: usize) -> Option<Self> {
        match quad::read(text, start, end) {
            Some(quad) => Some(Self::V4(quad)),
            None => Self::parse(text.slice(start, end)),
        }
    }

    /// Reads the bytes from `start` to `end` if they are a dotted quad and nothing else.
    #[must_use]
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn read_quad(text: Text<'_>, start: usize, end: usize) -> Option<u32> {
        quad::read(text, start, end)
    }

    /// Reads any accepted spelling.
    #[must_use]
    #[inline(never)]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii();
        if let [b'[', inner @ ..] = bytes {
            let close = inner.iter().position(|byte| *byte == b']')?;
            let (address, rest) = inner.split_at_checked(close)?;
            return match rest {
                [b']'] => v6::parse(address),
                [b']', b':', port @ ..] if is_port(port) => v6::parse(address),
                _ => None,
            };
        }
        let first_colon = bytes.iter().position(|byte| *byte == b':');
        match first_colon.and_then(|at| bytes.split_at_checked(at)) {
            None => quad::parse(bytes).map(Self::V4),
            Some((before, [b':', port @ ..])) if before.contains(&b'.') => {
                is_port(port).then(|| quad::parse(before).map(Self::V4))?
            }
            Some(_) => v6::parse(bytes),
        }
    }
}

/// One to five digits, at most 65535. Zero is let through: proxies write it for an unknown port.
fn is_port(bytes: &[u8]) -> bool {
    let number = bytes.iter().try_fold(0u32, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + u32::from(byte - b'0')).filter(|number| *number <= 65_535),
        _ => None,
    });
    (1..=5).contains(&bytes.len()) && number.is_some()
}

#[cfg(test)]
mod tests;
