//! The sandbox of the command line: the gateway's own host, with its limits, but for its own plugins.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tallygate_plugin_host::{Host, LoadRequest, Plugin};

use super::subject::Subject;
use crate::compiler;
use crate::config::{Config, Override, Problems};

pub(super) struct Sandbox {
    host: Host,
}

/// Compiled components that are kept for the next time. Those of Python take half a minute to compile, and tens of megabytes.
const COMPILED: usize = 20;

// === impl Sandbox ===

impl Sandbox {
    /// One that keeps what it compiles below `cache`, or nowhere, and compiles within the bounds that a gateway would have in
    /// the same environment.
    pub(super) fn open(cache: Option<PathBuf>, overrides: &[Override]) -> Result<Self> {
        let config = Config::parse("", std::path::Path::new(""), overrides);
        let config = config.map_err(|problems| anyhow!("{}", Problems { file: None, problems }))?;
        let host = Host::new(cache.as_deref(), compiler::apart(&config.swap)?)?;
        host.keep_newest_compiled(COMPILED);
        Ok(Self { host })
    }

    /// Makes a plugin of a component, through all stages that it goes through in the gateway.
    pub(super) fn load(&self, subject: &Subject) -> Result<Arc<Plugin>> {
        load(&self.host, subject)
    }
}

/// Loads a plugin whose instructions are counted.
pub(super) fn load_counting(subject: &Subject) -> Result<Arc<Plugin>> {
    load(&Host::counting_instructions()?, subject)
}

fn load(host: &Host, subject: &Subject) -> Result<Arc<Plugin>> {
    let Subject { name, component, settings, limits } = subject;
    let request = LoadRequest { name, component, settings: settings.clone(), limits: *limits };
    let loaded = host.load(request, &mut |_, _| {});
    loaded.with_context(|| format!("the plugin {name} cannot serve"))
}
