//! `tallygate query`: what came when, from a running gateway or from its data directory.

mod answerer;
mod body;
mod folder;
mod gateway;
mod shown;

use std::ffi::OsString;
use std::io::{self, BufWriter, Cursor, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};

pub(super) use answerer::{Answerer, Environment, Place};
pub(super) use folder::or_ask_it;

use super::client::bearer;
use super::terminal;
use crate::query::{Format, MOST_NETWORKS, TopAsked};
use shown::Lines;

#[derive(Subcommand)]
pub(super) enum Query {
    /// When addresses came, and how many of networks
    Visited(Visited),
    /// How many distinct addresses came, and how many of them for the first time
    Distinct(Distinct),
    /// The networks that most distinct addresses came from
    Top(Top),
    /// All addresses that came
    Export(Export),
}

/// A range of time, both ends included; all that is kept where an end is left out.
#[derive(Args)]
pub(super) struct Times {
    /// A day (2026-01-31), an hour (2026-01-31T05) or an instant (2026-01-31T05:12:33Z), the first of the range
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<String>,
    /// The same, the last of the range
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<String>,
}

#[derive(Args)]
pub(super) struct Visited {
    /// Addresses and networks such as 192.0.2.0/24; or -, for one a line on standard input
    #[arg(required = true, value_name = "IP", value_parser = asked)]
    addresses: Vec<String>,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    place: Place,
    /// Print an object of JSON a line
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Distinct {
    /// Also tell of each hour, day, week or month
    #[arg(long)]
    by: Option<By>,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Top {
    /// Leading bits of IPv4 networks
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u8).range(0..=32))]
    prefix: u8,
    /// Leading bits of IPv6 networks
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u8).range(0..=128))]
    prefix6: u8,
    /// How many networks
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=MOST_NETWORKS as i64))]
    limit: u32,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Export {
    /// What it is to be; roaring is IPv4 alone, in the portable format of 32 bits
    #[arg(long)]
    format: As,
    /// Where to [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Hour,
    Day,
    Week,
    Month,
}

#[derive(Clone, Copy, ValueEnum)]
enum As {
    Roaring,
    Csv,
    Ndjson,
}

/// For standard input, among the arguments.
const STANDARD_INPUT: &str = "-";

pub(super) fn run(command: &Query, environment: &Environment) -> Result<ExitCode> {
    let (Query::Visited(Visited { place, .. })
    | Query::Distinct(Distinct { place, .. })
    | Query::Top(Top { place, .. })
    | Query::Export(Export { place, .. })) = command;
    let token = match environment.token.clone().filter(|token| !token.is_empty()).map(|token| bearer(Some(token))) {
        None => None,
        Some(Ok(token)) => Some(token),
        Some(Err(problem)) => {
            eprintln!("tallygate: {problem}");
            return Ok(ExitCode::from(2));
        }
    };
    let answerer = match Answerer::open(place, environment, token)? {
        Ok(answerer) => answerer,
        Err(code) => return Ok(code),
    };
    match command {
        Query::Visited(visited) => ask_visited(visited, &answerer),
        Query::Distinct(Distinct { by, times, json, .. }) => {
            let answer = answerer.distinct(times.ends(), by.map(By::name))?;
            print(&answer, *json, shown::distinct)
        }
        Query::Top(Top { prefix, prefix6, limit, times, json, .. }) => {
            let asked = TopAsked { prefix: *prefix, prefix6: *prefix6, limit: *limit as usize };
            print(&answerer.top(times.ends(), asked)?, *json, shown::top)
        }
        Query::Export(export) => write_export(export, &answerer),
    }
}

fn ask_visited(visited: &Visited, answerer: &Answerer) -> Result<ExitCode> {
    let list: Box<dyn Read + Send> = if visited.addresses.iter().any(|one| one == STANDARD_INPUT) {
        Box::new(io::stdin())
    } else {
        Box::new(Cursor::new(visited.addresses.join("\n").into_bytes()))
    };
    let mut lines = Lines::new(BufWriter::new(terminal::stdout()), visited.json);
    answerer.visited(visited.times.ends(), list, &mut |answers| lines.push(answers).context(STANDARD_OUTPUT))?;
    let unreadable = lines.finish().context(STANDARD_OUTPUT)?;
    if unreadable > 0 {
        eprintln!("tallygate: {unreadable} lines are neither an IP address nor a network");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

const STANDARD_OUTPUT: &str = "cannot write to standard output";

fn write_export(export: &Export, answerer: &Answerer) -> Result<ExitCode> {
    let format = export.format.format();
    let left = match &export.output {
        None => {
            let mut out = BufWriter::new(terminal::stdout());
            let left = answerer.export(export.times.ends(), format, &mut out)?;
            out.flush().context(STANDARD_OUTPUT)?;
            left
        }
        Some(path) => {
            let failed = || format!("cannot write {}", path.display());
            let mut out = BufWriter::new(std::fs::File::create(path).with_context(failed)?);
            let left = answerer.export(export.times.ends(), format, &mut out)?;
            out.flush().with_context(failed)?;
            left
        }
    };
    if left.ipv6 > 0 {
        eprintln!("tallygate: {} IPv6 addresses are left out, as the format is for IPv4; csv has both", left.ipv6);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer as it came, or as a table.
fn print(answer: &[u8], json: bool, table: fn(&[u8]) -> Result<String>) -> Result<ExitCode> {
    let mut out = terminal::stdout();
    let text = if json { answer.to_vec() } else { table(answer)?.into_bytes() };
    out.write_all(text.trim_ascii_end()).and_then(|()| out.write_all(b"\n")).context(STANDARD_OUTPUT)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads what a time must look like; what it means is up to whoever answers.
fn time(text: &str) -> Result<String, String> {
    let wrong = "expected a day (2026-01-31), an hour (2026-01-31T05) or an instant (2026-01-31T05:12:33+01:00)";
    crate::query::Time::read(text).map(|_| text.to_owned()).ok_or_else(|| wrong.to_owned())
}

fn asked(text: &str) -> Result<String, String> {
    if text == STANDARD_INPUT {
        return Ok(text.to_owned());
    }
    crate::query::Asked::read(text.as_bytes()).map(|_| text.to_owned()).map_err(|problem| problem.to_string())
}

/// The variables that matter here.
pub(super) fn environment(variable: impl Fn(&'static str) -> Option<OsString>) -> Environment {
    Environment { url: variable("TALLYGATE_URL"), token: variable(super::client::TOKEN) }
}

// === impl Times ===

impl Times {
    fn ends(&self) -> answerer::Ends<'_> {
        answerer::Ends { from: self.from.as_deref(), to: self.to.as_deref() }
    }
}

// === impl By ===

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

// === impl As ===

impl As {
    fn format(self) -> Format {
        match self {
            Self::Roaring => Format::Roaring,
            Self::Csv => Format::Csv,
            Self::Ndjson => Format::Ndjson,
        }
    }
}
