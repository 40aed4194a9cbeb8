//! The released versions of the plugin interface, one module each, and which of them a component speaks.

pub(crate) mod v0_1 {
    //! `tallygate:plugin@0.1`.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks, reason = "generated")]

    wasmtime::component::bindgen!({ path: "../../../wit/0.1.0", world: "plugin" });
}

/// What the interfaces of plugins are called, up to their name and version.
const PACKAGE: &str = "tallygate:plugin/";
/// What an exported extractor is called, up to its version.
const EXTRACTOR: &str = "tallygate:plugin/extractor@";

/// The versions that this host serves, for people.
pub(crate) const SERVED: &str = "0.1.x";

/// The version of the interface that a component was built for, out of the names of its imports and exports.
///
/// # Errors
/// A message that names the version found, if any, and those served.
pub(crate) fn version(imports: &[&str], exports: &[&str]) -> Result<String, String> {
    let Some(version) = exports.iter().find_map(|name| name.strip_prefix(EXTRACTOR)) else {
        return Err(format!(
            "the component exports no {EXTRACTOR}…; this gateway serves version {SERVED}: build it for the world \
             `plugin` of package tallygate:plugin"
        ));
    };
    let imported = imports.iter().filter_map(|name| name.strip_prefix(PACKAGE)?.split_once('@'));
    for found in imported.map(|(_, version)| version).chain([version]) {
        if !found.starts_with("0.1.") {
            return Err(format!(
                "the component was built for version {found} of tallygate:plugin, this gateway serves {SERVED}: \
                 rebuild it with the interface of this gateway"
            ));
        }
    }
    Ok(version.to_owned())
}
