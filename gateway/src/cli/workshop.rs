//! The plugin workshop: the commands of `tallygate plugin` that need no running gateway. They run a plugin in the gateway's own
//! sandbox, with its limits.

mod bench;
mod build;
mod golden;
mod input;
mod inspect;
mod judge;
mod new;
mod run;
mod sandbox;
mod subject;
mod verdict;
mod watch;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::terminal::Terminal;
use crate::config::Override;
use sandbox::Sandbox;

pub(super) use bench::Bench;
pub(super) use build::Build;
pub(super) use golden::Test;
pub(super) use inspect::Inspect;
pub(super) use new::New;
pub(super) use run::Run;
pub(super) use watch::Watch;

/// What the process' environment says to the workshop.
pub(super) struct Surroundings {
    environment: tallygate_workshop::Environment,
    /// Where compiled components are kept.
    cache: Option<PathBuf>,
    no_color: Option<OsString>,
    pub(super) token: Option<OsString>,
    /// What it says of compiling, as to a gateway.
    overrides: Vec<Override>,
}

/// One of the commands.
pub(super) enum Command<'a> {
    New(&'a New),
    Build(&'a Build),
    Test(&'a Test),
    Run(&'a Run),
    Bench(&'a Bench),
    Inspect(&'a Inspect),
    Watch(&'a Watch),
}

pub(super) fn run(command: &Command<'_>, surroundings: &Surroundings) -> Result<ExitCode> {
    show_log(surroundings);
    match command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments, surroundings),
        Command::Test(arguments) => golden::run(arguments, surroundings),
        Command::Run(arguments) => run::run(arguments, surroundings),
        Command::Bench(arguments) => bench::run(arguments, surroundings),
        Command::Inspect(arguments) => inspect::run(arguments, surroundings),
        Command::Watch(arguments) => watch::run(arguments, surroundings),
    }
}

/// What plugins log goes to standard error, all of it; of the host, what an author should know.
fn show_log(surroundings: &Surroundings) {
    let targets = Targets::new()
        .with_target("tallygate_plugin_host::guest", tracing::Level::DEBUG)
        .with_default(tracing::Level::WARN);
    let coloured = std::io::stderr().is_terminal() && surroundings.no_color.is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .without_time()
        .with_target(false);
    tracing_subscriber::registry().with(targets).with(lines).init();
}

// === impl Surroundings ===

impl Surroundings {
    pub(super) fn read(variable: impl Fn(&'static str) -> Option<OsString>, overrides: Vec<Override>) -> Self {
        let of_compiling = |given: &Override| given.key.first().is_some_and(|section| section == "swap");
        let folder = |name| variable(name).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        Self {
            environment: tallygate_workshop::Environment {
                path: variable("PATH").unwrap_or_default(),
                cargo_target: folder("CARGO_TARGET_DIR"),
            },
            cache: cache.map(|cache| cache.join("tallygate/compiled")),
            no_color: variable("NO_COLOR").filter(|value| !value.is_empty()),
            token: variable(super::client::TOKEN),
            overrides: overrides.into_iter().filter(of_compiling).collect(),
        }
    }

    fn environment(&self) -> &tallygate_workshop::Environment {
        &self.environment
    }

    fn sandbox(&self) -> Result<Sandbox> {
        Sandbox::open(self.cache.clone(), &self.overrides)
    }

    pub(super) fn terminal(&self) -> Terminal {
        Terminal::of_stdout(self.no_color.as_deref())
    }
}
