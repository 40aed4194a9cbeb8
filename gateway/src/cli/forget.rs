//! `tallygate forget`: addresses as if they had never come.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tallygate_disk::Folder;
use tallygate_index::Visits;
use tallygate_index::visits::Options;

use super::client::{Client, bearer};
use super::query::{Environment, Place, or_ask_it};
use crate::config::Config;
use crate::visits::{self, of_default};

#[derive(Args)]
pub(super) struct Forget {
    /// Addresses; or -, for one a line on standard input
    #[arg(required = true, value_name = "IP", value_parser = asked)]
    addresses: Vec<Asked>,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An argument.
#[derive(Clone)]
enum Asked {
    Address(IpAddr),
    StandardInput,
}

/// What became of it.
#[derive(Serialize, Deserialize)]
struct Forgotten {
    forgotten: usize,
    asked: usize,
}

pub(super) fn run(arguments: &Forget, environment: Environment) -> Result<ExitCode> {
    let wrong_usage = |problem: String| {
        eprintln!("tallygate: {problem}");
        Ok(ExitCode::from(2))
    };
    let addresses = match addresses(&arguments.addresses)? {
        Ok(addresses) => addresses,
        Err(problem) => return wrong_usage(problem),
    };
    let target = match arguments.place.gateway(&environment) {
        Ok(target) => target,
        Err(problem) => return wrong_usage(problem),
    };
    let forgotten = if let Some(target) = target {
        let token = match bearer(environment.token) {
            Ok(token) => token,
            Err(problem) => return wrong_usage(problem),
        };
        by_gateway(&Client { target, token: Some(token) }, &addresses)?
    } else {
        match arguments.place.config_source().load() {
            Ok(config) => in_folder(&config, &addresses)?,
            Err(problems) => {
                eprintln!("{problems}");
                return Ok(ExitCode::FAILURE);
            }
        }
    };
    let Forgotten { forgotten: number, asked } = forgotten;
    let text = if arguments.json {
        serde_json::to_string(&forgotten)?
    } else {
        let rest = if number < asked { "; the others had not come" } else { "" };
        format!("forgot {number} of {asked} addresses{rest}")
    };
    writeln!(super::terminal::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn by_gateway(client: &Client, addresses: &[IpAddr]) -> Result<Forgotten> {
    let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let reply = client.send(Method::POST, "/v1/forget", ("text/plain", list.join("\n").into()))?;
    if reply.status != StatusCode::OK {
        bail!("{}", reply.failure(&client.target));
    }
    reply.read()
}

fn in_folder(config: &Config, addresses: &[IpAddr]) -> Result<Forgotten> {
    let path = config.data_dir.join(visits::FOLDER);
    // Opening it would make one.
    ensure!(path.is_dir(), "there are no visits in {}", config.data_dir.display());
    let folder = Folder::open(&path).map_err(or_ask_it).context("the visits of the data directory")?;
    // Whatever the configuration says, and mostly there is none: nothing else is to go with the addresses.
    let options = Options { as_kept: true, ..visits::options(config) };
    let opened = Visits::open(Arc::new(folder), options, Arc::new(()));
    let (visits, _) = opened.with_context(|| format!("the visits in {}", path.display()))?;
    let forgotten = of_default(&visits)
        .forget(addresses)
        .context("whether they are forgotten is not certain; forget them again")?;
    visits.close();
    Ok(Forgotten { forgotten, asked: addresses.len() })
}

/// All addresses that are asked for. The inner error is about what stands on standard input.
fn addresses(asked: &[Asked]) -> Result<Result<Vec<IpAddr>, String>> {
    let mut all = Vec::new();
    for asked in asked {
        match asked {
            Asked::Address(address) => all.push(*address),
            Asked::StandardInput => {
                let mut list = Vec::new();
                std::io::stdin().read_to_end(&mut list).context("cannot read the addresses")?;
                match crate::query::addresses(&list) {
                    Ok(addresses) => all.extend(addresses),
                    Err((line, problem)) => return Ok(Err(format!("line {line}: {problem}; nothing was forgotten"))),
                }
            }
        }
    }
    Ok(Ok(all))
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "-" {
        return Ok(Asked::StandardInput);
    }
    crate::query::address(text).map(Asked::Address).map_err(|problem| problem.to_string())
}
