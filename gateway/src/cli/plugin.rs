//! `tallygate plugin`: the plugins of a running gateway, over its operations port.

mod answers;
mod deployed;
mod difference;
mod table;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::client::{self, Client, Reply, Target, bearer};
use super::terminal::Terminal;
use answers::{Deployed, ErrorAnswer, Plugins, RolledBack};
use deployed::Outcome;

#[derive(Subcommand)]
pub(super) enum Plugin {
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

/// What the environment has to say about it.
pub(super) struct Environment {
    token: Option<OsString>,
    no_color: Option<OsString>,
}

const WASM: &str = "application/wasm";
const NOTHING: client::Content = (WASM, Bytes::new());

pub(super) fn run(command: &Plugin, environment: Environment) -> Result<ExitCode> {
    let terminal = Terminal::of_stdout(environment.no_color.as_deref());
    let token = match bearer(environment.token) {
        Ok(token) => token,
        Err(problem) => {
            eprintln!("tallygate: {problem}");
            return Ok(ExitCode::from(2));
        }
    };
    let (Plugin::List(gateway) | Plugin::Deploy(Deploy { gateway, .. }) | Plugin::Rollback(Rollback { gateway, .. })) =
        command;
    let client = Client { target: gateway.url.clone(), token: Some(token) };
    match command {
        Plugin::List(_) => {
            let reply = client.send(Method::GET, "/admin/plugins", NOTHING)?;
            conclude(&reply, gateway, &terminal, |plugins: &Plugins| Outcome::done(table::list(plugins, &terminal)))
        }
        Plugin::Deploy(deploy) => {
            let component = std::fs::read(&deploy.file);
            let component = component.with_context(|| format!("cannot read {}", deploy.file.display()))?;
            let reply = client.send(Method::PUT, &path_of(deploy), (WASM, component.into()))?;
            conclude(&reply, gateway, &terminal, |deployed: &Deployed| deployed::deployed(deployed, &terminal))
        }
        Plugin::Rollback(Rollback { name, .. }) => {
            let reply = client.send(Method::POST, &format!("/admin/plugins/{name}/rollback"), NOTHING)?;
            conclude(&reply, gateway, &terminal, |back: &RolledBack| Outcome::done(deployed::rolled_back(back)))
        }
    }
}

// === impl Environment ===

impl Environment {
    pub(super) fn read(variable: impl Fn(&'static str) -> Option<OsString>) -> Self {
        Self { token: variable(client::TOKEN), no_color: variable("NO_COLOR") }
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
