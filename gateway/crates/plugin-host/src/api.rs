//! The released versions of the plugin interface, one module each, and which of them a component speaks.
//!
//! What they have to say is told in the same words to the rest of the host: [`Columns`], [`About`].

pub(crate) mod v0_1;
pub(crate) mod v1_0;

use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{Result, Store};

use crate::guest::Guest;
use tallygate_event::Records;

/// What the interfaces of plugins are called, up to their name and version.
const PACKAGE: &str = "tallygate:plugin/";
/// What an exported extractor is called, up to its version.
const EXTRACTOR: &str = "tallygate:plugin/extractor@";

/// A version of the interface that this host serves, whatever its last number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V0_1,
    V1_0,
}

/// A linked component, and what its exports are found by.
#[derive(Clone)]
pub(crate) enum Pre {
    V0_1(v0_1::PluginPre<Guest>),
    V1_0(v1_0::PluginPre<Guest>),
}

/// The exports of an instance.
pub(crate) enum Exports {
    V0_1(v0_1::Exports),
    V1_0(v1_0::Plugin),
}

/// The answer to one `extract` call, as the newest version of the interface has it.
pub(crate) struct Columns {
    pub(crate) status: Vec<u8>,
    pub(crate) v4: Vec<u32>,
    pub(crate) v6: Vec<u64>,
    /// In Unix nanoseconds.
    pub(crate) times: Vec<i64>,
}

/// Who a plugin is.
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) about: String,
    pub(crate) rejects: Vec<(u8, String)>,
    /// `None` if the version of the interface has no words for it.
    pub(crate) settings: Option<Vec<SettingInfo>>,
}

/// A setting that a plugin knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingInfo {
    /// What it is called.
    pub name: String,
    /// One sentence: what it does, and what it expects.
    pub meaning: String,
    /// What holds where it is not given; empty if there is nothing to write.
    pub default: String,
}

// === impl Version ===

impl Version {
    const ALL: [Self; 2] = [Self::V0_1, Self::V1_0];

    /// What the version of a component begins with that this one serves.
    fn prefix(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1.",
            Self::V1_0 => "1.0.",
        }
    }

    /// The version of the interface that a component was built for, out of the names of its imports and exports: as it
    /// stands there, and which of those served it is.
    ///
    /// # Errors
    /// A message that names the version found, if any, and those served.
    pub(crate) fn of(imports: &[&str], exports: &[&str]) -> std::result::Result<(String, Self), String> {
        let Some(version) = exports.iter().find_map(|name| name.strip_prefix(EXTRACTOR)) else {
            return Err(format!(
                "the component exports no {EXTRACTOR}…, but {}; this gateway serves versions {}: build it for the world \
                 `plugin` of package tallygate:plugin (`tallygate plugin new` writes a folder that does)",
                list_or_nothing(exports),
                served()
            ));
        };
        let own = Self::ALL.into_iter().find(|served| version.starts_with(served.prefix()));
        let imported = imports.iter().filter_map(|name| name.strip_prefix(PACKAGE)?.split_once('@'));
        for found in imported.map(|(_, version)| version).chain([version]) {
            let serves = |served: Self| found.starts_with(served.prefix());
            if !own.is_some_and(serves) {
                return Err(format!(
                    "the component was built for version {found} of tallygate:plugin, this gateway serves versions {}: \
                     rebuild it with an interface that this gateway serves",
                    served()
                ));
            }
        }
        own.map(|own| (version.to_owned(), own)).ok_or_else(|| format!("version {version} is not served"))
    }

    /// Gives a component of this version what it may import.
    pub(crate) fn add_to_linker(self, linker: &mut Linker<Guest>) -> Result<()> {
        match self {
            Self::V0_1 => v0_1::Plugin::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut Guest| guest),
            Self::V1_0 => v1_0::Plugin::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut Guest| guest),
        }
    }

    /// Finds what a component of this version must export.
    pub(crate) fn find_exports(self, pre: InstancePre<Guest>) -> Result<Pre> {
        Ok(match self {
            Self::V0_1 => Pre::V0_1(v0_1::PluginPre::new(pre)?),
            Self::V1_0 => Pre::V1_0(v1_0::PluginPre::new(pre)?),
        })
    }
}

/// The versions that this host serves, for people.
pub(crate) fn served() -> String {
    Version::ALL.map(|version| format!("{}x", version.prefix())).join(" and ")
}

fn list_or_nothing(names: &[&str]) -> String {
    if names.is_empty() { "nothing at all".to_owned() } else { names.join(", ") }
}

// === impl Pre ===

impl Pre {
    /// How many nanoseconds its times can be apart and be the same.
    pub(crate) fn time_precision(&self) -> i64 {
        match self {
            Self::V0_1(_) => 1_000_000,
            Self::V1_0(_) => 1,
        }
    }

    pub(crate) fn linked(&self) -> &InstancePre<Guest> {
        match self {
            Self::V0_1(pre) => pre.instance_pre(),
            Self::V1_0(pre) => pre.instance_pre(),
        }
    }

    /// The exports of an instance that was made from it.
    pub(crate) fn exports(
        &self,
        store: &mut Store<Guest>,
        instance: &wasmtime::component::Instance,
    ) -> Result<Exports> {
        Ok(match self {
            Self::V0_1(_) => Exports::V0_1(v0_1::Exports::new(v0_1::Plugin::new(store, instance)?)),
            Self::V1_0(_) => Exports::V1_0(v1_0::Plugin::new(store, instance)?),
        })
    }
}

// === impl Exports ===

impl Exports {
    pub(crate) fn describe(&self, store: &mut Store<Guest>) -> Result<About> {
        match self {
            Self::V0_1(exports) => exports.describe(store),
            Self::V1_0(exports) => v1_0::describe(exports, store),
        }
    }

    pub(crate) fn configure(
        &self,
        store: &mut Store<Guest>,
        settings: &[(String, String)],
    ) -> Result<std::result::Result<(), String>> {
        match self {
            Self::V0_1(exports) => exports.configure(store, settings),
            Self::V1_0(exports) => exports.tallygate_plugin_extractor().call_configure(store, settings),
        }
    }

    /// Whether status 2 has a meaning.
    pub(crate) fn may_name_no_client(&self) -> bool {
        match self {
            Self::V0_1(_) => false,
            Self::V1_0(_) => true,
        }
    }

    #[inline]
    pub(crate) fn extract(&mut self, store: &mut Store<Guest>, records: Records<'_>) -> Result<Columns> {
        match self {
            Self::V0_1(exports) => exports.extract(store, records),
            Self::V1_0(exports) => v1_0::extract(exports, store, records),
        }
    }

    pub(crate) fn explain(
        &self,
        store: &mut Store<Guest>,
        record: &[u8],
        received: i64,
    ) -> Result<std::result::Result<String, String>> {
        match self {
            Self::V0_1(exports) => exports.explain(store, record),
            Self::V1_0(exports) => exports.tallygate_plugin_extractor().call_explain(store, record, received),
        }
    }
}
