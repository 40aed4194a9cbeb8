//! `tallygate plugin build`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use tallygate_plugin_host::Interfaces;
use tallygate_workshop::Project;

use super::Surroundings;
use crate::cli::terminal;

#[derive(Args)]
pub(in crate::cli) struct Build {
    /// The plugin's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Build, surroundings: &Surroundings) -> Result<ExitCode> {
    let project = Project::open(&arguments.folder)?;
    writeln!(terminal::stdout(), "{}", build(&project, surroundings)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds a project, and says what came out: a component that a gateway would take, as far as that shows without compiling it.
pub(super) fn build(project: &Project, surroundings: &Surroundings) -> Result<String> {
    let built = project.build(surroundings.environment(), &mut |what| eprintln!("tallygate: {what}"))?;
    let component = std::fs::read(&built.path).with_context(|| format!("cannot read {}", built.path.display()))?;
    let interfaces = Interfaces::check(&component).and_then(|()| Interfaces::of(&component));
    let interfaces = interfaces
        .map_err(|error| anyhow!("{} was built, but no gateway would take it: {error}", built.path.display()))?;
    Ok(format!(
        "{}: {} bytes, interface {}, built in {:.1} s",
        built.path.display(),
        built.bytes,
        interfaces.version.unwrap_or_default(),
        built.took.as_secs_f64()
    ))
}

/// Builds a project whose component is older than its sources.
pub(super) fn build_if_stale(project: &Project, surroundings: &Surroundings) -> Result<()> {
    let stale =
        project.is_stale().with_context(|| format!("cannot look at the files of {}", project.folder().display()))?;
    if stale {
        eprintln!("tallygate: {}", build(project, surroundings)?);
    }
    Ok(())
}
