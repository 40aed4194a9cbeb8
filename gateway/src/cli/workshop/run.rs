//! `tallygate plugin run`.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Surroundings;
use super::input::{Form, judge_all};
use super::judge::{Judge, Terms};
use super::subject::{Subject, Tuning};
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
    let mut out = BufWriter::new(terminal::stdout());
    let mut input = std::io::stdin().lock();
    judge_all(&mut input, form, &mut judge, &mut |_, verdict| {
        let line = if arguments.json { verdict.json() } else { verdict.text() };
        Ok(writeln!(out, "{line}")?)
    })?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
