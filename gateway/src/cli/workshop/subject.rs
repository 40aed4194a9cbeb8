//! What a command of the workshop runs: a component, and what it is configured with.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tallygate_plugin_host::Limits;
use tallygate_workshop::Project;

use crate::{config, shipped};

/// How a plugin is run.
#[derive(Args, Clone, Default)]
pub(super) struct Tuning {
    /// A setting of the plugin; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Memory of one instance [default: 64 MiB, as in the gateway]
    #[arg(long, value_name = "SIZE", value_parser = config::size_from)]
    memory: Option<usize>,
    /// Processor time of one call [default: 100 ms, as in the gateway]
    #[arg(long, value_name = "TIME", value_parser = config::duration_from)]
    time: Option<Duration>,
}

/// A component, and what it is configured with.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) component: Vec<u8>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) limits: Limits,
}

// === impl Subject ===

impl Subject {
    /// Finds what the command line names: a shipped plugin by its name, a component by its file, or a project by its folder,
    /// whose settings and limits hold where the command line says nothing else.
    pub(super) fn find(plugin: &str, tuning: &Tuning) -> Result<Self> {
        if let Some(component) = shipped::component(plugin) {
            return Ok(Self::new(plugin, component.to_vec(), tuning));
        }
        let path = Path::new(plugin);
        if path.is_dir() {
            return Self::of_project(&Project::open(path)?, tuning);
        }
        if !path.exists() {
            bail!(
                "there is no file {plugin}, and no shipped plugin of that name; the shipped ones are {}",
                shipped::NAMES.join(", ")
            );
        }
        let component = std::fs::read(path).with_context(|| format!("cannot read {plugin}"))?;
        let name = path.file_stem().map_or_else(|| plugin.to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(Self::new(&name, component, tuning))
    }

    /// What was built of a project.
    pub(super) fn of_project(project: &Project, tuning: &Tuning) -> Result<Self> {
        let path = project.component();
        let component = std::fs::read(&path).with_context(|| {
            format!(
                "cannot read {}: build it with `tallygate plugin build {}`",
                path.display(),
                project.folder().display()
            )
        })?;
        let mut subject = Self::new(project.name(), component, tuning);
        for (name, value) in project.settings() {
            if !subject.settings.iter().any(|(given, _)| given == name) {
                subject.settings.push((name.clone(), value.clone()));
            }
        }
        let wrong = |key: &str| format!("limits.{key} in the plugin.toml of {}", project.folder().display());
        if let (Some(memory), None) = (project.memory(), tuning.memory) {
            subject.limits.memory =
                config::size_from(memory).map_err(anyhow::Error::msg).with_context(|| wrong("memory"))?;
        }
        if let (Some(time), None) = (project.time(), tuning.time) {
            subject.limits.time =
                config::duration_from(time).map_err(anyhow::Error::msg).with_context(|| wrong("time"))?;
        }
        Ok(subject)
    }

    /// One that ships in the binary to be compared with.
    pub(super) fn shipped_for_comparison(name: &str, component: &[u8]) -> Self {
        Self::new(name, component.to_vec(), &Tuning::default())
    }

    /// The same with other settings, where a test names its own.
    pub(super) fn with_settings(&self, settings: &[(String, String)]) -> Self {
        let mut all = settings.to_vec();
        all.extend(self.settings.iter().filter(|(name, _)| !settings.iter().any(|(own, _)| own == name)).cloned());
        Self { name: self.name.clone(), component: self.component.clone(), settings: all, limits: self.limits }
    }

    fn new(name: &str, component: Vec<u8>, tuning: &Tuning) -> Self {
        let defaults = Limits::default();
        let limits = Limits {
            memory: tuning.memory.unwrap_or(defaults.memory),
            time: tuning.time.unwrap_or(defaults.time),
            ..defaults
        };
        Self { name: name.to_owned(), component, settings: tuning.settings.clone(), limits }
    }
}

/// `name=value`.
pub(super) fn setting(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a setting is written name=value"),
    }
}
