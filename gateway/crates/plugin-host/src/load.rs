use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tallygate_event::{Code, Outcome, Records};
use wasmtime::Store;

use crate::api::{About, Pre, SettingInfo};
use crate::deadline::Ticker;
use crate::failure::Failure;
use crate::guest::{Guest, LogWindow, printable};
use crate::instance::{Instance, grant};
use crate::stage::{LoadError, Progress, Stage};
use crate::{Health, Limits};

/// Settings as a plugin gets them: names and values, in order.
pub type Settings = Vec<(String, String)>;

/// The code that a plugin defined for itself, with its name.
#[derive(Clone)]
struct RejectName {
    /// At least [`Code::FIRST_OF_PLUGIN`].
    code: Code,
    /// Lower-case words joined by hyphens, of bounded length.
    name: String,
}

/// A compiled, configured, tried plugin, shared by all threads. Each makes an [`Instance`] of it.
pub struct Plugin {
    id: u64,
    /// Where its shadows get their numbers from.
    ids: Arc<AtomicU64>,
    name: Arc<str>,
    about: Arc<AboutPlugin>,
    wit: String,
    digest: String,
    rejects: Vec<RejectName>,
    settings: Settings,
    limits: Limits,
    pre: Pre,
    counts_instructions: bool,
    memory: Arc<AtomicU64>,
    health: Health,
    /// Nothing if its guests are not listened to.
    log: Option<Arc<Mutex<LogWindow>>>,
    /// Without it no deadline would ever come, so it lives as long as any plugin does.
    ticker: Arc<Ticker>,
}

/// What a plugin says of itself, fit for people.
#[derive(Default, Clone, Debug)]
pub struct AboutPlugin {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub about: String,
    /// The settings that it knows; `None` if it was built for a version of the interface that has no words for them.
    pub settings: Option<Vec<SettingInfo>>,
}

pub(crate) struct Parts<'a> {
    pub(crate) ids: Arc<AtomicU64>,
    pub(crate) name: &'a str,
    pub(crate) digest: String,
    pub(crate) wit: String,
    pub(crate) pre: Pre,
    pub(crate) counts_instructions: bool,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) ticker: Arc<Ticker>,
}

/// Bounds on what a plugin says of itself.
const NAME_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 1024;
const SETTINGS: usize = 200;

/// From a linked component to a plugin: `describe`, `configure`, self-test.
pub(crate) fn prepare(parts: Parts<'_>, progress: &mut Progress<'_>) -> Result<Arc<Plugin>, LoadError> {
    let mut plugin = Plugin {
        id: next(&parts.ids),
        ids: parts.ids,
        name: parts.name.into(),
        about: Arc::default(),
        wit: parts.wit,
        digest: parts.digest,
        rejects: Vec::new(),
        settings: parts.settings,
        limits: parts.limits,
        pre: parts.pre,
        counts_instructions: parts.counts_instructions,
        memory: Arc::default(),
        health: Health::new(parts.limits),
        log: Some(Arc::default()),
        ticker: parts.ticker,
    };
    let about = plugin.describe()?;
    plugin.about = Arc::new(AboutPlugin::of(&about));
    plugin.rejects = reject_names(about.rejects)?;
    progress.passed(Stage::Describe);
    let instance = plugin.instantiate()?;
    progress.passed(Stage::Configure);
    self_test(instance)?;
    progress.passed(Stage::SelfTest);
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

    /// The same plugin, compiled and configured as it is, with memory, health and a number of its own, and guests whose
    /// log nobody hears: what is tried on it shows nowhere in what this one reports.
    #[must_use]
    pub fn shadow(&self) -> Self {
        Self {
            id: next(&self.ids),
            ids: Arc::clone(&self.ids),
            name: Arc::clone(&self.name),
            about: Arc::clone(&self.about),
            wit: self.wit.clone(),
            digest: self.digest.clone(),
            rejects: self.rejects.clone(),
            settings: self.settings.clone(),
            limits: self.limits,
            pre: self.pre.clone(),
            counts_instructions: self.counts_instructions,
            memory: Arc::default(),
            health: Health::new(self.limits),
            log: None,
            ticker: Arc::clone(&self.ticker),
        }
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
        &self.about.version
    }

    /// What it says of itself.
    #[must_use]
    pub fn about(&self) -> &AboutPlugin {
        &self.about
    }

    /// The codes that it defined for itself, by name.
    pub fn reject_names(&self) -> impl Iterator<Item = (Code, &str)> {
        self.rejects.iter().map(|own| (own.code, own.name.as_str()))
    }

    /// The version of the interface it was built for.
    #[must_use]
    pub fn wit(&self) -> &str {
        &self.wit
    }

    /// How finely it tells times, in nanoseconds: plugins of old versions of the interface have milliseconds.
    #[must_use]
    pub fn time_precision(&self) -> i64 {
        self.pre.time_precision()
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

    /// Gives rejects that another plugin judged the codes that have the same names here; where there is none,
    /// [`Code::OTHER`].
    pub fn rename_codes(&self, outcome: &mut Outcome, judge: &Self) {
        for status in outcome.status.iter_mut().filter(|status| **status >= Code::FIRST_OF_PLUGIN) {
            let name = judge.code_name(Code(*status));
            let own = self.rejects.iter().find(|own| own.name == name);
            *status = own.map_or(Code::OTHER, |own| own.code).0;
        }
    }

    /// The name of a reject code, the plugin's own included.
    #[must_use]
    pub fn code_name(&self, code: Code) -> &str {
        let own = || self.rejects.iter().find(|own| own.code == code).map(|own| own.name.as_str());
        code.name().or_else(own).unwrap_or("other")
    }

    fn bare_instance(&self) -> Result<Instance, LoadError> {
        let guest = Guest::new(Arc::clone(&self.name), self.limits, Arc::clone(&self.memory), self.log.clone());
        let guest = guest.counting_instructions(self.counts_instructions);
        let mut store = Store::new(self.pre.linked().engine(), guest);
        store.limiter(|guest| &mut guest.meter);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().deadline.reached()));
        grant(&mut store, 0);
        let instance = self.pre.linked().instantiate(&mut store);
        if store.data().has_written() {
            store.data_mut().log_written(instance.is_err());
        }
        let instance = instance.map_err(|error| self.not_started(&error, store.data_mut()))?;
        let exports = self.pre.exports(&mut store, &instance).map_err(|error| self.of_other_types(&error))?;
        Ok(Instance::new(store, exports, self.rejects.iter().map(|own| own.code).collect()))
    }

    /// Why there is no instance, with the name of the setting where the runtime can only name the effect.
    fn not_started(&self, error: &wasmtime::Error, guest: &mut Guest) -> LoadError {
        let failure = Failure::of(error, guest);
        let mut message = format!("while it was started, {failure}");
        if message.contains("exceeds memory limits") {
            message = format!("{message}; limits.memory is {} bytes, raise it", self.limits.memory);
        }
        LoadError::new(Stage::Describe, message)
    }

    fn of_other_types(&self, error: &wasmtime::Error) -> LoadError {
        let message = format!(
            "the component says that it was built for version {} of tallygate:plugin, but a function of it is of another \
             type: {error:#}; rebuild it with the interface of this gateway",
            self.wit
        );
        LoadError::quoting(Stage::Version, &message)
    }

    fn describe(&self) -> Result<About, LoadError> {
        self.bare_instance()?.describe().map_err(|failure| LoadError::failure(Stage::Describe, &failure))
    }
}

// === impl AboutPlugin ===

impl AboutPlugin {
    fn of(about: &About) -> Self {
        let settings = about.settings.as_ref().map(|settings| {
            let setting = |setting: &SettingInfo| SettingInfo {
                name: printable(&setting.name, NAME_BYTES),
                meaning: printable(&setting.meaning, MESSAGE_BYTES),
                default: printable(&setting.default, MESSAGE_BYTES),
            };
            settings.iter().take(SETTINGS).map(setting).collect()
        });
        Self {
            name: printable(&about.name, NAME_BYTES),
            version: printable(&about.version, NAME_BYTES),
            about: printable(&about.about, MESSAGE_BYTES),
            settings,
        }
    }
}

fn self_test(mut instance: Instance) -> Result<(), LoadError> {
    for bounds in [&[] as &[u32], &[0, 0]] {
        instance
            .extract(Records { data: b"", bounds, received: 0 })
            .map_err(|failure| LoadError::failure(Stage::SelfTest, &failure))?;
    }
    Ok(())
}

fn next(ids: &AtomicU64) -> u64 {
    ids.fetch_add(1, Ordering::Relaxed)
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
