//! Who answers: a running gateway, or its data directory.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;
use http::HeaderValue;

use super::folder::Folder;
use super::gateway;
use crate::cli::client::{self, Client, Target};
use crate::config::Override;
use crate::query::{Format, Left, TopAsked};

/// Where visits are.
#[derive(Args)]
pub(in crate::cli) struct Place {
    /// The operations port of a running gateway [env: TALLYGATE_URL] [default: http://127.0.0.1:9102]
    #[arg(long, value_parser = client::target, conflicts_with_all = ["data_dir", "config"])]
    url: Option<Target>,
    /// The data directory of a gateway that does not run
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration of that gateway, for its data directory, retention and addresses.ipv6
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What the environment has to say about it.
pub(in crate::cli) struct Environment {
    pub(super) url: Option<OsString>,
    pub(in crate::cli) token: Option<OsString>,
}

pub(in crate::cli) enum Source {
    Gateway(Client),
    Folder(Box<Folder>),
}

/// The ends of a range, as they were written.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
}

const URL: &str = "http://127.0.0.1:9102";

// === impl Place ===

impl Place {
    /// The gateway to ask, if it is one.
    pub(in crate::cli) fn gateway(&self, environment: &Environment) -> Result<Option<Target>, String> {
        if self.data_dir.is_some() || self.config.is_some() {
            return Ok(None);
        }
        if let Some(url) = &self.url {
            return Ok(Some(url.clone()));
        }
        let url = environment.url.as_deref().filter(|url| !url.is_empty());
        let url = url.map_or(Some(URL), |url| url.to_str()).ok_or("TALLYGATE_URL is not text")?;
        client::target(url).map(Some).map_err(|problem| format!("TALLYGATE_URL: {problem}"))
    }

    /// The configuration of the data directory.
    pub(in crate::cli) fn source(&self) -> crate::reload::ConfigSource {
        let mut overrides = crate::cli::from_environment();
        if let Some(data_dir) = &self.data_dir {
            let value = data_dir.to_string_lossy().into_owned();
            overrides.push(Override { name: "--data-dir".to_owned(), key: vec!["data_dir".to_owned()], value });
        }
        crate::reload::ConfigSource { file: self.config.clone(), overrides }
    }
}

// === impl Source ===

impl Source {
    /// Finds who answers. The inner error is for what has been told already.
    pub(in crate::cli) fn open(
        place: &Place,
        environment: &Environment,
        token: Option<HeaderValue>,
    ) -> Result<Result<Self, ExitCode>> {
        match place.gateway(environment) {
            Ok(Some(target)) => Ok(Ok(Self::Gateway(Client { target, token }))),
            Ok(None) => match place.source().load() {
                Ok(config) => Ok(Ok(Self::Folder(Box::new(Folder::open(&config)?)))),
                Err(problems) => {
                    eprintln!("{problems}");
                    Ok(Err(ExitCode::FAILURE))
                }
            },
            Err(problem) => {
                eprintln!("tallygate: {problem}");
                Ok(Err(ExitCode::from(2)))
            }
        }
    }

    pub(super) fn visited(
        &self,
        ends: Ends<'_>,
        list: Box<dyn Read + Send>,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Gateway(client) => gateway::visited(client, ends, list, take),
            Self::Folder(folder) => folder.visited(ends, list, take),
        }
    }

    pub(super) fn distinct(&self, ends: Ends<'_>, by: Option<&'static str>) -> Result<Vec<u8>> {
        match self {
            Self::Gateway(client) => gateway::distinct(client, ends, by),
            Self::Folder(folder) => folder.distinct(ends, by),
        }
    }

    pub(super) fn top(&self, ends: Ends<'_>, asked: TopAsked) -> Result<Vec<u8>> {
        match self {
            Self::Gateway(client) => gateway::top(client, ends, asked),
            Self::Folder(folder) => folder.top(ends, asked),
        }
    }

    pub(super) fn export(&self, ends: Ends<'_>, format: Format, out: &mut dyn Write) -> Result<Left> {
        match self {
            Self::Gateway(client) => gateway::export(client, ends, format, out),
            Self::Folder(folder) => folder.export(ends, format, out),
        }
    }
}

/// A problem as the gateway tells it.
pub(super) fn told(problem: &crate::query::Problem) -> anyhow::Error {
    anyhow!("{}: {problem}", problem.code())
}
