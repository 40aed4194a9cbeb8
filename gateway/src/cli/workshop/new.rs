//! `tallygate plugin new`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use tallygate_workshop::{Language, create};

use crate::cli::terminal;

#[derive(Args)]
pub(in crate::cli) struct New {
    /// What the plugin and its folder are to be called
    name: String,
    /// The language it is to be written in
    #[arg(long = "lang", value_enum)]
    language: Lang,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Lang {
    Rust,
    Go,
    Js,
    Python,
    C,
}

/// Writes the folder `./NAME`.
pub(super) fn run(arguments: &New) -> Result<ExitCode> {
    let language = match arguments.language {
        Lang::Rust => Language::Rust,
        Lang::Go => Language::Go,
        Lang::Js => Language::JavaScript,
        Lang::Python => Language::Python,
        Lang::C => Language::C,
    };
    let name = &arguments.name;
    create(Path::new(name), name, language)?;
    writeln!(
        terminal::stdout(),
        "{name} is made. Next: cd {name}, then `tallygate plugin test`; {name}/README.md says what is what"
    )?;
    Ok(ExitCode::SUCCESS)
}
