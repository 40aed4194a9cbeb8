//! Which fields are looked for, and where: the settings `fields` and `time`.

use alloc::{string::String, vec::Vec};

use tallygate_sdk::{Message, Text};

use crate::convention::{self, Class, Context, Filter};

/// Where clients' addresses are looked for when the setting `fields` is absent, most preferred first. A name in
/// angle brackets stands for all fields that are named by that convention.
pub(crate) const DEFAULT_FIELDS: &str = "ip,client_ip,clientip,clientIp,clientIP,ClientIP,client_addr,clientAddress,\
remote_addr,remote_ip,remoteAddr,remoteAddress,remoteIp,remoteIP,remote_address,remote,source.ip,client.ip,\
request.client_ip,request.remote_ip,httpRequest.remoteIp,sourceIPAddress,source_ip,sourceIP,src_ip,srcip,<client>,<peer>,\
visitor_ip,ip_address,ipAddress,ClientHost,c-ip,real_ip,x_real_ip,x-real-ip,addr.remote,attr.remote,\
eventData.sourceIP,downstream_remote_address,remote_host,client,x_forwarded_for,x-forwarded-for,X-Forwarded-For,\
xff,http_x_forwarded_for,<forwarded>";

/// Where event times are looked for when the setting `time` is absent, most preferred first.
pub(crate) const DEFAULT_TIMES: &str = "timestamp,@timestamp,time,ts,eventTime,datetime,date,start_time,StartUTC,EdgeStartTimestamp,\
time_iso8601,time_local,msec,t.$date,<time>";

/// How many address fields can be named. The slots up to this one are theirs.
pub(crate) const MAX_FIELDS: usize = 48;
/// How many time fields can be named.
pub(crate) const MAX_TIMES: usize = 15;
/// The slot of values that are not looked for.
pub(crate) const NO_SLOT: u8 = 63;
/// The node of objects beneath which nothing is looked for.
pub(crate) const NO_NODE: u16 = u16::MAX;
/// The nodes of objects that are no part of a path named, but of which the convention knows something; one for each
/// [`Context`].
const CONTEXTS: u16 = u16::MAX - 8;
/// What the rules of [`Class`] are called in the lists above.
const RULES: [&str; 4] = ["<client>", "<peer>", "<forwarded>", "<time>"];
/// The node of the record itself.
pub(crate) const ROOT: u16 = 0;

/// The fields looked for, as a tree of keys.
///
/// A path `a.b.c` is found as `{"a":{"b":{"c":…}}}`, `{"a.b.c":…}` and every mixture of the two, so each object
/// that may lead to a path is a node, and its keys are all that the rest of the path may be cut into.
pub(crate) struct Fields {
    nodes: Vec<Node>,
    /// The paths by slot; empty for a slot without one.
    names: Vec<Vec<u8>>,
    /// The slot of each [`Class`]; [`NO_SLOT`] where the settings name all fields.
    rules: [u8; 4],
    filter: Filter,
}

/// The contexts in which something is looked for, in the order of their nodes.
const OBJECTS: [Context; 4] = [Context::Plain, Context::Request, Context::Client, Context::Peer];

struct Node {
    /// The first key for each [`Name::hash`]; [`NO_KEY`] for none.
    buckets: [u16; BUCKETS],
    keys: Vec<Key>,
    context: Context,
}

const BUCKETS: usize = 64;
const NO_KEY: u16 = u16::MAX;

struct Key {
    text: Vec<u8>,
    head: u64,
    slot: u8,
    node: u16,
    /// The next key with the same hash.
    next: u16,
}

/// A key of a record, with its first eight bytes in a form that is compared and hashed at once.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a> {
    text: &'a [u8],
    head: u64,
}

// === impl Name ===

impl<'a> Name<'a> {
    /// A key that lies in a text.
    #[inline]
    pub(crate) fn within(text: Text<'a>, start: usize, end: usize) -> Self {
        let unused = 8usize.saturating_sub(end - start) as u32 * 8;
        // An empty key has no bits at all, which one shift by 64 would not express.
        let head = if unused == 64 { 0 } else { text.eight(start) << unused >> unused };
        Self { text: text.slice(start, end), head }
    }

    /// A key that lies anywhere.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let head = text.iter().take(8).rev().fold(0, |head, byte| head << 8 | u64::from(*byte));
        Self { text, head }
    }

    #[inline]
    fn hash(self) -> usize {
        let mixed = (self.head ^ self.text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 58) as usize % BUCKETS
    }
}

// === impl Fields ===

impl Fields {
    /// The paths of addresses and of times, each separated by commas; those known by default, and by convention, for
    /// `None`.
    pub(crate) fn new(fields: Option<&str>, times: Option<&str>) -> Result<Self, String> {
        let root = Node { context: Context::Record, ..Node::default() };
        let mut tree = Self { nodes: Vec::from([root]), names: Vec::new(), rules: [NO_SLOT; 4], filter: Filter::new() };
        tree.names.resize(MAX_FIELDS + MAX_TIMES, Vec::new());
        tree.add_all("fields", fields.unwrap_or(DEFAULT_FIELDS).as_bytes(), 0, MAX_FIELDS)?;
        let paths = times.unwrap_or(DEFAULT_TIMES).as_bytes();
        if !paths.trim_ascii().is_empty() {
            tree.add_all("time", paths, MAX_FIELDS, MAX_TIMES)?;
        }
        for (at, (rule, name)) in tree.rules.iter_mut().zip(RULES).enumerate() {
            let is_default = if at == Class::Time as usize { times.is_none() } else { fields.is_none() };
            let slot = tree.names.iter().position(|known| known == name.as_bytes());
            *rule = slot.filter(|_| is_default).map_or(NO_SLOT, |slot| slot as u8);
        }
        Ok(tree)
    }

    /// What `key` means in an object that is `node`: the slot of its value, and the node its value is.
    #[inline]
    pub(crate) fn find(&self, node: u16, name: Name<'_>) -> (u8, u16) {
        let named = self.named(node, name);
        if self.rules == [NO_SLOT; 4] || named.0 != NO_SLOT && named.1 != NO_NODE || !self.filter.admits(name.text) {
            return named;
        }
        self.by_convention(node, name.text, named)
    }

    /// Which slots hold fields found by convention, one bit each. Several fields of a record may belong to one.
    pub(crate) fn rules(&self) -> u64 {
        self.rules.iter().filter(|slot| **slot != NO_SLOT).fold(0, |mask, slot| mask | 1 << slot)
    }

    #[inline]
    fn named(&self, node: u16, name: Name<'_>) -> (u8, u16) {
        let Some(object) = self.nodes.get(usize::from(node)) else { return (NO_SLOT, NO_NODE) };
        let mut at = object.buckets[name.hash()];
        while let Some(key) = object.keys.get(usize::from(at)) {
            if key.head == name.head && key.is(name.text) {
                return (key.slot, key.node);
            }
            at = key.next;
        }
        (NO_SLOT, NO_NODE)
    }

    /// Completes what the paths named say. Only the full parser comes here: shapes remember the answer.
    #[inline(never)]
    fn by_convention(&self, node: u16, key: &[u8], named: (u8, u16)) -> (u8, u16) {
        let context = match self.nodes.get(usize::from(node)) {
            Some(object) => object.context,
            None => match node.checked_sub(CONTEXTS).and_then(|at| OBJECTS.get(usize::from(at))) {
                Some(context) => *context,
                None => return named,
            },
        };
        let (mut slot, mut child) = named;
        if slot == NO_SLOT
            && let Some(class) = convention::class(context, key)
        {
            slot = self.rules[class as usize];
        }
        if child == NO_NODE
            && let Some(at) = OBJECTS.iter().position(|known| *known == convention::context(context, key))
        {
            child = CONTEXTS + at as u16;
        }
        (slot, child)
    }

    /// The paths looked for in order of preference, addresses or times.
    pub(crate) fn names(&self, times: bool) -> impl Iterator<Item = &[u8]> {
        let (first, count) = if times { (MAX_FIELDS, MAX_TIMES) } else { (0, MAX_FIELDS) };
        self.names.iter().skip(first).take(count).map(Vec::as_slice).filter(|name| !name.is_empty() && !is_rule(name))
    }

    /// The path of a slot.
    pub(crate) fn name(&self, slot: u8) -> &[u8] {
        self.names.get(usize::from(slot)).map_or(b"", Vec::as_slice)
    }

    fn add_all(&mut self, setting: &str, paths: &[u8], first: usize, room: usize) -> Result<(), String> {
        let refuse = |path: &[u8], why: &str| {
            Err(Message::new("setting `").text(setting).text("` names ").name(path).text(why).finish())
        };
        for (at, path) in paths.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).enumerate() {
            if at == room {
                return refuse(path, ", which is one path more than there is room for");
            }
            if path.split(|byte| *byte == b'.').any(<[u8]>::is_empty) {
                return refuse(path, ": expected paths separated by commas, such as `ip,source.ip`");
            }
            if path.len() > 255 || path.iter().filter(|byte| **byte == b'.').count() > 15 {
                return refuse(path, ": expected at most 16 keys and 255 bytes");
            }
            if self.names.iter().any(|name| name == path) {
                return refuse(path, ", which is named before: name each path once");
            }
            self.add(path, first + at);
        }
        Ok(())
    }

    fn add(&mut self, path: &[u8], slot: usize) {
        if let Some(name) = self.names.get_mut(slot) {
            name.extend_from_slice(path);
        }
        // Every place where a key may begin leads to every place behind it where one may end.
        let mut begins = Vec::from([(0, ROOT)]);
        for (dot, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'.') {
            let child = self.child(&begins, path, dot);
            begins.push((dot + 1, child));
        }
        for (begin, node) in begins {
            self.key(node, path.get(begin..).unwrap_or_default()).slot = slot as u8;
        }
    }

    /// The node for the first `dot` bytes of a path, reachable from all `begins`.
    fn child(&mut self, begins: &[(usize, u16)], path: &[u8], dot: usize) -> u16 {
        let mut child = NO_NODE;
        for (begin, node) in begins {
            child = child.min(self.key(*node, path.get(*begin..dot).unwrap_or_default()).node);
        }
        if child == NO_NODE {
            child = self.nodes.len() as u16;
            let context = convention::context(Context::Record, path.get(..dot).unwrap_or_default());
            self.nodes.push(Node { context, ..Node::default() });
        }
        for (begin, node) in begins {
            self.key(*node, path.get(*begin..dot).unwrap_or_default()).node = child;
        }
        child
    }

    fn key(&mut self, node: u16, text: &[u8]) -> &mut Key {
        let object = &mut self.nodes[usize::from(node)];
        let at = object.keys.iter().position(|key| key.text == text).unwrap_or(object.keys.len());
        if at == object.keys.len() {
            let name = Name::new(text);
            let bucket = &mut object.buckets[name.hash()];
            let key = Key { text: text.to_vec(), head: name.head, slot: NO_SLOT, node: NO_NODE, next: *bucket };
            *bucket = at as u16;
            object.keys.push(key);
        }
        &mut object.keys[at]
    }
}

fn is_rule(name: &[u8]) -> bool {
    RULES.iter().any(|rule| rule.as_bytes() == name)
}

// === impl Node ===

impl Default for Node {
    fn default() -> Self {
        Self { buckets: [NO_KEY; BUCKETS], keys: Vec::new(), context: Context::Other }
    }
}

// === impl Key ===

impl Key {
    /// Whether this is the key, if the first eight bytes are known to be the same.
    #[inline]
    fn is(&self, text: &[u8]) -> bool {
        self.text.len() == text.len() && (text.len() <= 8 || self.text == text)
    }
}
