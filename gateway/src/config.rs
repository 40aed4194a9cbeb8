//! The configuration: raw text and overrides in, checked values or every problem at once out.

mod addresses;
mod document;
mod ingest;
mod key;
mod ops;
mod paths;
mod plugins;
mod restart;
mod root;
mod routes;
mod secret;
mod section;
mod swap;
mod table;
mod units;
mod visits;

use std::fmt;
use std::path::{Path, PathBuf};

use tallygate_index::Ipv6Policy;

use document::{Origin, Table};
use section::{Notes, Section};

pub(crate) use document::Override;
pub(crate) use ingest::Ingest;
pub(crate) use ops::Ops;
pub(crate) use plugins::{DEFAULT_PLUGIN, PLUGIN_NAME, Plugin, is_plugin_name};
pub(crate) use restart::UntilRestart;
pub(crate) use routes::{DEFAULT_PATH, Route};
pub(crate) use secret::Secret;
pub(crate) use swap::Swap;
pub(crate) use units::{duration_from, size_from};
pub(crate) use visits::{EventTime, VisitKeeping};

/// A checked configuration.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) log_level: tracing::Level,
    pub(crate) ingest: Ingest,
    pub(crate) ops: Ops,
    pub(crate) addresses: Ipv6Policy,
    pub(crate) swap: Swap,
    pub(crate) visits: VisitKeeping,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) routes: Vec<Route>,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Problem>,
    /// What of it counts at the start alone.
    pub(crate) until_restart: UntilRestart,
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
        let (mut notes, mut warnings) = (Notes::default(), Vec::new());
        let document = document::parse(text, overrides, &mut notes.problems, &mut |document| {
            paths::resolve(document, folder, &mut warnings);
        });
        if !notes.problems.is_empty() {
            // What was read of a file with errors of syntax would only give rise to problems that it does not have.
            return Err(notes.problems);
        }
        let config = read(document, &mut notes);
        let Notes { problems, until_restart } = notes;
        warnings.append(&mut routes::unreachable(&config.routes));
        if problems.is_empty() { Ok(Self { warnings, until_restart, ..config }) } else { Err(problems) }
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

fn read(document: Table, notes: &mut Notes) -> Config {
    let mut root = Section::root(document, &root::KEYS, notes);
    let config = Config {
        data_dir: root.take("data_dir", &units::PATH_FROM_WORKING_DIRECTORY),
        log_level: root.take("log_level", &units::LOG_LEVEL),
        ingest: ingest::read(root.section(&ingest::KEYS)),
        ops: ops::read(root.section(&ops::KEYS)),
        addresses: addresses::read(root.section(&addresses::KEYS)),
        swap: swap::read(root.section(&swap::KEYS)),
        visits: visits::read(&mut root),
        plugins: root.named_sections(&plugins::KEYS).read(plugins::read),
        routes: root.sections(&routes::KEYS).read(routes::read).into_iter().flatten().collect(),
        warnings: Vec::new(),
        until_restart: UntilRestart::default(),
    };
    root.finish();
    if config.ingest.listen == config.ops.listen && config.ops.listen.port() != 0 {
        let message = format!("ingest.listen and ops.listen are both {}", config.ops.listen);
        notes.problems.push(Problem { origin: Origin::Whole, message });
    }
    check_names(&config, &mut notes.problems);
    config
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
mod schema;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod written;
