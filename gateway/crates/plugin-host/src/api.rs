//! The released versions of the plugin interface, one module each, and which of them a component speaks.

pub(crate) mod v0_1 {
    //! `tallygate:plugin@0.1`.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks, reason = "generated")]

    wasmtime::component::bindgen!({ path: "../../../wit/0.1.0", world: "plugin" });
}

/// What an exported extractor is called, up to its version.
const EXTRACTOR: &str = "tallygate:plugin/extractor@";

/// The versions that this host serves, for people.
pub(crate) const SERVED: &str = "0.1.x";

/// The version of the interface that a component exports, out of the names of its exports.
///
/// # Errors
/// A message that names the version found, if any, and those served.
pub(crate) fn version<'a>(mut exports: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let Some(version) = exports.find_map(|name| name.strip_prefix(EXTRACTOR)) else {
        return Err(format!(
            "the component exports no {EXTRACTOR}…; this gateway serves version {SERVED}: build it for the world \
             `plugin` of package tallygate:plugin"
        ));
    };
    if version.starts_with("0.1.") {
        return Ok(version.to_owned());
    }
    Err(format!(
        "the component was built for version {version} of tallygate:plugin, this gateway serves {SERVED}: rebuild it \
         with the interface of this gateway"
    ))
}
