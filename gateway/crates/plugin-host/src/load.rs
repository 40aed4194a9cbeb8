use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tallygate_event::{Code, Records};
use wasmtime::Store;

use crate::api::v0_1::PluginPre;
use crate::api::v0_1::tallygate::plugin::types::Info;
use crate::deadline::Ticker;
use crate::guest::{Guest, LogWindow, printable};
use crate::instance::{Failure, Instance};
use crate::{Health, Limits};

/// Settings as a plugin gets them: names and values, in order.
pub type Settings = Vec<(String, String)>;

/// The code that a plugin defined for itself, with its name.
struct RejectName {
    /// At least [`Code::FIRST_OF_PLUGIN`].
    code: Code,
    /// Lower-case words joined by hyphens, of bounded length.
    name: String,
}

/// A compiled, configured, tried plugin, shared by all threads. Each makes an [`Instance`] of it.
pub struct Plugin {
    id: u64,
    name: Arc<str>,
    version: String,
    wit: String,
    digest: String,
    rejects: Vec<RejectName>,
    settings: Settings,
    limits: Limits,
    pre: PluginPre<Guest>,
    memory: Arc<AtomicU64>,
    health: Health,
    log: Arc<Mutex<LogWindow>>,
    /// Without it no deadline would ever come, so it lives as long as any plugin does.
    _ticker: Arc<Ticker>,
}

/// What stands between a file and a serving plugin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reading the file.
    Read,
    /// Is it a component, of bearable size?
    Parse,
    /// Does it ask for more than it may have?
    Imports,
    /// Does it speak a version of the interface that is served?
    Version,
    /// Machine code for it.
    Compile,
    /// Who is it?
    Describe,
    /// Does it accept its settings?
    Configure,
    /// Does it keep its contract on nothing and on an empty record?
    SelfTest,
}

/// Why a component did not become a plugin.
#[derive(Debug, thiserror::Error)]
#[error("{stage}: {message}")]
pub struct LoadError {
    /// Where it failed.
    pub stage: Stage,
    /// What failed and what to do, for people.
    pub message: String,
}

pub(crate) struct Parts<'a> {
    pub(crate) id: u64,
    pub(crate) name: &'a str,
    pub(crate) digest: String,
    pub(crate) wit: String,
    pub(crate) pre: PluginPre<Guest>,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) ticker: Arc<Ticker>,
}

/// Bounds on what a plugin says of itself.
const NAME_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 1024;

/// From a linked component to a plugin: `describe`, `configure`, self-test.
pub(crate) fn prepare(parts: Parts<'_>) -> Result<Arc<Plugin>, LoadError> {
    let mut plugin = Plugin {
        id: parts.id,
        name: parts.name.into(),
        version: String::new(),
        wit: parts.wit,
        digest: parts.digest,
        rejects: Vec::new(),
        settings: parts.settings,
        limits: parts.limits,
        pre: parts.pre,
        memory: Arc::default(),
        health: Health::new(parts.limits.containment()),
        log: Arc::default(),
        _ticker: parts.ticker,
    };
    let info = plugin.describe()?;
    plugin.version = printable(&info.version, NAME_BYTES);
    plugin.rejects = reject_names(info.rejects)?;
    plugin.self_test()?;
    Ok(Arc::new(plugin))
}

// === impl Plugin ===

impl Plugin {
    /// Makes an instance, configured and ready.
    ///
    /// # Errors
    /// What the guest did wrong while it was set up.
    pub fn instantiate(&self) -> Result<Instance, LoadError> {
        let mut instance = self.bare_instance()?;
        instance
            .configure(&self.settings)
            .map_err(|failure| LoadError::failure(Stage::Configure, &failure))?
            .map_err(|message| LoadError::new(Stage::Configure, printable(&message, MESSAGE_BYTES)))?;
        Ok(instance)
    }

    /// Distinguishes this plugin from every other that the same host loaded.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name it was loaded under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version it gives itself.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version of the interface it was built for.
    #[must_use]
    pub fn wit(&self) -> &str {
        &self.wit
    }

    /// SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What each of its instances may use.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Linear memory of all its instances, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// How it has behaved lately.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The name of a reject code, the plugin's own included.
    #[must_use]
    pub fn code_name(&self, code: Code) -> &str {
        let own = || self.rejects.iter().find(|own| own.code == code).map(|own| own.name.as_str());
        code.name().or_else(own).unwrap_or("other")
    }

    fn bare_instance(&self) -> Result<Instance, LoadError> {
        let log = Arc::clone(&self.log);
        let guest = Guest::new(Arc::clone(&self.name), self.limits, Arc::clone(&self.memory), log);
        let mut store = Store::new(self.pre.engine(), guest);
        store.limiter(|guest| &mut guest.meter);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().deadline.reached()));
        let grant = store.data_mut().deadline.begin();
        store.set_epoch_deadline(grant);
        let bindings = self
            .pre
            .instantiate(&mut store)
            .map_err(|error| self.explained(LoadError::wasmtime(Stage::Describe, &error)))?;
        Ok(Instance::new(store, bindings, self.rejects.iter().map(|own| own.code).collect()))
    }

    /// Names the setting, where the runtime can only name the effect.
    fn explained(&self, mut error: LoadError) -> LoadError {
        if error.message.contains("exceeds memory limits") {
            let limit = self.limits.memory;
            error.message = format!("{}; limits.memory is {limit} bytes, raise it", error.message);
        }
        error
    }

    fn describe(&self) -> Result<Info, LoadError> {
        self.bare_instance()?.describe().map_err(|failure| LoadError::failure(Stage::Describe, &failure))
    }

    fn self_test(&self) -> Result<(), LoadError> {
        let mut instance = self.instantiate()?;
        for (starts, ends) in [(&[] as &[u32], &[] as &[u32]), (&[0], &[0])] {
            instance
                .extract(Records { data: b"", starts, ends })
                .map_err(|failure| LoadError::failure(Stage::SelfTest, &failure))?;
        }
        Ok(())
    }
}

fn reject_names(declared: Vec<(u8, String)>) -> Result<Vec<RejectName>, LoadError> {
    let mut names: Vec<RejectName> = Vec::new();
    for (code, name) in declared {
        let refuse = |why: &str| {
            let name = printable(&name, NAME_BYTES);
            Err(LoadError::new(Stage::Describe, format!("info.rejects names code {code} \"{name}\": {why}")))
        };
        let well_formed = !name.is_empty()
            && name.len() <= NAME_BYTES
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if code < Code::FIRST_OF_PLUGIN {
            return refuse("a plugin's own codes begin at 128");
        }
        if !well_formed {
            return refuse("a name is lower-case letters, digits and hyphens, at most 64 bytes");
        }
        if names.iter().any(|other| other.code.0 == code) {
            return refuse("the code is named twice");
        }
        names.push(RejectName { code: Code(code), name });
    }
    Ok(names)
}

// === impl Stage ===

impl Stage {
    /// The name that metrics, logs and errors use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Imports => "imports",
            Self::Version => "version",
            Self::Compile => "compile",
            Self::Describe => "describe",
            Self::Configure => "configure",
            Self::SelfTest => "self-test",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

// === impl LoadError ===

impl LoadError {
    /// An error at a stage.
    pub fn new(stage: Stage, message: impl Into<String>) -> Self {
        Self { stage, message: message.into() }
    }

    pub(crate) fn wasmtime(stage: Stage, error: &wasmtime::Error) -> Self {
        Self::new(stage, printable(&format!("{error:#}"), MESSAGE_BYTES))
    }

    fn failure(stage: Stage, failure: &Failure) -> Self {
        Self::new(stage, failure.to_string())
    }
}
