//! Which fields are looked for, and where: the settings `fields` and `time`.

use alloc::{string::String, vec::Vec};

use tallygate_guest::Message;

/// Where clients' addresses are looked for when the setting `fields` is absent, most preferred first.
pub(crate) const DEFAULT_FIELDS: &str = "ip,client_ip,clientip,clientIp,clientIP,ClientIP,client_addr,clientAddress,\
remote_addr,remote_ip,remoteAddr,remoteAddress,remoteIp,remoteIP,remote_address,remote,source.ip,client.ip,\
request.client_ip,request.remote_ip,httpRequest.remoteIp,sourceIPAddress,source_ip,sourceIP,src_ip,srcip,\
visitor_ip,ip_address,ipAddress,ClientHost,c-ip,real_ip,x_real_ip,x-real-ip,addr.remote,attr.remote,\
eventData.sourceIP,downstream_remote_address,remote_host,client,x_forwarded_for,x-forwarded-for,X-Forwarded-For,\
xff,http_x_forwarded_for";

/// Where event times are looked for when the setting `time` is absent, most preferred first.
pub(crate) const DEFAULT_TIMES: &str = "timestamp,@timestamp,time,ts,eventTime,datetime,date,start_time,StartUTC,EdgeStartTimestamp,time_iso8601,time_local,msec,t.$date";

/// How many address fields can be named. The slots up to this one are theirs.
pub(crate) const MAX_FIELDS: usize = 48;
/// How many time fields can be named.
pub(crate) const MAX_TIMES: usize = 15;
/// The slot of values that are not looked for.
pub(crate) const NO_SLOT: u8 = 63;
/// The node of objects beneath which nothing is looked for.
pub(crate) const NO_NODE: u16 = u16::MAX;
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
}

#[derive(Default)]
struct Node {
    /// One bit for each [`hash`] of a key, so that most keys of a record are told apart without a comparison.
    seen: u64,
    keys: Vec<Key>,
}

struct Key {
    text: Vec<u8>,
    slot: u8,
    node: u16,
}

// === impl Fields ===

impl Fields {
    /// Reads the settings.
    pub(crate) fn new(settings: &[(String, String)]) -> Result<Self, String> {
        let mut fields = DEFAULT_FIELDS;
        let mut times = DEFAULT_TIMES;
        for (name, value) in settings {
            match name.as_str() {
                "fields" => fields = value,
                "time" => times = value,
                _ => {
                    let message = Message::new("unknown setting ").name(name.as_bytes());
                    return Err(message.text(": the settings are `fields` and `time`").finish());
                }
            }
        }
        let mut tree = Self { nodes: Vec::from([Node::default()]), names: Vec::new() };
        tree.names.resize(MAX_FIELDS + MAX_TIMES, Vec::new());
        tree.add_all("fields", fields.as_bytes(), 0, MAX_FIELDS)?;
        if !times.as_bytes().trim_ascii().is_empty() {
            tree.add_all("time", times.as_bytes(), MAX_FIELDS, MAX_TIMES)?;
        }
        Ok(tree)
    }

    /// What `key` means in an object that is `node`: the slot of its value, and the node its value is.
    #[inline]
    pub(crate) fn find(&self, node: u16, key: &[u8]) -> (u8, u16) {
        match self.nodes.get(usize::from(node)) {
            Some(object) if object.seen >> hash(key) & 1 != 0 => object.find(key),
            _ => (NO_SLOT, NO_NODE),
        }
    }

    /// The paths looked for in order of preference, addresses or times.
    pub(crate) fn names(&self, times: bool) -> impl Iterator<Item = &[u8]> {
        let (first, count) = if times { (MAX_FIELDS, MAX_TIMES) } else { (0, MAX_FIELDS) };
        self.names.iter().skip(first).take(count).map(Vec::as_slice).filter(|name| !name.is_empty())
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
            self.nodes.push(Node::default());
        }
        for (begin, node) in begins {
            self.key(*node, path.get(*begin..dot).unwrap_or_default()).node = child;
        }
        child
    }

    fn key(&mut self, node: u16, text: &[u8]) -> &mut Key {
        let object = &mut self.nodes[usize::from(node)];
        object.seen |= 1 << hash(text);
        let at = object.keys.iter().position(|key| key.text == text).unwrap_or(object.keys.len());
        if at == object.keys.len() {
            object.keys.push(Key { text: text.to_vec(), slot: NO_SLOT, node: NO_NODE });
        }
        &mut object.keys[at]
    }
}

// === impl Node ===

impl Node {
    #[inline(never)]
    fn find(&self, key: &[u8]) -> (u8, u16) {
        match self.keys.iter().find(|candidate| candidate.text == key) {
            Some(key) => (key.slot, key.node),
            None => (NO_SLOT, NO_NODE),
        }
    }
}

/// Below 64. Length and first letter tell most keys of a record apart.
#[inline]
fn hash(key: &[u8]) -> u32 {
    let first = key.first().copied().unwrap_or_default();
    (u32::from(first) + 11 * key.len() as u32) % 64
}
