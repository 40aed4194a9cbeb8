//! Fields that are found by how programs name them, where the setting `fields` does not say which.
//!
//! A name is taken apart: letters and digits alone count, in lower case, and a dot separates an object from what is in
//! it. Only names whose every part is known are taken, because a wrong address is worse than none: what the names of
//! servers, destinations and upstreams begin with is no part of the lists below.

/// What kind of field a name is. The discriminant is the place in [`crate::fields::Fields`]' list of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// The client's address.
    Client,
    /// The address of who connected, which is a proxy's where there is one.
    Peer,
    /// What a header says, which clients can write.
    Forwarded,
    /// The event's time.
    Time,
}

/// What an object is, which decides what the names in it mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    /// Something in which nothing is looked for.
    Other,
    /// The record itself.
    Record,
    /// A part of the record that says nothing about whose fields it has.
    Plain,
    /// The request: its `ip` is the client's.
    Request,
    /// The client, or who connected.
    Client,
    Peer,
}

/// Longer names are none of those known.
const LONGEST: usize = 32;

const CLIENTS: &[&[u8]] = &[
    b"client",
    b"visitor",
    b"viewer",
    b"user",
    b"enduser",
    b"caller",
    b"requester",
    b"requestor",
    b"requestclient",
    b"reqclient",
    b"remoteclient",
    b"clientremote",
    b"clientsource",
    b"sourceclient",
    b"real",
    b"actor",
];
const PEERS: &[&[u8]] = &[
    b"remote",
    b"source",
    b"src",
    b"peer",
    b"requestremote",
    b"requestsource",
    b"reqremote",
    b"remotepeer",
    b"connectionremote",
    b"connremote",
    b"socketremote",
    b"downstreamremote",
    b"clientpeer",
    b"directremote",
];
const ADDRESSES: &[&[u8]] = &[
    b"ipaddresses",
    b"ipaddress",
    b"ipaddrs",
    b"ipaddr",
    b"ips",
    b"ip",
    b"addresses",
    b"address",
    b"addrs",
    b"addr",
    b"ipv4",
    b"ipv6",
];
const FORWARDED: &[&[u8]] = &[
    b"xforwardedfor",
    b"httpxforwardedfor",
    b"forwardedfor",
    b"httpforwardedfor",
    b"xff",
    b"xoriginalforwardedfor",
    b"xrealip",
    b"httpxrealip",
    b"xclientip",
    b"httpxclientip",
    b"httpclientip",
    b"trueclientip",
    b"httptrueclientip",
    b"cfconnectingip",
    b"httpcfconnectingip",
    b"xclusterclientip",
    b"fastlyclientip",
];
const TIMES: &[&[u8]] = &[
    b"datetime",
    b"datetimeutc",
    b"eventtime",
    b"eventdatetime",
    b"eventdate",
    b"logtime",
    b"starttime",
    b"endtime",
    b"requestdate",
    b"requestdatetime",
    b"requesttimeepoch",
    b"requesttimeiso8601",
    b"requesttimeutc",
    b"timeiso8601",
    b"timelocal",
    b"timeutc",
    b"utctime",
    b"isotime",
    b"startutc",
    b"startlocal",
    b"receivedat",
    b"createdat",
    b"loggedat",
    b"occurredat",
    b"receivetime",
    b"receivedtime",
    b"accesstime",
    b"timeunixnano",
    b"timeepoch",
    b"unixtime",
    b"epochtime",
    b"timestampms",
    b"published",
    b"createddatetime",
    b"activitydatetime",
    b"timegenerated",
    b"timecreated",
];
/// What may stand in front of `timestamp`.
const STAMPS: &[&[u8]] = &[
    b"",
    b"event",
    b"log",
    b"request",
    b"requestreceived",
    b"requeststart",
    b"response",
    b"edgestart",
    b"edgeend",
    b"received",
    b"receive",
    b"start",
    b"end",
    b"access",
    b"record",
    b"unix",
    b"epoch",
    b"utc",
    b"iso",
    b"ingest",
    b"ingestion",
    b"observed",
    b"created",
    b"message",
    b"time",
    b"stage",
];
const REQUESTS: &[&[u8]] = &[b"request", b"req", b"http", b"httprequest", b"requestcontext", b"identity"];
const PLAIN: &[&[u8]] = &[
    b"attributes",
    b"attrs",
    b"attr",
    b"connection",
    b"conn",
    b"context",
    b"network",
    b"net",
    b"event",
    b"eventdata",
    b"properties",
    b"data",
    b"details",
    b"payload",
    b"jsonpayload",
    b"protopayload",
    b"requestmetadata",
    b"requestinfo",
    b"log",
    b"meta",
    b"metadata",
    b"fields",
    b"record",
    b"audit",
    b"transaction",
    b"socket",
    b"sock",
];

/// A name in lower case, without what separates words.
struct Plainly {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Words that are spelled out below.
const OTHERS: &[&[u8]] = &[
    b"origin",
    b"originaddress",
    b"remotehost",
    b"peerhost",
    b"clienthost",
    b"requestip",
    b"reqip",
    b"cip",
    b"time",
    b"ts",
    b"date",
    b"requesttime",
    b"originaddr",
];

/// Tells most names that mean nothing by their first and last letter, since the full parser asks about every key.
pub(crate) struct Filter([u64; 36]);

/// What the value of `key` is in an object.
pub(crate) fn class(context: Context, key: &[u8]) -> Option<Class> {
    let (context, name) = walk(context, key)?;
    let plainly = Plainly::new(name)?;
    let word = plainly.word();
    match context {
        Context::Other => None,
        Context::Client => ADDRESSES.contains(&word).then_some(Class::Client),
        Context::Peer => ADDRESSES.contains(&word).then_some(Class::Peer),
        Context::Record | Context::Plain | Context::Request => {
            let of_client = context != Context::Plain && matches!(word, b"ip" | b"ipaddress" | b"ipaddr");
            if of_client || matches!(word, b"requestip" | b"reqip" | b"cip") {
                return Some(Class::Client);
            }
            if FORWARDED.contains(&word) {
                return Some(Class::Forwarded);
            }
            let of_record = context == Context::Record && matches!(word, b"time" | b"ts" | b"date");
            if of_record || is_time(name, word) { Some(Class::Time) } else { owned(word) }
        }
    }
}

/// What the object under `key` is.
pub(crate) fn context(context: Context, key: &[u8]) -> Context {
    let Some((context, name)) = walk(context, key) else { return Context::Other };
    step(context, name)
}

/// The object that a key with dots leads into, and the key's last part.
fn walk(mut context: Context, key: &[u8]) -> Option<(Context, &[u8])> {
    let mut parts = key.split(|byte| *byte == b'.');
    let mut part = parts.next()?;
    for next in parts {
        context = step(context, part);
        part = next;
    }
    (context != Context::Other).then_some((context, part))
}

fn step(context: Context, name: &[u8]) -> Context {
    let Some(plainly) = Plainly::new(name) else { return Context::Other };
    let word = plainly.word();
    match context {
        Context::Record | Context::Plain | Context::Request if CLIENTS.contains(&word) => Context::Client,
        Context::Record | Context::Plain | Context::Request if PEERS.contains(&word) || word == b"origin" => {
            Context::Peer
        }
        Context::Record | Context::Plain | Context::Request if REQUESTS.contains(&word) => Context::Request,
        Context::Record | Context::Plain | Context::Request if PLAIN.contains(&word) => Context::Plain,
        Context::Record | Context::Plain | Context::Request => match owned(word) {
            Some(Class::Client) => Context::Client,
            Some(Class::Peer) => Context::Peer,
            _ => Context::Other,
        },
        // What a client has beside its address (a location, a translation) has addresses of others.
        Context::Client | Context::Peer | Context::Other => Context::Other,
    }
}

/// Names that say whose address they are: `clientIp`, `source_address`, `remoteHost`.
fn owned(word: &[u8]) -> Option<Class> {
    // The address of an origin may be that of the server behind a cache, but nobody calls that one's an address.
    if matches!(word, b"originaddress" | b"originaddr" | b"remotehost" | b"peerhost") {
        return Some(Class::Peer);
    }
    if word == b"clienthost" {
        return Some(Class::Client);
    }
    let who = ADDRESSES.iter().find_map(|suffix| word.strip_suffix(*suffix))?;
    if CLIENTS.contains(&who) {
        return Some(Class::Client);
    }
    PEERS.contains(&who).then_some(Class::Peer)
}

fn is_time(name: &[u8], word: &[u8]) -> bool {
    // `request_time` is what nginx calls a duration, `requestTime` what gateways call a date.
    let is_date = word == b"requesttime" && !name.iter().any(|byte| matches!(byte, b'_' | b'-'));
    let stamp = word.strip_suffix(b"timestamp").is_some_and(|rest| STAMPS.contains(&rest));
    is_date || stamp || TIMES.contains(&word)
}

/// A letter or a digit, whatever its case, as a number below 36.
#[inline]
fn letter(byte: u8) -> Option<usize> {
    match byte.to_ascii_lowercase() {
        byte @ b'a'..=b'z' => Some(usize::from(byte - b'a')),
        byte @ b'0'..=b'9' => Some(usize::from(byte - b'0') + 26),
        _ => None,
    }
}

// === impl Filter ===

impl Filter {
    pub(crate) fn new() -> Self {
        let mut filter = Self([0; 36]);
        for words in [ADDRESSES, FORWARDED, TIMES, REQUESTS, PLAIN, CLIENTS, PEERS, OTHERS] {
            words.iter().for_each(|word| filter.add(word, word));
        }
        for who in [CLIENTS, PEERS].into_iter().flatten() {
            ADDRESSES.iter().for_each(|what| filter.add(who, what));
        }
        STAMPS.iter().filter(|stamp| !stamp.is_empty()).for_each(|stamp| filter.add(stamp, b"p"));
        filter.add(b"t", b"p");
        filter
    }

    /// Whether a key may mean something.
    #[inline]
    pub(crate) fn admits(&self, key: &[u8]) -> bool {
        let (Some(first), Some(last)) =
            (key.iter().find_map(|byte| letter(*byte)), key.iter().rev().find_map(|byte| letter(*byte)))
        else {
            return false;
        };
        let lasts = self.0.get(first).copied().unwrap_or(0);
        // With a dot, the first letter is one word's and the last another's.
        lasts >> last & 1 != 0 || lasts != 0 && key.contains(&b'.')
    }

    fn add(&mut self, first: &[u8], last: &[u8]) {
        let ends = (first.first().and_then(|byte| letter(*byte)), last.last().and_then(|byte| letter(*byte)));
        if let (Some(first), Some(last)) = ends
            && let Some(lasts) = self.0.get_mut(first)
        {
            *lasts |= 1 << last;
        }
    }
}

// === impl Plainly ===

impl Plainly {
    fn new(name: &[u8]) -> Option<Self> {
        let mut plainly = Self { bytes: [0; LONGEST], length: 0 };
        for byte in name {
            match byte {
                b'_' | b'-' | b' ' | b'@' => {}
                byte if byte.is_ascii_alphanumeric() => {
                    *plainly.bytes.get_mut(plainly.length)? = byte.to_ascii_lowercase();
                    plainly.length += 1;
                }
                _ => return None,
            }
        }
        Some(plainly)
    }

    fn word(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
