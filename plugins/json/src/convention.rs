//! Which keys name a client or a time where the settings do not say: rules over the words of names.
//!
//! A name is cut into words at its separators and capitals, so `client_ip`, `clientIp`, `ClientIP` and `client.ip` are
//! the same two words, and so is `ip` in an object `client`. Every word must be known: `client_server_ip` is nothing,
//! since a wrong address is worse than none. What is decided here is decided once for a shape, not for each record.

use crate::fields::{NO_NODE, NO_SLOT};

/// Where the values of conventional names go.
#[derive(Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) client: u8,
    pub(crate) remote: u8,
    pub(crate) source: u8,
    pub(crate) peer: u8,
    pub(crate) bare: u8,
    pub(crate) origin: u8,
    pub(crate) forwarded: u8,
    pub(crate) began: u8,
    pub(crate) ended: u8,
}

/// The nodes of objects that only rules lead into begin here; what follows is the [`Around`] of the object.
const NODES: u16 = 0x8000;

/// What the objects around a key say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Around {
    /// Nothing: the record itself.
    Record,
    /// That it is about a request or its connection.
    Request,
    /// That it is about the network, where `ip` alone may be anybody's.
    Network,
    /// That it is what the client wrote.
    Headers,
    /// Who it is about.
    Who(Who),
}

/// Whose address a name is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    Client,
    /// Somebody who may have an address of another kind, such as a postal one.
    Person,
    Remote,
    Source,
    Peer,
    Origin,
}

/// A name, as lower-case words separated by single spaces.
struct Words {
    bytes: [u8; LONGEST],
    length: usize,
    /// Whether there was a dot, which is a path written in one key.
    dotted: bool,
}

const LONGEST: usize = 40;

/// Whether a key could be a name of a value at all: nearly all are not, as their last letters say.
#[inline]
pub(crate) fn may_name(key: &[u8]) -> bool {
    let [.., a, b] = key else { return false };
    matches!(
        [a | 0x20, b | 0x20],
        [b'i', b'p']
            | [b'd', b'r']
            | [b's', b's']
            | [b'p', b's']
            | [b'o', b'r']
            | [b'm', b'e']
            | [b'm', b'p']
            | [b't', b's']
            | [b'a', b't']
            | [b'e', b'd']
            | [b'f', b'f']
    )
}

/// The slot of a key that does not hold an object.
pub(crate) fn slot(slots: &Slots, node: u16, key: &[u8]) -> u8 {
    let (Some(around), Some(words)) = (around(node), Words::new(key)) else { return NO_SLOT };
    address(slots, around, &words).or_else(|| time(slots, around, &words)).unwrap_or(NO_SLOT)
}

/// The node of the object that a key holds.
pub(crate) fn node(node: u16, key: &[u8]) -> u16 {
    let (Some(mut around), Some(words)) = (around(node), Words::new(key)) else { return NO_NODE };
    for word in words.all() {
        around = match step(around, word) {
            Some(next) => next,
            None => return NO_NODE,
        };
    }
    NODES + code(around)
}

/// What a node of the tree of exact names says, given the path that leads to it.
fn around(node: u16) -> Option<Around> {
    const ALL: [Around; 10] = [
        Around::Record,
        Around::Request,
        Around::Network,
        Around::Headers,
        Around::Who(Who::Client),
        Around::Who(Who::Person),
        Around::Who(Who::Remote),
        Around::Who(Who::Source),
        Around::Who(Who::Peer),
        Around::Who(Who::Origin),
    ];
    ALL.get(usize::from(node.checked_sub(NODES)?)).copied()
}

fn code(around: Around) -> u16 {
    match around {
        Around::Record => 0,
        Around::Request => 1,
        Around::Network => 2,
        Around::Headers => 3,
        Around::Who(Who::Client) => 4,
        Around::Who(Who::Person) => 5,
        Around::Who(Who::Remote) => 6,
        Around::Who(Who::Source) => 7,
        Around::Who(Who::Peer) => 8,
        Around::Who(Who::Origin) => 9,
    }
}

/// The node of the record itself, for the rules.
pub(crate) const RECORD: u16 = NODES;

/// What is known behind one more word; `None` if nothing below is about a client.
fn step(around: Around, word: &[u8]) -> Option<Around> {
    let who = match word {
        b"client" | b"visitor" | b"caller" | b"viewer" => Who::Client,
        b"user" | b"actor" => Who::Person,
        b"remote" => Who::Remote,
        b"source" | b"src" => Who::Source,
        b"peer" | b"downstream" => Who::Peer,
        b"origin" => Who::Origin,
        b"headers" | b"header" => return Some(Around::Headers),
        b"request" | b"req" | b"http" | b"https" | b"attributes" | b"attribute" | b"attrs" | b"attr"
        | b"connection" | b"conn" | b"context" | b"ctx" | b"identity" | b"event" | b"payload" | b"proto"
        | b"metadata" => {
            return match around {
                Around::Record | Around::Request => Some(Around::Request),
                Around::Network | Around::Headers => Some(around),
                Around::Who(_) => None,
            };
        }
        b"net" | b"network" | b"sock" | b"socket" | b"tcp" | b"data" | b"details" | b"log" | b"session" => {
            return match around {
                Around::Record | Around::Request | Around::Network => Some(Around::Network),
                Around::Headers | Around::Who(_) => None,
            };
        }
        _ => return None,
    };
    match around {
        Around::Headers => None,
        // `downstream_remote_address`: the last word that says who decides.
        Around::Who(Who::Peer | Who::Source) | Around::Record | Around::Request | Around::Network => {
            Some(Around::Who(who))
        }
        Around::Who(_) => None,
    }
}

fn address(slots: &Slots, around: Around, words: &Words) -> Option<u8> {
    let mut around = around;
    let mut rest = words.text();
    if is_forwarded(rest) {
        return matches!(around, Around::Record | Around::Request | Around::Headers).then_some(slots.forwarded);
    }
    loop {
        if matches!(rest, b"ip" | b"ips" | b"ip address" | b"ip addr" | b"ipaddress" | b"ipaddr" | b"ipv4" | b"ipv6") {
            return match around {
                // `OriginIP` is the server behind a cache; `origin.ip` is whom a request came from.
                Around::Who(Who::Origin) if !words.dotted && words.text() != rest => None,
                Around::Who(who) => Some(slots.of(who)),
                Around::Request if !rest.starts_with(b"ipv") => Some(slots.bare),
                _ => None,
            };
        }
        if matches!(rest, b"addr" | b"address") {
            return match around {
                Around::Who(Who::Person) => None,
                Around::Who(who) => Some(slots.of(who)),
                _ => None,
            };
        }
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        if after.is_empty() {
            return glued(slots, around, word);
        }
        around = step(around, word)?;
        rest = after.get(1..)?;
    }
}

/// `srcip`, `remoteaddr`: two words without anything between them.
fn glued(slots: &Slots, around: Around, word: &[u8]) -> Option<u8> {
    for leaf in [&b"ipaddress"[..], b"address", b"addr", b"ip"] {
        let Some(front) = word.strip_suffix(leaf) else { continue };
        return match step(around, front)? {
            Around::Who(Who::Origin) => None,
            Around::Who(Who::Person) if !leaf.starts_with(b"ip") => None,
            Around::Who(who) => Some(slots.of(who)),
            _ => None,
        };
    }
    None
}

/// What proxies write, and clients as well.
fn is_forwarded(words: &[u8]) -> bool {
    let words = words.strip_prefix(b"http ").unwrap_or(words);
    matches!(
        words,
        b"x forwarded for"
            | b"forwarded for"
            | b"xff"
            | b"x real ip"
            | b"true client ip"
            | b"cf connecting ip"
            | b"x client ip"
            | b"x original forwarded for"
            | b"fastly client ip"
            | b"x cluster client ip"
    )
}

/// `requestTime`, `EdgeEndTimestamp`, `requestReceivedTimestamp`: what happened, and a word for time.
fn time(slots: &Slots, around: Around, words: &Words) -> Option<u8> {
    if !matches!(around, Around::Record | Around::Request) {
        return None;
    }
    let text = words.text();
    let (front, leaf) = match text.iter().rposition(|byte| *byte == b' ') {
        Some(space) => (text.get(..space)?, text.get(space + 1..)?),
        None => (&b""[..], text),
    };
    if !matches!(leaf, b"time" | b"timestamp" | b"ts" | b"datetime" | b"at" | b"date") {
        return None;
    }
    let mut began = false;
    let mut ended = false;
    for word in front.split(|byte| *byte == b' ') {
        match word {
            b"event" | b"request" | b"req" | b"start" | b"started" | b"begin" | b"received" | b"receive"
            | b"occurred" | b"log" | b"logged" | b"access" | b"local" | b"utc" | b"connection" | b"connect" => {
                began = true
            }
            b"end" | b"ended" | b"finish" | b"finished" | b"complete" | b"completed" | b"stage" | b"observed" => {
                ended = true;
            }
            // A response has a time that is a duration, but no timestamp that is one.
            b"response" if leaf == b"timestamp" => ended = true,
            b"edge" | b"date" | b"http" => {}
            b"" if leaf == b"datetime" => began = true,
            _ => return None,
        }
    }
    match (began, ended) {
        (_, true) => Some(slots.ended),
        (true, false) => Some(slots.began),
        _ => None,
    }
}

// === impl Slots ===

impl Slots {
    pub(crate) const NONE: Self = Self {
        client: NO_SLOT,
        remote: NO_SLOT,
        source: NO_SLOT,
        peer: NO_SLOT,
        bare: NO_SLOT,
        origin: NO_SLOT,
        forwarded: NO_SLOT,
        began: NO_SLOT,
        ended: NO_SLOT,
    };

    fn of(&self, who: Who) -> u8 {
        match who {
            Who::Client | Who::Person => self.client,
            Who::Remote => self.remote,
            Who::Source => self.source,
            Who::Peer => self.peer,
            Who::Origin => self.origin,
        }
    }
}

// === impl Words ===

impl Words {
    /// `None` for a name that is too long to be one of those looked for, or is not of letters.
    fn new(key: &[u8]) -> Option<Self> {
        let mut words = Self { bytes: [0; LONGEST], length: 0, dotted: false };
        let mut before = b'_';
        for (at, byte) in key.iter().enumerate() {
            let next = key.get(at + 1).copied().unwrap_or_default();
            match byte {
                b'_' | b'-' | b'.' | b' ' | b'@' | b':' | b'/' => {
                    words.space()?;
                    words.dotted |= *byte == b'.';
                }
                b'A'..=b'Z' => {
                    // `clientIP`, `IPAddress`, `HTTPRequest`, but `IPs`.
                    let begins = !before.is_ascii_uppercase()
                        || next.is_ascii_lowercase() && !(next == b's' && at + 2 == key.len());
                    if begins {
                        words.space()?;
                    }
                    words.push(byte | 0x20)?;
                }
                b'a'..=b'z' | b'0'..=b'9' => words.push(*byte)?,
                _ => return None,
            }
            before = *byte;
        }
        Some(words)
    }

    fn space(&mut self) -> Option<()> {
        match self.text().last() {
            None | Some(b' ') => Some(()),
            Some(_) => self.push(b' '),
        }
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.text().split(|byte| *byte == b' ')
    }
}
