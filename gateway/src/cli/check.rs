//! `tallygate check`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;

use crate::config::{Problem, Problems};
use crate::metrics::Metrics;
use crate::reload::Source;
use crate::swap::Loader;

/// Reads the configuration and loads its plugins, just as `serve` would, and tells all that is wrong.
pub(super) fn run(source: &Source) -> Result<ExitCode> {
    let config = match source.load() {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let found = Loader::new(&config, None, Arc::new(Metrics::new()))?.check(&config);
    if !found.is_empty() {
        let problems = found
            .iter()
            .map(|problem| Problem { origin: problem.plugin.origin.clone(), message: problem.to_string() })
            .collect();
        return tell(&Problems { file: source.file.clone(), problems });
    }
    writeln!(std::io::stdout(), "the configuration is good")?;
    Ok(ExitCode::SUCCESS)
}

/// Problems are this command's result, so they go to standard output.
fn tell(problems: &Problems) -> Result<ExitCode> {
    writeln!(std::io::stdout(), "{problems}")?;
    Ok(ExitCode::FAILURE)
}
