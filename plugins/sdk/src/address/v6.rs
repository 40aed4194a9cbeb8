//! IPv6 addresses, RFC 4291 section 2.2, with an optional zone (RFC 4007 section 11).

use super::{Address, quad};

/// Reads an address without brackets and port.
pub(super) fn parse(bytes: &[u8]) -> Option<Address> {
    let address = match bytes.iter().position(|byte| *byte == b'%') {
        Some(at) => {
            let (address, zone) = bytes.split_at_checked(at)?;
            // A zone is the name of an interface: something printable, and not nothing.
            if zone.len() < 2 || zone.iter().any(|byte| !byte.is_ascii_graphic()) {
                return None;
            }
            address
        }
        None => bytes,
    };
    let address = groups(address)?;
    // ::ffff:a.b.c.d is an IPv4 client of a socket that serves both.
    Some(match address >> 32 {
        0xffff => Address::V4(address as u32),
        _ => Address::V6(address),
    })
}

fn groups(bytes: &[u8]) -> Option<u128> {
    let mut value: u128 = 0;
    let mut count = 0;
    // How many groups precede `::`.
    let mut gap = None;
    let mut rest = bytes;
    if let [b':', b':', after @ ..] = rest {
        gap = Some(0);
        rest = after;
    }
    while !rest.is_empty() {
        let length = rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len());
        let (group, after) = rest.split_at_checked(length)?;
        if group.contains(&b'.') {
            // A dotted quad may only be the last two groups.
            value = value << 32 | u128::from(quad::parse(group).filter(|_| after.is_empty())?);
            count += 2;
        } else {
            value = value << 16 | hexadecimal(group)?;
            count += 1;
        }
        rest = match after {
            [] => after,
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(count);
                after
            }
            // A single colon must be followed by a group.
            [b':', after @ ..] if !after.is_empty() && count < 8 => after,
            _ => return None,
        };
    }
    match gap {
        None => (count == 8).then_some(value),
        // `::` stands for at least one group.
        Some(before) if count < 8 => {
            let behind = 16 * (count - before);
            let low = value & ((1 << behind) - 1);
            let high = if before == 0 { 0 } else { value >> behind << (16 * (8 - before)) };
            Some(high | low)
        }
        Some(_) => None,
    }
}

fn hexadecimal(group: &[u8]) -> Option<u128> {
    if group.is_empty() || group.len() > 4 {
        return None;
    }
    group.iter().try_fold(0, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}
