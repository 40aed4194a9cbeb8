//! `tallygate plugin run`.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Surroundings;
use super::input::{Form, Hearer, judge_all};
use super::judge::{Judge, Terms};
use super::subject::{Subject, Tuning};
use super::verdict::Verdict;
use crate::cli::terminal;

#[derive(Args)]
pub(in crate::cli) struct Run {
    /// A shipped plugin's name, a component's file, or a plugin's folder
    plugin: String,
    /// Print one JSON object a record
    #[arg(long)]
    json: bool,
    /// Read one record a line in base64, for records that hold line ends or are no text
    #[arg(long)]
    base64: bool,
    #[command(flatten)]
    tuning: Tuning,
    #[command(flatten)]
    terms: Terms,
}

/// Reads records from standard input, and tells what becomes of each.
pub(super) fn run(arguments: &Run, surroundings: &Surroundings) -> Result<ExitCode> {
    let plugin = surroundings.sandbox()?.load(&Subject::find(&arguments.plugin, &arguments.tuning)?)?;
    let mut judge = Judge::new(plugin, &arguments.terms);
    let form = if arguments.base64 { Form::Base64 } else { Form::Lines };
    let mut printer = Printer { out: BufWriter::new(terminal::stdout()), json: arguments.json };
    judge_all(std::io::stdin().lock(), form, &mut judge, &mut printer)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each record, and keeps none back while nothing comes.
struct Printer {
    out: BufWriter<terminal::Stdout>,
    json: bool,
}

impl Hearer for Printer {
    fn judged(&mut self, _: Option<&[u8]>, verdict: Verdict) -> Result<()> {
        let line = if self.json { verdict.json() } else { verdict.text() };
        Ok(writeln!(self.out, "{line}")?)
    }

    fn pause(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
