use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"tgcwasm1";
const SUM: usize = 32;
const HEADER: usize = MAGIC.len() + SUM;

/// Compiled code on its way from a compiler, or to and from the disk: a mark, a checksum, the code.
///
/// It is native code, so it is trusted exactly as the binary itself. It comes from this binary's own compiler alone: in
/// this process, over a pipe from a process that runs the same binary, or out of a folder closed to others (`cache.rs`).
pub(crate) struct Artifact(Vec<u8>);

// === impl Artifact ===

impl Artifact {
    pub(crate) fn new(code: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + code.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&Sha256::digest(code));
        bytes.extend_from_slice(code);
        Self(bytes)
    }

    /// What was written as an artifact, if it is whole.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
        let (sum, code) = rest.split_at_checked(SUM)?;
        let whole = magic == MAGIC && sum == Sha256::digest(code).as_slice();
        whole.then_some(Self(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The component that the code was compiled from, ready to be linked.
    ///
    /// # Errors
    /// When the code was compiled by another version of the engine, or with other settings.
    pub(crate) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        let code = self.0.get(HEADER..).unwrap_or_default();
        // SAFETY: the bytes are what the compiler of this very binary emitted: an artifact is made from its output, and
        // read only from where nobody else can write (see the type). The checksum says that they are whole; the engine
        // itself compares the version and settings that they were compiled with.
        unsafe { Component::deserialize(engine, code) }
    }
}
