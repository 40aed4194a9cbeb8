//! What a component says of itself, checked before any of it is compiled or run.

use wasmparser::{BinaryReader, Parser, Payload, Validator};

use crate::api::Version;
use crate::guest::printable;
use crate::host::MAX_COMPONENT;
use crate::stage::{LoadError, Stage};
use crate::{engine, inert};

/// How every component begins.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
/// The highest number that a section of a component has.
const LAST_SECTION: u8 = 12;
/// Longer names are cut where people read them.
const NAME_BYTES: usize = 200;
/// What a plugin may import besides the stubs.
const ALLOWED: [&str; 2] = ["tallygate:plugin/log@", "tallygate:plugin/types@"];

/// The names that a component imports and exports.
#[derive(Default)]
pub(crate) struct Surface<'a> {
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
}

/// What a component imports and exports. None of it is compiled or run for that.
#[derive(Clone, Debug)]
pub struct Interfaces {
    /// The names of what it imports.
    pub imports: Vec<String>,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// The version of the interface that it was built for, if it is served.
    pub version: Option<String>,
}

// === impl Interfaces ===

impl Interfaces {
    /// Reads them out of a component.
    ///
    /// # Errors
    /// If it is no valid component.
    pub fn of(wasm: &[u8]) -> Result<Self, LoadError> {
        let surface = Surface::parse(wasm)?;
        let owned = |names: &[&str]| names.iter().map(|name| printable(name, NAME_BYTES)).collect();
        let version = surface.version().ok().map(|(version, _)| version);
        Ok(Self { imports: owned(&surface.imports), exports: owned(&surface.exports), version })
    }

    /// Whether a gateway would take it, as far as its interfaces go.
    ///
    /// # Errors
    /// Why not.
    pub fn check(wasm: &[u8]) -> Result<(), LoadError> {
        let surface = Surface::parse(wasm)?;
        surface.check_imports()?;
        surface.version().map(|_| ())
    }
}

// === impl Surface ===

impl<'a> Surface<'a> {
    /// Validates the whole component and reads what it imports and exports.
    pub(crate) fn parse(wasm: &'a [u8]) -> Result<Self, LoadError> {
        check_kind(wasm)?;
        Self::read(wasm).map_err(|error| {
            if breaks_off(wasm) {
                return broken_off(wasm);
            }
            LoadError::quoting(Stage::Parse, &format!("the component is not valid: {error}"))
        })
    }

    fn read(wasm: &'a [u8]) -> wasmparser::Result<Self> {
        Validator::new_with_features(engine::features()).validate_all(wasm)?;
        let mut surface = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        surface.imports.push(import?.name.name);
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        surface.exports.push(export?.name.name);
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    /// Refuses a component that asks for more than a plugin may have.
    pub(crate) fn check_imports(&self) -> Result<(), LoadError> {
        let allowed =
            |name: &str| name.starts_with(inert::NAMESPACE) || ALLOWED.iter().any(|own| name.starts_with(own));
        let forbidden: Vec<_> = self.imports.iter().copied().filter(|name| !allowed(name)).collect();
        if forbidden.is_empty() {
            return Ok(());
        }
        let message = format!(
            "a plugin may import tallygate:plugin/log alone (wasi: interfaces are answered by stubs that do nothing), \
             the component also imports {}: leave out what needs that, nothing of the machine can be reached from a plugin",
            forbidden.join(", ")
        );
        Err(LoadError::quoting(Stage::Imports, &message))
    }

    /// The version of the interface that the component was built for, if it is served.
    pub(crate) fn version(&self) -> Result<(String, Version), LoadError> {
        Version::of(&self.imports, &self.exports).map_err(|message| LoadError::quoting(Stage::Version, &message))
    }
}

fn check_kind(wasm: &[u8]) -> Result<(), LoadError> {
    let refuse = |message: &str| Err(LoadError::new(Stage::Parse, message));
    if wasm.len() > MAX_COMPONENT {
        return refuse(&format!("the component has {} bytes, at most {MAX_COMPONENT} are allowed", wasm.len()));
    }
    match wasm {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => refuse(
            "this is a core WebAssembly module, a component is needed: build for wasm32-wasip2, or wrap the module \
             with `wasm-tools component new`",
        ),
        [] => refuse("the file is empty: build it, or wait until it is written"),
        _ if HEADER.starts_with(wasm) => Err(broken_off(wasm)),
        [0, b'a', b's', b'm', ..] => refuse("the component is of a format version that is not supported"),
        _ => refuse("this is not WebAssembly: a component begins with the bytes 00 61 73 6d 0d 00 01 00"),
    }
}

/// Whether the outermost sections end where the bytes do not reach: so it is with a file that is still being written.
fn breaks_off(wasm: &[u8]) -> bool {
    let mut sections = BinaryReader::new(wasm.get(HEADER.len()..).unwrap_or_default(), 0);
    while !sections.eof() {
        match sections.read_u8() {
            Ok(section) if section <= LAST_SECTION => {}
            _ => return false,
        }
        let whole = sections.read_var_u32().and_then(|bytes| sections.read_bytes(bytes as usize));
        if whole.is_err() {
            return true;
        }
    }
    false
}

fn broken_off(wasm: &[u8]) -> LoadError {
    let message =
        format!("the component breaks off after {} bytes; is the file still being written, or cut short?", wasm.len());
    LoadError::new(Stage::Parse, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_that_goes_on_beyond_the_end_is_one_that_breaks_off() {
        let section = |bytes: &[u8]| [HEADER, bytes].concat();
        for (bytes, expected) in [
            (&b""[..], false),
            (b"\0\x02\x01x", false),
            (b"\0\x03\x01x", true),
            (b"\0", true),
            (b"\0\x80", true),
            (b"garbage", false),
        ] {
            assert_eq!(breaks_off(&section(bytes)), expected, "{bytes:?}");
        }
    }
}
