//! `tallygate plugin`: the plugins of a running gateway, over its operations port, and the workshop, which needs none.

mod answers;
mod deployed;
mod difference;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::client::{self, Client, Reply, Target, bearer};
use super::terminal::Terminal;
use super::workshop::{self, Command, Surroundings};
use answers::{Deployed, ErrorAnswer, Plugins, RolledBack};
use deployed::Outcome;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Write the folder of a new plugin
    New(workshop::New),
    /// Build a plugin: its folder gets NAME.wasm
    Build(workshop::Build),
    /// Judge the records of a plugin's tests, and compare with what is expected
    Test(workshop::Test),
    /// Read records from standard input, and tell what a plugin makes of each
    Run(workshop::Run),
    /// Measure what a record costs a plugin
    Bench(workshop::Bench),
    /// Tell what a component is, asks for and can be told
    Inspect(workshop::Inspect),
    /// Build and test a plugin whenever a source is saved
    Watch(workshop::Watch),
    /// List the plugins that serve
    List(Gateway),
    /// Upload a component and let it serve, if it does on past records what the one before it did
    Deploy(Deploy),
    /// Let the generation before the current one serve again
    Rollback(Rollback),
}

#[derive(Args)]
pub(super) struct Gateway {
    /// The operations port of the gateway
    #[arg(long, env = "TALLYGATE_URL", value_parser = client::target, default_value = "http://127.0.0.1:9102")]
    url: Target,
    /// Print the gateway's answer, which is JSON, as it came
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Deploy {
    /// The component
    file: PathBuf,
    /// Which plugin it is to be
    #[arg(long, value_parser = name)]
    name: String,
    /// Tell what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Let it serve even if it answers otherwise than the one before it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Args)]
pub(super) struct Rollback {
    /// Which plugin
    #[arg(value_parser = name)]
    name: String,
    #[command(flatten)]
    gateway: Gateway,
}

/// Where `watch` deploys to.
#[derive(Args)]
pub(super) struct DeployTo {
    /// Which plugin of the gateway it is to be [default: the name in plugin.toml]
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Let it serve even if it answers otherwise than the one before it
    #[arg(long)]
    force: bool,
    /// The operations port of the gateway
    #[arg(long, env = "TALLYGATE_URL", value_parser = client::target, default_value = "http://127.0.0.1:9102")]
    url: Target,
}

const WASM: &str = "application/wasm";
const NOTHING: client::Content = (WASM, Bytes::new());

pub(super) fn run(command: &Plugin, surroundings: &Surroundings) -> Result<ExitCode> {
    let workshop = |command: Command<'_>| workshop::run(&command, surroundings);
    match command {
        Plugin::New(arguments) => workshop(Command::New(arguments)),
        Plugin::Build(arguments) => workshop(Command::Build(arguments)),
        Plugin::Test(arguments) => workshop(Command::Test(arguments)),
        Plugin::Run(arguments) => workshop(Command::Run(arguments)),
        Plugin::Bench(arguments) => workshop(Command::Bench(arguments)),
        Plugin::Inspect(arguments) => workshop(Command::Inspect(arguments)),
        Plugin::Watch(arguments) => workshop(Command::Watch(arguments)),
        Plugin::List(gateway) => {
            let terminal = surroundings.terminal();
            let Some(client) = client(&gateway.url, surroundings) else { return Ok(WRONG_USAGE.into()) };
            let reply = client.send(Method::GET, "/admin/plugins", NOTHING)?;
            conclude(&reply, gateway, &terminal, |plugins: &Plugins| Outcome::done(table::list(plugins, &terminal)))
        }
        Plugin::Deploy(arguments) => deploy(arguments, surroundings),
        Plugin::Rollback(Rollback { name, gateway }) => {
            let terminal = surroundings.terminal();
            let Some(client) = client(&gateway.url, surroundings) else { return Ok(WRONG_USAGE.into()) };
            let reply = client.send(Method::POST, &format!("/admin/plugins/{name}/rollback"), NOTHING)?;
            conclude(&reply, gateway, &terminal, |back: &RolledBack| Outcome::done(deployed::rolled_back(back)))
        }
    }
}

/// The exit code of a command that was called wrongly.
const WRONG_USAGE: u8 = 2;

fn deploy(deploy: &Deploy, surroundings: &Surroundings) -> Result<ExitCode> {
    let terminal = surroundings.terminal();
    let Some(client) = client(&deploy.gateway.url, surroundings) else { return Ok(WRONG_USAGE.into()) };
    let component = std::fs::read(&deploy.file).with_context(|| format!("cannot read {}", deploy.file.display()))?;
    let reply = client.send(Method::PUT, &path_of(deploy), (WASM, component.into()))?;
    conclude(&reply, &deploy.gateway, &terminal, |deployed: &Deployed| deployed::deployed(deployed, &terminal))
}

/// A client with the token of the environment. `None`, and a message, if that is no token.
fn client(url: &Target, surroundings: &Surroundings) -> Option<Client> {
    match bearer(surroundings.token.clone()) {
        Ok(token) => Some(Client { target: url.clone(), token: Some(token) }),
        Err(problem) => {
            eprintln!("tallygate: {problem}");
            None
        }
    }
}

// === impl DeployTo ===

impl DeployTo {
    /// Deploys a component, and tells what became of it.
    pub(super) fn deploy(&self, file: &Path, name: &str, surroundings: &Surroundings) -> Result<ExitCode> {
        let name = self.name.clone().unwrap_or_else(|| name.to_owned());
        let gateway = Gateway { url: self.url.clone(), json: false };
        let arguments = Deploy { file: file.to_owned(), name, dry_run: false, force: self.force, gateway };
        deploy(&arguments, surroundings)
    }
}

fn path_of(deploy: &Deploy) -> String {
    let flags = [("dry_run=true", deploy.dry_run), ("force=true", deploy.force)];
    let given: Vec<_> = flags.into_iter().filter_map(|(flag, given)| given.then_some(flag)).collect();
    let mark = if given.is_empty() { "" } else { "?" };
    format!("/admin/plugins/{}{mark}{}", deploy.name, given.join("&"))
}

/// Prints what the gateway answered, for people as `describe` or a refusal puts it.
fn conclude<T: DeserializeOwned>(
    reply: &Reply,
    gateway: &Gateway,
    terminal: &Terminal,
    describe: impl FnOnce(&T) -> Outcome,
) -> Result<ExitCode> {
    let mut stdout = super::terminal::stdout();
    let refusal = reply.read::<ErrorAnswer>().ok().filter(|refusal| refusal.error.code == "refused");
    let outcome = match (reply.status, refusal) {
        (StatusCode::OK, _) => describe(&reply.read()?),
        (StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY, Some(refusal)) => {
            deployed::refused(&refusal, terminal)
        }
        _ => {
            if gateway.json
                && let Some(json) = reply.json()
            {
                writeln!(stdout, "{json}")?;
            }
            bail!("{}", reply.failure(&gateway.url));
        }
    };
    match reply.json().filter(|_| gateway.json) {
        Some(json) => writeln!(stdout, "{json}")?,
        None => writeln!(stdout, "{}", outcome.text)?,
    }
    Ok(if outcome.done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn name(text: &str) -> Result<String, &'static str> {
    if crate::config::is_plugin_name(text) { Ok(text.to_owned()) } else { Err(crate::config::PLUGIN_NAME) }
}
