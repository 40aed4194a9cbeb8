//! The configuration: raw text and overrides in, checked values or every problem at once out.

mod document;
mod paths;
mod secret;
mod section;
mod units;
mod visits;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tallygate_index::Ipv6Policy;
use tallygate_plugin_host::Limits;

pub(crate) use document::Override;
use document::{Origin, Table};
pub(crate) use secret::Secret;
use section::Section;
pub(crate) use visits::{EventTime, Visits};

/// A checked configuration.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) log_level: tracing::Level,
    pub(crate) ingest: Ingest,
    pub(crate) ops: Ops,
    pub(crate) addresses: Ipv6Policy,
    pub(crate) swap: Swap,
    pub(crate) visits: Visits,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) routes: Vec<Route>,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Problem>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ingest {
    pub(crate) listen: SocketAddr,
    pub(crate) max_body: usize,
    pub(crate) max_decompressed: usize,
    pub(crate) max_record: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) workers: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ops {
    pub(crate) listen: SocketAddr,
    /// What a request for administration must bring; `None`: there is no administration.
    pub(crate) admin_token: Option<Secret>,
    /// What a question must bring; `None`: questions are answered on this machine alone.
    pub(crate) read_token: Option<Secret>,
}

/// How a plugin takes the place of the one before it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Swap {
    /// Real records kept of each route, to try a new plugin on; 0: none.
    pub(crate) replay_records: usize,
    /// Bytes of them, of one route.
    pub(crate) replay_bytes: usize,
    /// The share of the records replayed whose outcome may differ, from 0 to 1.
    pub(crate) max_difference: f64,
    /// How long a new plugin is compared with the one before it while it serves; zero: not at all.
    pub(crate) probation: Duration,
    /// How often files are looked at where the system does not tell that they changed.
    pub(crate) poll: Duration,
    /// Processor time of compiling one plugin.
    pub(crate) compile_time: Duration,
    /// Memory of compiling one plugin, in bytes.
    pub(crate) compile_memory: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    /// `None`: the one of this name that ships in the binary.
    pub(crate) path: Option<PathBuf>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) limits: Limits,
    /// Where in the configuration it stands, for messages.
    pub(crate) origin: Origin,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Route {
    pub(crate) path: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) plugin: String,
    /// Where in the configuration it stands, for messages.
    pub(crate) origin: Origin,
}

/// Something wrong with the configuration.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Problem {
    pub(crate) origin: Origin,
    pub(crate) message: String,
}

/// All that is wrong with a configuration. Never empty.
#[derive(Debug)]
pub(crate) struct Problems {
    pub(crate) file: Option<PathBuf>,
    pub(crate) problems: Vec<Problem>,
}

/// The route that needs no configuration, and the plugin that serves what no route claims.
pub(crate) const DEFAULT_PATH: &str = "/logs";
pub(crate) const DEFAULT_PLUGIN: &str = "json";

/// What a name must be for [`is_plugin_name`].
pub(crate) const PLUGIN_NAME: &str = "a plugin's name is letters, digits, '-' and '_', at most 64 of them";

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

// === impl Config ===

impl Config {
    /// Reads the file, if there is one, lays the overrides over it and checks the whole.
    pub(crate) fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Self, Problems> {
        let text = file.map(|path| (path, std::fs::read_to_string(path)));
        let text = match text {
            Some((path, Err(error))) => {
                let message = format!("cannot read {}: {error}", path.display());
                let problems = vec![Problem { origin: Origin::Whole, message }];
                return Err(Problems { file: None, problems });
            }
            Some((_, Ok(text))) => text,
            None => String::new(),
        };
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        Self::parse(&text, folder, overrides)
            .map_err(|problems| Problems { file: file.map(Path::to_path_buf), problems })
    }

    /// Checks a configuration given as text. Paths in it are relative to `folder`.
    pub(crate) fn parse(text: &str, folder: &Path, overrides: &[Override]) -> Result<Self, Vec<Problem>> {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        let document = document::parse(text, overrides, &mut problems, &mut |document| {
            paths::resolve(document, folder, &mut warnings);
        });
        if !problems.is_empty() {
            // What was read of a file with errors of syntax would only give rise to problems that it does not have.
            return Err(problems);
        }
        let mut config = read(document, &mut problems);
        warnings.append(&mut unreachable_routes(&config.routes));
        config.warnings = warnings;
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What is allowed and probably not meant, for people; `file` is where it was read from.
    pub(crate) fn warnings(&self, file: Option<&Path>) -> Vec<String> {
        self.warnings.iter().map(|warning| warning.shown(file)).collect()
    }

    /// The plugins that a gateway with this configuration runs: those of the file, and those shipped ones that a route
    /// or the default asks for.
    pub(crate) fn all_plugins(&self) -> Vec<Plugin> {
        let mut all = self.plugins.clone();
        let named = self.routes.iter().map(|route| route.plugin.as_str()).chain([DEFAULT_PLUGIN]);
        for name in named {
            if all.iter().all(|plugin| plugin.name != name) {
                all.push(Plugin::shipped(name));
            }
        }
        all
    }
}

impl Plugin {
    fn shipped(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: None,
            settings: Vec::new(),
            limits: Limits::default(),
            origin: Origin::Whole,
        }
    }
}

impl Route {
    /// Whether every request that another route matches is one that this one does.
    fn matches_all_of(&self, other: &Self) -> bool {
        let type_of = |route: &Self| route.content_type.as_deref().map(str::to_ascii_lowercase);
        self.path.as_ref().is_none_or(|path| other.path.as_ref() == Some(path))
            && type_of(self).is_none_or(|own| type_of(other) == Some(own))
            && self.headers.iter().all(|header| other.headers.contains(header))
    }

    /// The one that claims what no other does.
    pub(crate) fn everything(plugin: &str) -> Self {
        let plugin = plugin.to_owned();
        Self { path: None, content_type: None, headers: Vec::new(), plugin, origin: Origin::Whole }
    }
}

fn read(document: Table, problems: &mut Vec<Problem>) -> Config {
    let mut root = Section::root(document, problems);
    let config = Config {
        data_dir: root.take("data_dir", units::path, PathBuf::from("tallygate-data")),
        log_level: root.take("log_level", units::log_level, tracing::Level::INFO),
        ingest: ingest(root.section("ingest")),
        ops: ops(root.section("ops")),
        addresses: addresses(root.section("addresses")),
        swap: swap(root.section("swap")),
        visits: visits::read(&mut root),
        plugins: root.named_sections("plugins").read(plugin),
        routes: root.sections("routes").read(route).into_iter().flatten().collect(),
        warnings: Vec::new(),
    };
    let problems = root.finish();
    if config.ingest.listen == config.ops.listen && config.ops.listen.port() != 0 {
        let message = format!("ingest.listen and ops.listen are both {}", config.ops.listen);
        problems.push(Problem { origin: Origin::Whole, message });
    }
    check_names(&config, problems);
    config
}

fn ingest(mut section: Section<'_>) -> Ingest {
    let ingest = Ingest {
        listen: section.take("listen", units::address, SocketAddr::from(([0, 0, 0, 0], 5000))),
        max_body: section.take("max_body", units::size, 16 * MIB),
        max_decompressed: section.take("max_decompressed", units::size, 64 * MIB),
        max_record: section.take("max_record", units::size, MIB),
        max_in_flight: section.take("max_in_flight", units::size, 256 * MIB),
        max_connections: section.take("max_connections", units::count, 16384),
        header_timeout: section.take("header_timeout", units::duration, Duration::from_secs(10)),
        body_timeout: section.take("body_timeout", units::duration, Duration::from_secs(30)),
        idle_timeout: section.take("idle_timeout", units::duration, Duration::from_secs(75)),
        drain_timeout: section.take("drain_timeout", units::duration, Duration::from_secs(30)),
        workers: section.take("workers", units::count_or_zero, 0),
    };
    if ingest.max_in_flight < ingest.max_body.max(ingest.max_record) {
        section.problem("max_in_flight", "max_in_flight must be at least max_body and max_record");
    }
    section.finish();
    ingest
}

fn ops(mut section: Section<'_>) -> Ops {
    let listen = section.take("listen", units::address, SocketAddr::from(([0, 0, 0, 0], 9102)));
    let admin_token = token(&mut section, "admin_token", "admin_token_file");
    let read_token = token(&mut section, "read_token", "read_token_file");
    section.finish();
    Ops { listen, admin_token, read_token }
}

fn token(section: &mut Section<'_>, key: &'static str, key_of_file: &'static str) -> Option<Secret> {
    section.at_most_one(key, key_of_file);
    let given = section.take(key, |value| units::secret(value).map(Some), None);
    let in_file = section.take(key_of_file, |value| units::secret_file(value).map(Some), None);
    given.or(in_file)
}

fn addresses(mut section: Section<'_>) -> Ipv6Policy {
    let default = Ipv6Policy::default();
    let policy = Ipv6Policy {
        granularity: section.take("ipv6", units::granularity, default.granularity),
        cap_per_64: section.take("max_per_64", units::cap, default.cap_per_64),
    };
    section.finish();
    policy
}

fn swap(mut section: Section<'_>) -> Swap {
    let swap = Swap {
        replay_records: section.take("replay_records", units::count_or_zero, 10_000),
        replay_bytes: section.take("replay_bytes", units::size, 16 * MIB),
        max_difference: section.take("max_difference", units::share, 0.01),
        probation: section.take("probation", units::duration_or_zero, Duration::from_secs(60)),
        poll: section.take("poll", units::duration, Duration::from_secs(2)),
        compile_time: section.take("compile_time", units::duration, Duration::from_secs(60)),
        compile_memory: section.take("compile_memory", units::size, 2 * GIB),
    };
    section.finish();
    swap
}

fn plugin((name, mut section): (String, Section<'_>)) -> Plugin {
    let path = section.take("path", |value| units::path(value).map(Some), None);
    let settings = section.take("settings", units::settings, Vec::new());
    let mut limits = section.section("limits");
    let defaults = Limits::default();
    let checked = Limits {
        memory: limits.take("memory", units::size, defaults.memory),
        time: limits.take("time", units::duration, defaults.time),
    };
    limits.finish();
    if !is_plugin_name(&name) {
        section.problem("", PLUGIN_NAME);
    }
    let origin = section.origin().clone();
    section.finish();
    Plugin { name, path, settings, limits: checked, origin }
}

fn route((_, mut section): (String, Section<'_>)) -> Option<Route> {
    let path = section.take("path", |value| units::route_path(value).map(Some), None);
    let content_type = section.take("content_type", |value| units::media_type(value).map(Some), None);
    let headers = section.take("header", units::headers, Vec::new());
    let plugin = section.require("plugins", units::one_plugin);
    if path.is_none() && content_type.is_none() && headers.is_empty() {
        section.problem("", "a route needs at least one of path, content_type and header");
    }
    let origin = section.origin().clone();
    section.finish();
    Some(Route { path, content_type, headers, plugin: plugin?, origin })
}

/// Routes that get nothing, as another before them matches all that they do.
fn unreachable_routes(routes: &[Route]) -> Vec<Problem> {
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

/// Every plugin that a route names must be one that exists.
fn check_names(config: &Config, problems: &mut Vec<Problem>) {
    let shipped = crate::shipped::NAMES;
    let known = |name: &str| shipped.contains(&name) || config.plugins.iter().any(|plugin| plugin.name == name);
    for route in config.routes.iter().filter(|route| !known(&route.plugin)) {
        let message = format!(
            "a route names the plugin \"{}\", but there is no [plugins.{0}] and the plugins shipped are {}",
            route.plugin,
            shipped.join(", ")
        );
        problems.push(Problem { origin: route.origin.clone(), message });
    }
    for plugin in &config.plugins {
        if plugin.path.is_none() && !shipped.contains(&plugin.name.as_str()) {
            let message = format!(
                "plugins.{} has no path, and no plugin of that name is shipped (shipped: {})",
                plugin.name,
                shipped.join(", ")
            );
            problems.push(Problem { origin: plugin.origin.clone(), message });
        }
    }
}

/// Names stand in routes, metrics and URLs, as they are.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(fits)
}

// === impl Problem ===

impl Problem {
    /// With the place where it stands.
    pub(crate) fn shown(&self, file: Option<&Path>) -> String {
        let place = match (file, &self.origin) {
            (Some(file), Origin::Line(line)) => format!("{}:{line}: ", file.display()),
            (Some(file), Origin::Whole) => format!("{}: ", file.display()),
            (None, Origin::Line(line)) => format!("line {line}: "),
            (None, Origin::Whole) => String::new(),
            (_, Origin::Override(name)) => format!("{name}: "),
        };
        place + &self.message
    }
}

// === impl Problems ===

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.problems.iter().map(|problem| problem.shown(self.file.as_deref())).collect();
        formatter.write_str(&all.join("\n"))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests;
