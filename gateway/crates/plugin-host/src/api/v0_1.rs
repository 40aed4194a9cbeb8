//! `tallygate:plugin@0.1`: starts and ends apart, milliseconds, every accepted record has an address.

use tallygate_event::{NO_TIME, Records, UNREAD_TIME};
use wasmtime::{Result, Store};

use super::{About, Columns};
use crate::guest::Guest;

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks, reason = "generated")]

    wasmtime::component::bindgen!({ path: "../../../wit/0.1.0", world: "plugin" });
}

pub(crate) use bindings::tallygate::plugin::{log, types};
pub(crate) use bindings::{Plugin, PluginPre};

/// The exports of an instance, and memory that serves many calls.
pub(crate) struct Exports {
    plugin: Plugin,
    starts: Vec<u32>,
    ends: Vec<u32>,
}

// === impl Exports ===

impl Exports {
    pub(super) fn new(plugin: Plugin) -> Self {
        Self { plugin, starts: Vec::new(), ends: Vec::new() }
    }

    pub(super) fn describe(&self, store: &mut Store<Guest>) -> Result<About> {
        let info = self.plugin.tallygate_plugin_extractor().call_describe(store)?;
        let bindings::tallygate::plugin::types::Info { name, version, about, rejects } = info;
        Ok(About { name, version, about, rejects, settings: None })
    }

    pub(super) fn configure(
        &self,
        store: &mut Store<Guest>,
        settings: &[(String, String)],
    ) -> Result<std::result::Result<(), String>> {
        self.plugin.tallygate_plugin_extractor().call_configure(store, settings)
    }

    pub(super) fn extract(&mut self, store: &mut Store<Guest>, records: Records<'_>) -> Result<Columns> {
        self.starts.clear();
        self.ends.clear();
        for [start, end] in records.bounds.as_chunks().0 {
            self.starts.push(*start);
            self.ends.push(*end);
        }
        let extractor = self.plugin.tallygate_plugin_extractor();
        let outcome = extractor.call_extract(store, records.data, &self.starts, &self.ends)?;
        let bindings::tallygate::plugin::types::Outcome { status, v4, v6, mut times } = outcome;
        times.iter_mut().for_each(|time| *time = nanoseconds(*time));
        Ok(Columns { status, v4, v6, times })
    }

    pub(super) fn explain(
        &self,
        store: &mut Store<Guest>,
        record: &[u8],
    ) -> Result<std::result::Result<String, String>> {
        self.plugin.tallygate_plugin_extractor().call_explain(store, record)
    }
}

/// Milliseconds as nanoseconds. What these cannot express stays what it is: a time that nobody believes.
fn nanoseconds(milliseconds: i64) -> i64 {
    match milliseconds {
        NO_TIME | UNREAD_TIME => milliseconds,
        _ => milliseconds.saturating_mul(1_000_000).max(UNREAD_TIME + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_nanoseconds_and_none_of_them_a_mark() {
        for (milliseconds, expected) in [
            (0, 0),
            (-1, -1_000_000),
            (NO_TIME, NO_TIME),
            (UNREAD_TIME, UNREAD_TIME),
            (i64::MAX, i64::MAX),
            (UNREAD_TIME + 1, UNREAD_TIME + 1),
        ] {
            assert_eq!(nanoseconds(milliseconds), expected);
        }
    }
}
