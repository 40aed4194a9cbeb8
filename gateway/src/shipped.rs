//! The plugins inside the binary, built from `plugins/` by `build.rs`.

/// What they are called.
pub(crate) const NAMES: [&str; 2] = ["access-log", "json"];

/// A component that reads nothing: not served, but measured beside others.
pub(crate) const BOUNDARY: &[u8] = include_bytes!(env!("TALLYGATE_SHIPPED_BOUNDARY"));

/// The component of a shipped plugin.
pub(crate) fn component(name: &str) -> Option<&'static [u8]> {
    match name {
        "access-log" => Some(include_bytes!(env!("TALLYGATE_SHIPPED_ACCESS_LOG"))),
        "json" => Some(include_bytes!(env!("TALLYGATE_SHIPPED_JSON"))),
        _ => None,
    }
}
