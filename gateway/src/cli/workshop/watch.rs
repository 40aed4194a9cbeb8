//! `tallygate plugin watch`: builds, tests and deploys whenever a source is saved.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use notify::{EventKind, RecursiveMode, Watcher};
use tallygate_workshop::Project;

use super::Surroundings;
use super::build::build;
use super::golden;
use crate::cli::plugin::DeployTo;

#[derive(Args)]
pub(in crate::cli) struct Watch {
    /// The plugin's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Deploy what passes its tests to a running gateway
    #[arg(long)]
    deploy: bool,
    #[command(flatten)]
    to: DeployTo,
}

/// Editors write a file in several steps, and a save may touch several files.
const SETTLE: Duration = Duration::from_millis(200);

/// Goes on until it is interrupted.
pub(super) fn run(arguments: &Watch, surroundings: &Surroundings) -> Result<ExitCode> {
    let mut project = Project::open(&arguments.folder)?;
    let folder = project.folder().to_owned();
    // Where many files change at once, the watcher waits, and the system keeps what it has to tell.
    let (sender, changes) = sync_channel(1024);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change of it.
        let event = event.ok().filter(|event| !matches!(event.kind, EventKind::Access(_)));
        for path in event.into_iter().flat_map(|event| event.paths) {
            // Whoever watched is gone only when the process ends.
            let _ = sender.send(path);
        }
    })
    .context("cannot watch files")?;
    watcher.watch(&folder, RecursiveMode::Recursive).with_context(|| format!("cannot watch {}", folder.display()))?;
    loop {
        // Read anew: its name or limits may be what was changed.
        let told = Project::open(&folder).map_err(anyhow::Error::from).and_then(|read| {
            project = read;
            once(&project, arguments, surroundings)
        });
        if let Err(error) = told {
            eprintln!("tallygate: {error:#}");
        }
        eprintln!("tallygate: waiting for a change in {}", folder.display());
        wait(&changes, &project)?;
    }
}

fn once(project: &Project, arguments: &Watch, surroundings: &Surroundings) -> Result<()> {
    eprintln!("tallygate: {}", build(project, surroundings)?.text());
    let tested = golden::test_as_it_stands(project, surroundings)?;
    if arguments.deploy && tested.different == 0 {
        arguments.to.deploy(&project.component(), project.name(), surroundings)?;
    }
    Ok(())
}

/// Waits until a source has changed and nothing changes any more.
fn wait(changes: &Receiver<PathBuf>, project: &Project) -> Result<()> {
    loop {
        let path = changes.recv().context("the files are no longer watched")?;
        if is_source(&path, project) {
            break;
        }
    }
    loop {
        match changes.recv_timeout(SETTLE) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the files are no longer watched"),
        }
    }
}

/// Whether a path may be one that the author changes; what is removed cannot be looked up.
fn is_source(path: &Path, project: &Project) -> bool {
    let sources = project.sources().unwrap_or_default();
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let is_beside_one = || sources.iter().any(|source| source.parent() == path.parent());
    sources.iter().any(|source| source == path) || (!path.exists() && !is_hidden && is_beside_one())
}
