//! Which plugin judges a request.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Active;
use crate::config::{Config, DEFAULT_PATH, DEFAULT_PLUGIN};

/// The routes in the order of the configuration; the first that matches wins.
pub(crate) struct Routes {
    routes: Vec<Route>,
    /// Every path on which something may be posted.
    paths: Vec<String>,
    default: Arc<Active>,
}

/// All parts that are given must match.
struct Route {
    path: Option<String>,
    content_type: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    active: Arc<Active>,
}

/// Why no plugin is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    NoSuchPath,
    NotPost,
}

// === impl Routes ===

impl Routes {
    pub(super) fn new(config: &Config, plugins: &[Arc<Active>]) -> Self {
        let named = |name: &str| {
            let found = plugins.iter().find(|active| active.plugin.name() == name);
            Arc::clone(found.expect("a checked configuration names only plugins that were loaded"))
        };
        let routes: Vec<_> = config
            .routes
            .iter()
            .map(|route| Route {
                path: route.path.clone(),
                content_type: route.content_type.clone(),
                headers: route.headers.clone(),
                active: named(&route.plugin),
            })
            .collect();
        let paths = routes.iter().filter_map(|route| route.path.clone()).chain([DEFAULT_PATH.to_owned()]).collect();
        Self { routes, paths, default: named(DEFAULT_PLUGIN) }
    }

    /// The plugin for a request.
    pub(crate) fn find(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<&Arc<Active>, Refused> {
        if !self.paths.iter().any(|known| known == path) {
            return Err(Refused::NoSuchPath);
        }
        if method != Method::POST {
            return Err(Refused::NotPost);
        }
        let matching = self.routes.iter().find(|route| route.matches(path, headers));
        Ok(matching.map_or(&self.default, |route| &route.active))
    }
}

// === impl Route ===

impl Route {
    fn matches(&self, path: &str, headers: &HeaderMap) -> bool {
        self.path.as_deref().is_none_or(|own| own == path)
            && self.content_type.as_deref().is_none_or(|own| media_type(headers).eq_ignore_ascii_case(own))
            && self.headers.iter().all(|(name, value)| headers.get_all(name).iter().any(|given| given == value))
    }
}

/// The media type of the request without its parameters; empty if it has none that can be read.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}
