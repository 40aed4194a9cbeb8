//! Reading an address as people and programs write it.
//!
//! The table of spellings, with the reason for each answer, is Tallygate's `gateway/docs/addresses.md`; the tests run
//! through its rows.

mod quad;
mod v6;

use core::net::IpAddr;

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

    /// Reads any accepted spelling: also with a port, in brackets, with a zone, or as a network of one address. What two
    /// programs would read differently is no address. White space around it does not matter.
    ///
    /// ```
    /// use tallygate_sdk::Address;
    ///
    /// for text in ["1.2.3.4", "1.2.3.4:443", "::ffff:1.2.3.4", "[::ffff:1.2.3.4]:443", "1.2.3.4/32"] {
    ///     assert_eq!(Address::parse(text.as_bytes()), Some(Address::V4(0x01020304)), "{text}");
    /// }
    /// for text in ["", "-", "unknown", "1.2.3", "010.0.0.1", "1.2.3.0/24"] {
    ///     assert_eq!(Address::parse(text.as_bytes()), None, "{text}");
    /// }
    /// ```
    #[must_use]
    #[inline(never)]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        // What nearly all are.
        if let Some(quad) = quad::parse(bytes) {
            return Some(Self::V4(quad));
        }
        let bytes = without_length(bytes.trim_ascii());
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
            Some(_) => v6::parse(bytes).or_else(|| eight_groups_and_port(bytes)),
        }
    }
}

// === impl IpAddr ===

impl From<IpAddr> for Address {
    /// An IPv6 address that is an IPv4 one in disguise becomes that.
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            IpAddr::V6(ip) => Self::V6(ip.to_bits()),
        }
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        match address {
            Address::V4(bits) => Self::V4(bits.into()),
            Address::V6(bits) => Self::V6(bits.into()),
        }
    }
}

/// Databases and cloud providers write a single host as a network of one address: `1.2.3.4/32`, `2001:db8::1/128`.
fn without_length(bytes: &[u8]) -> &[u8] {
    match bytes {
        // A dotted quad has no colon; the last groups of an IPv6 address may be one.
        [address @ .., b'/', b'3', b'2'] if !address.contains(&b':') => address,
        [address @ .., b'/', b'1', b'2', b'8'] if address.contains(&b':') && address.last() != Some(&b']') => address,
        _ => bytes,
    }
}

/// `2001:db8:1:2:3:4:5:6:443`, as some load balancers write. With all eight groups there and none left out, what
/// follows can be nothing but a port.
fn eight_groups_and_port(bytes: &[u8]) -> Option<Address> {
    let colon = bytes.iter().rposition(|byte| *byte == b':')?;
    let (address, port) = bytes.split_at_checked(colon)?;
    let groups = address.iter().filter(|byte| **byte == b':').count() + 1;
    if groups != 8 || address.windows(2).any(|pair| pair == b"::") || address.contains(&b'%') {
        return None;
    }
    is_port(port.get(1..)?).then(|| v6::parse(address))?
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
