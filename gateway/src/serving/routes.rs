//! Which plugin judges a request.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Active;
use super::samples::{Bounds, Samples};
use crate::config::{self, Config, DEFAULT_PATH, DEFAULT_PLUGIN};

/// The routes in the order of the configuration; the first that matches wins.
pub(crate) struct Routes {
    /// The last one claims what no other does.
    routes: Vec<Route>,
    /// Every path on which something may be posted.
    paths: Vec<String>,
}

/// All parts that are given must match.
pub(crate) struct Route {
    path: Option<String>,
    content_type: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) active: Arc<Active>,
    /// Whether records that name no client are rejected.
    pub(crate) requires_client: bool,
    /// What came in on this route lately.
    pub(crate) samples: Arc<Samples>,
}

/// Why no plugin is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoRoute {
    NoSuchPath,
    NotPost,
}

// === impl Routes ===

impl Routes {
    pub(super) fn new(config: &Config, plugins: &[Arc<Active>], before: Option<&Self>, workers: usize) -> Self {
        let named = |name: &str| {
            let found = plugins.iter().find(|active| active.plugin.name() == name);
            Arc::clone(found.expect("a checked configuration names only plugins that were loaded"))
        };
        let bounds = Bounds { records: config.swap.replay_records, bytes: config.swap.replay_bytes };
        let complete = |route: &config::Route| {
            let mut route = Route {
                path: route.path.clone(),
                content_type: route.content_type.clone(),
                headers: route.headers.clone(),
                active: named(&route.plugin),
                requires_client: route.requires_client,
                samples: Arc::new(Samples::new(bounds, workers)),
            };
            let same = |other: &&Route| other.is_same(&route) && other.samples.bounds() == bounds;
            if let Some(same) = before.and_then(|before| before.routes.iter().find(same)) {
                route.samples = Arc::clone(&same.samples);
            }
            route
        };
        let default = config::Route::everything(DEFAULT_PLUGIN);
        let routes: Vec<_> = config.routes.iter().chain([&default]).map(complete).collect();
        let paths = routes.iter().filter_map(|route| route.path.clone()).chain([DEFAULT_PATH.to_owned()]).collect();
        Self { routes, paths }
    }

    /// The route of a request. A path may be written in other ways, with escapes for letters that need none.
    pub(crate) fn find(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<&Route, NoRoute> {
        let is_known = |path: &str| self.paths.iter().any(|known| known == path);
        let decoded = if is_known(path) { None } else { decode(path) };
        let path = decoded.as_deref().unwrap_or(path);
        if !is_known(path) {
            return Err(NoRoute::NoSuchPath);
        }
        if method != Method::POST {
            return Err(NoRoute::NotPost);
        }
        let matching = self.routes.iter().find(|route| route.matches(path, headers));
        Ok(matching.expect("the last route matches everything"))
    }

    /// The routes whose records a plugin judges.
    pub(crate) fn of<'a>(&'a self, plugin: &'a str) -> impl Iterator<Item = &'a Route> {
        self.routes.iter().filter(move |route| route.active.plugin.name() == plugin)
    }
}

// === impl Route ===

impl Route {
    /// What it matches, for people.
    pub(crate) fn name(&self) -> String {
        let headers =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        let parts: Vec<_> = self.path.iter().chain(&self.content_type).cloned().chain(headers).collect();
        if parts.is_empty() { "default".to_owned() } else { parts.join(" ") }
    }

    fn matches(&self, path: &str, headers: &HeaderMap) -> bool {
        self.path.as_deref().is_none_or(|own| own == path)
            && self.content_type.as_deref().is_none_or(|own| media_type(headers).eq_ignore_ascii_case(own))
            && self.headers.iter().all(|(name, value)| headers.get_all(name).iter().any(|given| given == value))
    }

    /// Whether the same requests go to a plugin of the same name.
    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path
            && self.content_type == other.content_type
            && self.headers == other.headers
            && self.active.plugin.name() == other.active.plugin.name()
    }
}

/// A path without its escapes, once: what comes out is not looked at again. A slash that is escaped separates nothing, and stays
/// as it is. `None` if there is none, or what they stand for is no text.
fn decode(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    if decoded.len() == path.len() {
        return None;
    }
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_escape = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u8::from_str_radix(digits, 16).ok().filter(|_| is_escape)? {
            b'/' => decoded.extend_from_slice(&[b"%", digits.as_bytes()].concat()),
            byte => decoded.push(byte),
        }
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded).ok()
}

/// The media type of the request without its parameters; empty if it has none that can be read.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_once_and_make_no_slash() {
        for (path, decoded) in [
            ("/%6Cogs", "/logs"),
            ("/%6c%6F%67%73", "/logs"),
            ("/logs%2Fx", "/logs%2Fx"),
            ("/%256Cogs", "/%6Cogs"),
            ("/caf%C3%A9", "/café"),
        ] {
            assert_eq!(decode(path).as_deref(), Some(decoded), "{path}");
        }
        for path in ["/logs", "", "/%", "/%6", "/%zz", "/%+6", "/%é", "/%ff", "/lo%gs"] {
            assert_eq!(decode(path), None, "{path}");
        }
    }
}
