//! What stands in front of the time: a virtual host, the client and the proxies, identity and user.

use tallygate_sdk::{Address, Listed, Reject, Trusted};

/// The hops a request came by, as far as the line tells them.
struct Hops<'a> {
    /// What a proxy was told or saw: a list of addresses separated by commas, the client's first.
    forwarded: &'a [u8],
    /// Who connected.
    peer: &'a [u8],
}

/// An address, or a list of them, and what is behind it.
struct Group<'a> {
    text: &'a [u8],
    is_list: bool,
    /// What follows, without the space; `None` at the end.
    rest: Option<&'a [u8]>,
}

/// The client, from all that precedes the time and its space. Where somebody is trusted, it is the hop nearest to the
/// server that is not. `None` if the line says that it knows of none.
pub(crate) fn client(front: &[u8], trusted: &Trusted) -> Result<Option<Address>, Reject> {
    let Some(hops) = hops(front)? else { return Ok(None) };
    let (first, other) = if trusted.is_empty() { (hops.forwarded, hops.peer) } else { (hops.peer, hops.forwarded) };
    match (trusted.client(first), trusted.client(other)) {
        (Listed::Client(address), _)
        | (Listed::Nothing | Listed::AllTrusted(_), Listed::Client(address) | Listed::AllTrusted(address))
        | (Listed::AllTrusted(address), Listed::Nothing) => Ok(Some(address)),
        _ => Err(NOT_AN_ADDRESS),
    }
}

/// What a line is rejected for that is one of an access log.
pub(crate) const NOT_AN_ADDRESS: Reject = Reject::not_an_address("the client field holds no address");

fn hops(front: &[u8]) -> Result<Option<Hops<'_>>, Reject> {
    let Some(first) = group(front) else { return behind_host(front) };
    let Some(rest) = first.rest else {
        return Err(Reject::malformed("expected identity and user between the client and the time"));
    };
    // `- ` is the identity, and whatever follows is the user.
    match group(rest) {
        Some(second) if second.fields_behind() >= 2 => {
            if second.is_list || first.is_list || second.has_no_identity() {
                return Ok(Some(both(&first, &second)));
            }
            Err(Reject::malformed("two addresses: the second may be the client or an identity"))
        }
        _ if is_syslog_host(rest) => {
            Err(Reject::malformed("an address and a tag: the former may be the client or the host of syslog"))
        }
        _ => Ok(Some(Hops { forwarded: b"", peer: first.text })),
    }
}

/// Whether a tag and a client follow an address, as in `192.0.2.1 nginx: 1.2.3.4 - - […`.
fn is_syslog_host(rest: &[u8]) -> bool {
    let (tag, behind) = field(rest);
    tag.len() > 1 && tag.ends_with(b":") && behind.and_then(group).is_some_and(|client| client.fields_behind() >= 2)
}

/// The first field is no address: a virtual host, or a client that has a name.
fn behind_host(front: &[u8]) -> Result<Option<Hops<'_>>, Reject> {
    let (host, rest) = field(front);
    // A dash is what servers write that do not know the client.
    let otherwise = if host == b"-" { Ok(None) } else { Err(NOT_AN_ADDRESS) };
    if !is_host(host) {
        return otherwise;
    }
    // A client never has a port behind its name, so then the identity may be anything.
    let is_server = host.contains(&b':');
    let Some(first) = rest.and_then(group).filter(|first| first.fields_behind() >= 2) else { return otherwise };
    if let Some(second) = first.rest.and_then(group).filter(|second| second.fields_behind() >= 2) {
        if second.is_list || second.has_no_identity() {
            return Ok(Some(both(&first, &second)));
        }
        return Err(NOT_AN_ADDRESS);
    }
    if is_server || first.is_list || first.has_no_identity() {
        return Ok(Some(Hops { forwarded: b"", peer: first.text }));
    }
    Err(NOT_AN_ADDRESS)
}

/// A list holds what was forwarded, wherever it stands; of two addresses, the proxy's is the first.
fn both<'a>(first: &Group<'a>, second: &Group<'a>) -> Hops<'a> {
    if first.is_list {
        Hops { forwarded: first.text, peer: second.text }
    } else {
        Hops { forwarded: second.text, peer: first.text }
    }
}

/// The address or list at the start; `None` if there is no address in it.
fn group(text: &[u8]) -> Option<Group<'_>> {
    // Behind the dash of an identity, all is the user's, commas and addresses included.
    if field(text).0 == b"-" {
        return None;
    }
    let group = enclosed(text).unwrap_or_else(|| open(text));
    group.text.split(|byte| *byte == b',').any(|part| Address::parse(part).is_some()).then_some(group)
}

/// `(1.2.3.4, 10.0.0.1)` or the same in double quotes.
fn enclosed(text: &[u8]) -> Option<Group<'_>> {
    let close = match text.first() {
        Some(b'(') => b')',
        Some(b'"') => b'"',
        _ => return None,
    };
    let end = text.iter().skip(1).position(|byte| *byte == close)? + 1;
    let rest = match text.get(end + 1..)? {
        [] => None,
        [b' ', rest @ ..] => Some(rest),
        _ => return None,
    };
    Some(Group { text: text.get(1..end)?, is_list: true, rest })
}

/// A field, and those that commas join to it.
fn open(text: &[u8]) -> Group<'_> {
    let mut rest = field(text).1;
    while let Some(behind) = rest {
        let list = text.get(..text.len() - behind.len() - 1).unwrap_or_default();
        let (next, after) = field(behind);
        // A comma at the end of a list that a client wrote does not make the identity a part of it.
        if !list.ends_with(b",") || next == b"-" {
            return Group { text: list, is_list: list.contains(&b','), rest };
        }
        rest = after;
    }
    Group { text, is_list: text.contains(&b','), rest: None }
}

/// The bytes before the first space, and those behind it.
fn field(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == b' ');
    (parts.next().unwrap_or_default(), parts.next())
}

/// `example.com`, `example.com:443`, `-`, and nginx's `_`. A name holds a letter, or it would be a number.
fn is_host(host: &[u8]) -> bool {
    if host == b"-" || host == b"_" {
        return true;
    }
    let mut parts = host.splitn(2, |byte| *byte == b':');
    let name = parts.next().unwrap_or_default();
    let has_port = parts.next().is_none_or(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit));
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || *byte >= 0x80;
    has_port && name.iter().all(allowed) && name.iter().any(u8::is_ascii_alphabetic)
}

// === impl Group ===

impl Group<'_> {
    /// How many fields follow. One that is empty counts: some servers write nothing for a user they do not know.
    fn fields_behind(&self) -> usize {
        self.rest.map_or(0, |rest| rest.split(|byte| *byte == b' ').take(2).count())
    }

    fn has_no_identity(&self) -> bool {
        self.rest.is_some_and(|rest| field(rest).0 == b"-")
    }
}
