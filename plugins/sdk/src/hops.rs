//! The hops by which a request came: lists of addresses, and which of them are believed.

use alloc::{string::String, vec::Vec};

use crate::{Address, Message};

/// Machines whose word on where a request came from is believed: the setting `trusted`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trusted {
    networks: Vec<Network>,
}

/// Addresses that are alike in the bits of `mask`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Network {
    is_v4: bool,
    bits: u128,
    mask: u128,
}

/// What a list of hops says about the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listed {
    /// There is nothing in it.
    Nothing,
    /// The client's address.
    Client(Address),
    /// Every hop is trusted: the leftmost address.
    AllTrusted(Address),
    /// Something that is no address stands where the client's would.
    SomethingElse,
}

// === impl Trusted ===

impl Trusted {
    /// Reads addresses and networks separated by commas: `10.0.0.0/8, 2001:db8::1`. Messages call the setting `trusted`.
    ///
    /// # Errors
    /// If one of them is neither; the message is for the operator.
    pub fn read(setting: &str) -> Result<Self, String> {
        let parts = setting.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let networks = parts.filter(|part| !part.is_empty()).map(Network::read).collect::<Result<_, _>>()?;
        Ok(Self { networks })
    }

    /// Whether nobody is trusted, so that the leftmost address of a list is the client's.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether an address is one of them.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        let (is_v4, bits) = split(address);
        self.networks.iter().any(|network| network.is_v4 == is_v4 && bits & network.mask == network.bits)
    }

    /// Who the client of a request is that came from `peer` and brought a list of hops, such as `X-Forwarded-For`, along;
    /// empty if it brought none. Where somebody is trusted, the list of a peer who is not is not believed. Where nobody
    /// is, all of it is, which is right only if clients cannot reach the server but through a proxy that sets the list
    /// anew. `None` if something that is no address stands where the client's would.
    ///
    /// ```
    /// use tallygate_sdk::{Address, Trusted};
    ///
    /// let address = |text: &str| Address::parse(text.as_bytes()).expect("an address");
    /// let trusted = Trusted::read("10.0.0.0/8").expect("a network");
    /// let client = |peer, list: &[u8]| trusted.client_behind(address(peer), list);
    /// assert_eq!(client("10.0.0.1", b"9.9.9.9, 1.2.3.4, 10.0.0.2"), Some(address("1.2.3.4")));
    /// assert_eq!(client("5.6.7.8", b"9.9.9.9"), Some(address("5.6.7.8")));
    /// assert_eq!(client("10.0.0.1", b""), Some(address("10.0.0.1")));
    /// assert_eq!(client("10.0.0.1", b"9.9.9.9, unknown"), None);
    /// ```
    #[must_use]
    pub fn client_behind(&self, peer: Address, list: &[u8]) -> Option<Address> {
        if !self.is_empty() && !self.contains(peer) {
            return Some(peer);
        }
        match self.client(list) {
            Listed::Client(address) | Listed::AllTrusted(address) => Some(address),
            Listed::Nothing => Some(peer),
            Listed::SomethingElse => None,
        }
    }

    /// Who the client is in a list separated by commas, the hop nearest to the client first, as in
    /// `X-Forwarded-For`. Where somebody is trusted, it is the rightmost hop that is not: what stands left of it was
    /// told by somebody who is not believed. Otherwise it is the leftmost address.
    #[must_use]
    pub fn client(&self, list: &[u8]) -> Listed {
        let mut leftmost = None;
        let mut is_other = false;
        if self.is_empty() {
            for part in list.split(|byte| *byte == b',') {
                match hops(part) {
                    Some(mut words) => leftmost = words.next().and_then(Address::parse),
                    None => is_other = true,
                }
                if let Some(address) = leftmost {
                    return Listed::Client(address);
                }
            }
            return if is_other { Listed::SomethingElse } else { Listed::Nothing };
        }
        for part in list.rsplit(|byte| *byte == b',') {
            let Some(words) = hops(part) else { return Listed::SomethingElse };
            for address in words.rev().filter_map(Address::parse) {
                if !self.contains(address) {
                    return Listed::Client(address);
                }
                leftmost = Some(address);
            }
        }
        leftmost.map_or(Listed::Nothing, Listed::AllTrusted)
    }
}

/// The hops between two commas: one, or several separated by spaces if all of them are addresses; none for nothing and
/// `-`. `None` if there is something else.
fn hops(part: &[u8]) -> Option<impl DoubleEndedIterator<Item = &[u8]>> {
    let part = match part.trim_ascii() {
        b"-" => b"",
        part => part,
    };
    let is_one = part.is_empty() || Address::parse(part).is_some();
    let words =
        part.split(move |byte| !is_one && *byte == b' ').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty());
    (is_one || words.clone().all(|word| Address::parse(word).is_some())).then_some(words)
}

fn split(address: Address) -> (bool, u128) {
    match address {
        Address::V4(bits) => (true, u128::from(bits)),
        Address::V6(bits) => (false, bits),
    }
}

// === impl Network ===

impl Network {
    fn read(text: &[u8]) -> Result<Self, String> {
        let refuse = |why| Err(Message::new("setting `trusted` names ").name(text).text(why).finish());
        let mut parts = text.splitn(2, |byte| *byte == b'/');
        let Some(address) = parts.next().and_then(Address::parse) else {
            return refuse(": expected addresses and networks separated by commas, such as `10.0.0.0/8,2001:db8::1`");
        };
        let (is_v4, bits) = split(address);
        let width = if is_v4 { 32 } else { 128 };
        let length = match parts.next() {
            None => Some(width),
            Some(digits @ ([_] | [_, _] | [_, _, _])) => digits
                .iter()
                .try_fold(0, |length, byte| byte.is_ascii_digit().then(|| length * 10 + u32::from(byte - b'0'))),
            Some(_) => None,
        };
        let Some(length) = length.filter(|length| *length <= width) else {
            return refuse(": its length is not one of that kind of address");
        };
        let all = u128::MAX >> (128 - width);
        let mask = all & !all.checked_shr(length).unwrap_or(0);
        if bits & !mask != 0 {
            return refuse(", which has bits behind its length: write the network's first address");
        }
        Ok(Self { is_v4, bits, mask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text.as_bytes()).expect("the test's own address")
    }

    #[test]
    fn networks() {
        let trusted = Trusted::read("10.0.0.0/8, 192.0.2.7,2001:db8::/32 , ::1,0.0.0.0/32").expect("it is valid");
        for inside in [
            "10.0.0.0",
            "10.255.1.2",
            "192.0.2.7",
            "2001:db8::",
            "2001:db8:ffff::1",
            "::1",
            "::ffff:10.1.1.1",
            "0.0.0.0",
        ] {
            assert!(trusted.contains(address(inside)), "{inside}");
        }
        for outside in ["11.0.0.0", "9.255.255.255", "192.0.2.8", "2001:db9::", "::2", "::10.1.1.1", "0.0.0.1"] {
            assert!(!trusted.contains(address(outside)), "{outside}");
        }
        assert!(Trusted::read("0.0.0.0/0").expect("it is valid").contains(address("1.2.3.4")));
        assert!(!Trusted::read("0.0.0.0/0").expect("it is valid").contains(address("::1")));
        assert!(Trusted::read("::/0").expect("it is valid").contains(address("2001:db8::1")));
        assert!(Trusted::read(" , ").expect("it is valid").is_empty());
        for (setting, expect) in [
            (
                "proxy",
                "setting `trusted` names `proxy`: expected addresses and networks separated by commas, such as `10.0.0.0/8,2001:db8::1`",
            ),
            ("10.0.0.0/33", "setting `trusted` names `10.0.0.0/33`: its length is not one of that kind of address"),
            ("10.0.0.0/", "setting `trusted` names `10.0.0.0/`: its length is not one of that kind of address"),
            ("::/129", "setting `trusted` names `::/129`: its length is not one of that kind of address"),
            (
                "10.0.0.1/8",
                "setting `trusted` names `10.0.0.1/8`, which has bits behind its length: write the network's first address",
            ),
        ] {
            assert_eq!(Trusted::read(setting).err().as_deref(), Some(expect));
        }
    }

    #[test]
    fn clients_of_lists() {
        let (client, proxy, inner) = ("1.2.3.4", "192.0.2.9", "10.0.0.1");
        let nobody = Trusted::default();
        let trusted = Trusted::read("10.0.0.0/8").expect("it is valid");
        for (list, left, right) in [
            (client.to_owned(), Listed::Client(address(client)), Listed::Client(address(client))),
            (inner.to_owned(), Listed::Client(address(inner)), Listed::AllTrusted(address(inner))),
            (format!("{client}, {inner}"), Listed::Client(address(client)), Listed::Client(address(client))),
            (format!("{client},{proxy} , {inner}"), Listed::Client(address(client)), Listed::Client(address(proxy))),
            (format!("{client} {proxy} {inner}"), Listed::Client(address(client)), Listed::Client(address(proxy))),
            (
                format!("10.0.0.7, {inner}"),
                Listed::Client(address("10.0.0.7")),
                Listed::AllTrusted(address("10.0.0.7")),
            ),
            (format!("unknown, {client}"), Listed::Client(address(client)), Listed::Client(address(client))),
            (format!("{client}, unknown"), Listed::Client(address(client)), Listed::SomethingElse),
            (format!("{client}, unknown, {inner}"), Listed::Client(address(client)), Listed::SomethingElse),
            (format!("{client}, -, , {inner},"), Listed::Client(address(client)), Listed::Client(address(client))),
            (format!("{client} x"), Listed::SomethingElse, Listed::SomethingElse),
            (" , - ".to_owned(), Listed::Nothing, Listed::Nothing),
            (String::new(), Listed::Nothing, Listed::Nothing),
        ] {
            assert_eq!(nobody.client(list.as_bytes()), left, "{list}");
            assert_eq!(trusted.client(list.as_bytes()), right, "{list}");
        }
    }
}
