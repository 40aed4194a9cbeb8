//! `tallygate check`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tallygate_index::DamageKind;
use tallygate_index::disk::Folder;
use tallygate_index::visits::{Inspection, VisitsError};

use super::terminal;
use crate::config::{Config, Problem, Problems};
use crate::metrics::Metrics;
use crate::reload::ConfigSource;
use crate::swap::Loader;
use crate::visits;

/// Reads the configuration and loads its plugins, just as `serve` would, and tells all that is wrong; and with `look_at_data`
/// what the data directory has lost.
pub(super) fn run(source: &ConfigSource, look_at_data: bool) -> Result<ExitCode> {
    let config = match source.load() {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    // What a gateway on this data directory has compiled need not be compiled again.
    let cache = config.data_dir.join("compiled");
    let loader = Loader::new(
        &config,
        Some(&cache).filter(|cache| cache.is_dir()).map(|cache| &**cache),
        Arc::new(Metrics::new()),
    )?;
    let found = loader.check(&config, |name| eprintln!("tallygate: loading the plugin {name}"));
    if !found.is_empty() {
        let problems = found
            .iter()
            .map(|problem| Problem { origin: problem.plugin.origin.clone(), message: problem.to_string() })
            .collect();
        return tell(&Problems { file: source.file.clone(), problems });
    }
    if let Ok(folder) = Folder::open_to_read(config.data_dir.join(visits::FOLDER)) {
        visits::changes(&folder).iter().for_each(|change| eprintln!("tallygate: new in this version: {change}"));
    }
    config.warnings(source.file.as_deref()).iter().for_each(|warning| eprintln!("tallygate: warning: {warning}"));
    writeln!(terminal::stdout(), "the configuration is good")?;
    if look_at_data { tell_damage(&config) } else { Ok(ExitCode::SUCCESS) }
}

/// Problems are this command's result, so they go to standard output.
fn tell(problems: &Problems) -> Result<ExitCode> {
    writeln!(terminal::stdout(), "{problems}")?;
    Ok(ExitCode::FAILURE)
}

/// Reads all of the data directory, and changes nothing in it.
fn tell_damage(config: &Config) -> Result<ExitCode> {
    let path = config.data_dir.join(visits::FOLDER);
    let folder = Folder::open_to_read(&path).context("the visits of the data directory")?;
    let mut out = terminal::stdout();
    match Inspection::open(&folder, visits::options(config)) {
        Ok((_, opened)) => {
            writeln!(out, "the data directory is whole")?;
            for (kind, total) in DamageKind::ALL.into_iter().zip(opened.damage_totals).filter(|(_, total)| *total > 0) {
                writeln!(out, "accepted as lost before: {}, {total} times", kind.name())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(damaged @ VisitsError::Damaged(_)) => {
            writeln!(out, "{}: {damaged}", path.display())?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error).with_context(|| format!("the visits in {}", path.display())),
    }
}
