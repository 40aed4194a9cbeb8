//! Addresses and networks, as they are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tallygate_index::query::Network;

use super::problem::{Problem, shown};

/// What a line of a list asks about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    Address(IpAddr),
    /// Without the bits of a host.
    Network(Network),
}

/// Leading bits of an IPv6 address that is an IPv4 one.
const MAPPED: u8 = 96;

/// Reads one address. An IPv4 address that is written as IPv6 is an IPv4 address.
pub(crate) fn address(text: &str) -> Result<IpAddr, Problem> {
    read_address(text).ok_or_else(|| Problem::Address(shown(text.as_bytes())))
}

// === impl Asked ===

impl Asked {
    /// Reads an address or a network.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Problem> {
        let asked = std::str::from_utf8(line).ok().and_then(|text| match text.split_once('/') {
            Some((address, prefix)) => network(address, prefix).map(Self::Network),
            None => read_address(text).map(Self::Address),
        });
        asked.ok_or_else(|| Problem::Line(shown(line)))
    }
}

fn read_address(text: &str) -> Option<IpAddr> {
    parse(text).map(|address| address.to_canonical())
}

/// As lists have them: also in brackets, as in URLs, and with the zone that only means something on the machine it is from.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match bare.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        Some(_) => None,
        None if bare.len() < text.len() => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => bare.parse().ok(),
    }
}

fn network(address: &str, prefix: &str) -> Option<Network> {
    let plain = prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = if plain { prefix.parse().ok()? } else { return None };
    let network = Network::of(parse(address)?, prefix)?;
    match network.address {
        IpAddr::V6(address) if prefix >= MAPPED => match address.to_ipv4_mapped() {
            Some(address) => Network::of(Ipv4Addr::into(address), prefix - MAPPED),
            None => Some(network),
        },
        _ => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Some(match Asked::read(text.as_bytes()).ok()? {
            Asked::Address(address) => address.to_string(),
            Asked::Network(network) => format!("{}/{}", network.address, network.prefix),
        })
    }

    #[test]
    fn addresses_and_networks_are_read_in_their_usual_forms() {
        for (text, told) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.1/32", "192.0.2.1/32"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("2001:db8::1/128", "2001:db8::1/128"),
            ("::ffff:192.0.2.77/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.77/95", "::fffe:0:0/95"),
            ("::/0", "::/0"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]/64", "2001:db8::/64"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]", "fe80::1"),
            ("fe80::1%3/64", "fe80::/64"),
        ] {
            assert_eq!(read(text).as_deref(), Some(told), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1/33",
            "192.0.2.1/",
            "192.0.2.1/+8",
            "2001:db8::/129",
            "/24",
            "::1%",
            "[::1",
            "::1]",
            "[192.0.2.1]",
            "192.0.2.1%eth0",
            "[::1]:443",
            "192.0.2.1/24/8",
            "192.0.2.1/0255",
            "one",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
