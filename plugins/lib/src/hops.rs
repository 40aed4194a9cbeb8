//! Lists of hops, as `X-Forwarded-For` is one, and which of them is the client.
//!
//! Each proxy appends the address that it was reached from. So the leftmost is the client if everybody on the way
//! told the truth; with the networks of one's own proxies known, it is the rightmost that is none of them, and what
//! stands left of it, which the client may have made up, is not looked at.

use alloc::{string::String, vec::Vec};

use crate::{Address, Message};

/// What a value says about the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    /// There is nothing: an empty value or `-`.
    Nothing,
    /// The client.
    Address(Address),
    /// The leftmost of some hops that are all trusted: the client if no other hops are known.
    Trusted(Address),
    /// Something that is no client.
    SomethingElse,
}

/// The networks whose addresses are proxies. Usually none.
#[derive(Default)]
pub struct Trusted(Vec<Network>);

struct Network {
    v4: bool,
    bits: u128,
    mask: u128,
}

// === impl Trusted ===

impl Trusted {
    /// Reads the setting `trusted`: addresses and networks, separated by commas.
    ///
    /// # Errors
    /// If one of them is neither.
    pub fn parse(setting: &str) -> Result<Self, String> {
        let mut networks = Vec::new();
        if setting.trim().is_empty() {
            return Ok(Self(networks));
        }
        for part in setting.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let Some(network) = Network::parse(part) else {
                let message = Message::new("setting `trusted` names ").name(part);
                return Err(message.text(": expected addresses and networks, such as `10.0.0.0/8, ::1`").finish());
            };
            networks.push(network);
        }
        Ok(Self(networks))
    }

    /// Whether no proxies are known, so that the leftmost hop is the client.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is that of a proxy.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        let (v4, bits) = match address {
            Address::V4(bits) => (true, u128::from(bits)),
            Address::V6(bits) => (false, bits),
        };
        self.0.iter().any(|network| network.v4 == v4 && bits & network.mask == network.bits)
    }

    /// What a list of hops says: separated by commas, or by blanks where there is nothing else between them.
    #[must_use]
    pub fn client(&self, list: &[u8]) -> Says {
        if self.is_empty() { leftmost(list) } else { self.rightmost(list) }
    }

    /// The client of two lists, of which `nearer` holds the hops behind those of `farther`.
    #[must_use]
    pub fn join(farther: Says, nearer: Says) -> Says {
        match (farther, nearer) {
            (Says::Nothing, nearer) => nearer,
            (farther, Says::Nothing | Says::Trusted(_)) => farther,
            (_, nearer) => nearer,
        }
    }

    fn rightmost(&self, list: &[u8]) -> Says {
        let mut says = Says::Nothing;
        for hop in hops(list).rev() {
            match (Address::parse(hop), says) {
                _ if is_nothing(hop) => {}
                (Some(address), _) if self.contains(address) => says = Says::Trusted(address),
                (Some(address), _) => return Says::Address(address),
                // A proxy that is trusted says that it does not know: what stands before it was not written by one.
                (None, _) => return Says::SomethingElse,
            }
        }
        says
    }
}

/// Reads a setting that is `true` or `false`.
///
/// # Errors
/// If it is neither.
pub fn parse_switch(name: &str, value: &str) -> Result<bool, String> {
    match value.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => {
            let message = Message::new("setting ").name(name.as_bytes()).text(" is ").name(other.as_bytes());
            Err(message.text(": expected `true` or `false`").finish())
        }
    }
}

fn leftmost(list: &[u8]) -> Says {
    let mut says = Says::Nothing;
    for hop in hops(list) {
        match Address::parse(hop) {
            _ if is_nothing(hop) => {}
            Some(address) => return Says::Address(address),
            None => says = Says::SomethingElse,
        }
    }
    says
}

/// The hops from left to right. A part with blanks in it is several hops if each of its words is one, and no hop at
/// all if not.
fn hops(list: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').flat_map(|part| {
        // IIS writes a plus for the blank behind a comma.
        let part = part.trim_ascii();
        let part = part.strip_prefix(b"+").unwrap_or(part);
        let apart = part.contains(&b' ') && part.split(|byte| *byte == b' ').all(is_hop);
        part.split(move |byte| apart && *byte == b' ')
    })
}

fn is_hop(word: &[u8]) -> bool {
    is_nothing(word) || word == b"unknown" || Address::parse(word).is_some()
}

fn is_nothing(hop: &[u8]) -> bool {
    matches!(hop, b"" | b"-")
}

// === impl Network ===

impl Network {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let slash = bytes.iter().position(|byte| *byte == b'/').unwrap_or(bytes.len());
        let (address, length) = bytes.split_at_checked(slash)?;
        let (v4, bits, width) = match Address::parse(address)? {
            Address::V4(bits) => (true, u128::from(bits), 32),
            Address::V6(bits) => (false, bits, 128),
        };
        let length = match length {
            [] => width,
            [_, digits @ ..] if (1..=3).contains(&digits.len()) => digits
                .iter()
                .try_fold(0, |length, byte| byte.is_ascii_digit().then(|| length * 10 + u32::from(byte - b'0')))?,
            _ => return None,
        };
        let whole = u128::MAX >> (128 - width);
        let mask = whole & !whole.checked_shr(length).unwrap_or(0);
        (length <= width).then_some(Self { v4, bits: bits & mask, mask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, list: &str) -> Says {
        Trusted::parse(trusted).expect("the test's own networks").client(list.as_bytes())
    }

    fn v4(text: &str) -> Address {
        Address::parse(text.as_bytes()).expect("the test's own address")
    }

    #[test]
    fn the_leftmost_unless_proxies_are_known() {
        for (list, expect) in [
            ("1.1.1.1, 2.2.2.2", Says::Address(v4("1.1.1.1"))),
            ("1.1.1.1 2.2.2.2", Says::Address(v4("1.1.1.1"))),
            ("unknown, 2.2.2.2:80", Says::Address(v4("2.2.2.2"))),
            ("a b, 2.2.2.2", Says::Address(v4("2.2.2.2"))),
            ("-, ,2.2.2.2", Says::Address(v4("2.2.2.2"))),
            ("Jane 1.1.1.1", Says::SomethingElse),
            ("-", Says::Nothing),
            ("", Says::Nothing),
        ] {
            assert_eq!(client("", list), expect, "{list}");
        }
    }

    #[test]
    fn the_rightmost_that_is_no_proxy() {
        let trusted = "10.0.0.0/8, 9.9.9.9,2001:db8::/32";
        for (list, expect) in [
            ("6.6.6.6, 1.1.1.1", Says::Address(v4("1.1.1.1"))),
            ("6.6.6.6, 1.1.1.1, 10.1.2.3", Says::Address(v4("1.1.1.1"))),
            ("6.6.6.6,1.1.1.1,+9.9.9.9:77,2001:db8::7", Says::Address(v4("1.1.1.1"))),
            ("6.6.6.6 1.1.1.1 10.1.2.3", Says::Address(v4("1.1.1.1"))),
            ("6.6.6.6, unknown, 10.1.2.3", Says::SomethingElse),
            ("10.0.0.1, 10.0.0.2", Says::Trusted(v4("10.0.0.1"))),
            ("::ffff:10.0.0.1", Says::Trusted(v4("10.0.0.1"))),
            ("-", Says::Nothing),
        ] {
            assert_eq!(client(trusted, list), expect, "{list}");
        }
    }

    #[test]
    fn networks() {
        for bad in ["x", "1.2.3.4/33", "1.2.3.4/", "::/129", "1.2.3.4/-1", "10.0.0.0/8,", "1.2.3.4/0008"] {
            assert!(Trusted::parse(bad).is_err(), "{bad}");
        }
        let all = Trusted::parse("0.0.0.0/0").expect("it is a network");
        assert!(all.contains(v4("255.1.2.3")) && !all.contains(Address::V6(1)));
    }
}
