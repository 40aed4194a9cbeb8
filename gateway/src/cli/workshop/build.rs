//! `tallygate plugin build`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::json;
use tallygate_plugin_host::Interfaces;
use tallygate_workshop::Project;

use super::Surroundings;
use crate::cli::terminal;

#[derive(Args)]
pub(in crate::cli) struct Build {
    /// The plugin's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What came out of a build.
pub(super) struct Component {
    path: PathBuf,
    bytes: u64,
    version: String,
    seconds: f64,
}

pub(super) fn run(arguments: &Build, surroundings: &Surroundings) -> Result<ExitCode> {
    let project = Project::open(&arguments.folder)?;
    let built = build(&project, surroundings)?;
    let mut out = terminal::stdout();
    if arguments.json {
        let Component { path, bytes, version, seconds } = &built;
        writeln!(out, "{}", json!({"path": path, "bytes": bytes, "wit": version, "seconds": seconds}))?;
    } else {
        writeln!(out, "{}", built.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds a project. What comes out is a component that a gateway would take, as far as that shows without compiling it.
pub(super) fn build(project: &Project, surroundings: &Surroundings) -> Result<Component> {
    let built = project.build(surroundings.environment(), &mut |what| eprintln!("tallygate: {what}"))?;
    let component = std::fs::read(&built.path).with_context(|| format!("cannot read {}", built.path.display()))?;
    let interfaces = Interfaces::check(&component).and_then(|()| Interfaces::of(&component));
    let interfaces = interfaces
        .map_err(|error| anyhow!("{} was built, but no gateway would take it: {error}", built.path.display()))?;
    Ok(Component {
        path: built.path,
        bytes: built.bytes,
        version: interfaces.version.unwrap_or_default(),
        seconds: built.took.as_secs_f64(),
    })
}

// === impl Component ===

impl Component {
    pub(super) fn text(&self) -> String {
        let Self { path, bytes, version, seconds } = self;
        format!("{}: {bytes} bytes, interface {version}, built in {seconds:.1} s", path.display())
    }
}

/// Builds a project whose component is older than its sources.
pub(super) fn build_if_stale(project: &Project, surroundings: &Surroundings) -> Result<()> {
    let stale =
        project.is_stale().with_context(|| format!("cannot look at the files of {}", project.folder().display()))?;
    if stale {
        eprintln!("tallygate: {}", build(project, surroundings)?.text());
    }
    Ok(())
}
