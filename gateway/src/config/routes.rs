//! The sections `[[routes]]`: which plugin reads which requests.

use http::{HeaderName, HeaderValue};

use super::Problem;
use super::document::Origin;
use super::key::{Effect, Key, Keys, Kind, Rule, Shape};
use super::section::Section;
use super::units::{self, HEADERS, MEDIA_TYPE, ONE_PLUGIN, ROUTE_PATH, Unit};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Route {
    pub(crate) path: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) plugin: String,
    /// Whether records that name no client are rejected.
    pub(crate) requires_client: bool,
    /// Where in the configuration it stands, for messages.
    pub(crate) origin: Origin,
}

/// The route that needs no configuration.
pub(crate) const DEFAULT_PATH: &str = "/logs";

pub(super) const KEYS: Keys = Keys {
    shape: Shape::Array,
    rules: &[Rule::AtLeastOneOf(&["path", "content_type", "header"])],
    intro: "Which plugin reads which requests: the first route that matches wins. path, content_type and header must all match, \
            as far as they are given. What no route claims goes to json. Requests are taken in at /logs and at the paths of \
            routes.",
    example: r#"[[routes]]
path = "/logs/access"
plugins = ["access-log"]

[[routes]]
content_type = "text/plain"
header = { x-log-format = "clf" }
plugins = ["access-log"]"#,
    ..Keys::table(
        "routes",
        &[
            Key::optional(
                "path",
                &ROUTE_PATH,
                r#""/logs/access""#,
                Effect::Reload,
                "In each of an array of tables, `[[routes]]`: the path of the requests, exactly.",
            ),
            Key::optional(
                "content_type",
                &MEDIA_TYPE,
                r#""text/plain""#,
                Effect::Reload,
                "Their media type, without parameters.",
            ),
            Key::new("header", &HEADERS, "{}", Effect::Reload, "Headers that they have with exactly these values."),
            Key::required("plugins", &ONE_PLUGIN, Effect::Reload, "The plugin that reads them: an array of one name."),
            Key::new(
                "address",
                &ADDRESS,
                r#""required""#,
                Effect::Reload,
                r#"`"required"`: a record that names no client is rejected as `field-missing`. `"optional"`: it is accepted, and no visit."#,
            ),
        ],
    )
};

/// The second: records without an address are accepted.
const ADDRESS_IS: [&str; 2] = ["required", "optional"];
const ADDRESS: Unit<bool> = Unit { kind: Kind::Word(&ADDRESS_IS), read: |value| units::second_of(value, &ADDRESS_IS) };

/// `None` if it names no plugin, which is noted as a problem.
pub(super) fn read((_, mut section): (String, Section<'_>)) -> Option<Route> {
    let path = section.optional("path", &ROUTE_PATH);
    let content_type = section.optional("content_type", &MEDIA_TYPE);
    let headers = section.take("header", &HEADERS);
    let is_optional = section.take("address", &ADDRESS);
    let plugin = section.require("plugins", &ONE_PLUGIN);
    if path.is_none() && content_type.is_none() && headers.is_empty() {
        section.problem("", "a route needs at least one of path, content_type and header");
    }
    let origin = section.origin().clone();
    section.finish();
    Some(Route { path, content_type, headers, plugin: plugin?, requires_client: !is_optional, origin })
}

/// Routes that get nothing, as another before them matches all that they do.
pub(super) fn unreachable(routes: &[Route]) -> Vec<Problem> {
    let shadowed = |(at, route): (usize, &Route)| {
        let earlier = routes.iter().take(at).find(|earlier| earlier.matches_all_of(route))?;
        let which = match earlier.origin {
            Origin::Line(line) => format!("the route in line {line}"),
            _ => "a route before it".to_owned(),
        };
        let message = format!("this route gets nothing, as {which} matches all that it does and comes first");
        Some(Problem { origin: route.origin.clone(), message })
    };
    routes.iter().enumerate().filter_map(shadowed).collect()
}

// === impl Route ===

impl Route {
    /// The one that claims what no other does.
    pub(crate) fn everything(plugin: &str) -> Self {
        let plugin = plugin.to_owned();
        Self {
            path: None,
            content_type: None,
            headers: Vec::new(),
            plugin,
            requires_client: true,
            origin: Origin::Whole,
        }
    }

    /// Whether every request that another route matches is one that this one does.
    fn matches_all_of(&self, other: &Self) -> bool {
        let type_of = |route: &Self| route.content_type.as_deref().map(str::to_ascii_lowercase);
        self.path.as_ref().is_none_or(|path| other.path.as_ref() == Some(path))
            && type_of(self).is_none_or(|own| type_of(other) == Some(own))
            && self.headers.iter().all(|header| other.headers.contains(header))
    }
}
