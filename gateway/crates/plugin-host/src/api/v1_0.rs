//! `tallygate:plugin@1.0`.

use tallygate_event::Records;
use wasmtime::{Result, Store};

use super::{About, Columns, SettingInfo};
use crate::guest::Guest;

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks, reason = "generated")]

    wasmtime::component::bindgen!({ path: "../../../wit/1.0.0", world: "plugin" });
}

pub(crate) use bindings::tallygate::plugin::{log, types};
pub(crate) use bindings::{Plugin, PluginPre};

pub(super) fn describe(plugin: &Plugin, store: &mut Store<Guest>) -> Result<About> {
    let info = plugin.tallygate_plugin_extractor().call_describe(store)?;
    let bindings::tallygate::plugin::types::Info { name, version, about, rejects, settings } = info;
    let settings = settings.into_iter().map(|setting| SettingInfo {
        name: setting.name,
        meaning: setting.meaning,
        default: setting.default,
    });
    Ok(About { name, version, about, rejects, settings: Some(settings.collect()) })
}

#[inline]
pub(super) fn extract(plugin: &Plugin, store: &mut Store<Guest>, records: Records<'_>) -> Result<Columns> {
    let extractor = plugin.tallygate_plugin_extractor();
    let outcome = extractor.call_extract(store, records.data, records.bounds, records.received)?;
    let bindings::tallygate::plugin::types::Outcome { status, v4, v6, times } = outcome;
    Ok(Columns { status, v4, v6, times })
}
