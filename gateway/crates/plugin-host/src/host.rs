use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::api::{Pre, Version};
use crate::cache::Cache;
use crate::compile::Compiler;
use crate::deadline::Ticker;
use crate::engine::{counting_engine, engine};
use crate::load::{self, Plugin, Settings};
use crate::stage::{LoadError, Progress, Stage};
use crate::surface::Surface;
use crate::{Limits, inert};

/// Larger components are refused before anything looks into them.
pub const MAX_COMPONENT: usize = 64 << 20;
/// Compiles and prepares plugins. One for the whole gateway.
pub struct Host {
    engine: Engine,
    compiler: Compiler,
    counts_instructions: bool,
    cache: Option<Cache>,
    /// Where plugins get their numbers from.
    ids: Arc<AtomicU64>,
    ticker: Arc<Ticker>,
}

/// A component that is to become a plugin.
pub struct LoadRequest<'a> {
    /// The name it is to be known by.
    pub name: &'a str,
    /// The bytes of the component.
    pub component: &'a [u8],
    /// What it is to be configured with.
    pub settings: Settings,
    /// What each of its instances may use.
    pub limits: Limits,
}

/// Why no host could be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine refused its settings or this machine.
    #[error("the WebAssembly engine cannot start on this machine")]
    Engine(#[source] wasmtime::Error),
    /// The thread that keeps deadlines could not be started.
    #[error("cannot start the thread that keeps plugin deadlines")]
    Ticker(#[source] std::io::Error),
}

// === impl Host ===

impl Host {
    /// A host that compiles with `compiler` and keeps compiled components below `cache`, or nowhere. A cache that cannot
    /// be used costs time, not service: it is reported and done without.
    ///
    /// # Errors
    /// When the engine cannot run on this machine at all.
    pub fn new(cache: Option<&Path>, compiler: Compiler) -> Result<Self, HostError> {
        let engine = engine().map_err(HostError::Engine)?;
        let cache = cache.and_then(|folder| match Cache::open(folder, &engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "no cache for compiled plugins");
                None
            }
        });
        let ticker = Ticker::start(&engine).map_err(HostError::Ticker)?;
        let counts_instructions = false;
        Ok(Self { engine, compiler, counts_instructions, cache, ids: Arc::default(), ticker: Arc::new(ticker) })
    }

    /// A host whose plugins count the instructions that they run, see [`crate::Instance::instructions`]. They are slower for
    /// that, and compiled in this process, without a bound: what it loads should have been loaded by another before.
    ///
    /// # Errors
    /// When the engine cannot run on this machine at all.
    pub fn counting_instructions() -> Result<Self, HostError> {
        let engine = counting_engine().map_err(HostError::Engine)?;
        let ticker = Arc::new(Ticker::start(&engine).map_err(HostError::Ticker)?);
        let (compiler, counts_instructions) = (Compiler::Here, true);
        Ok(Self { engine, compiler, counts_instructions, cache: None, ids: Arc::default(), ticker })
    }

    /// Makes a plugin out of a component: checks it, compiles it, asks who it is, configures it and tries it. `passed`
    /// hears of each stage that the candidate has passed, and how long that took.
    ///
    /// Takes as long as compiling takes; keep it off threads that serve.
    ///
    /// # Errors
    /// The stage that failed and why, in words for whoever built or deployed the plugin. What only the compiled component
    /// shows, functions of wrong types, is a matter of the stages `imports` and `version`, too.
    pub fn load(
        &self,
        candidate: LoadRequest<'_>,
        passed: &mut dyn FnMut(Stage, Duration),
    ) -> Result<Arc<Plugin>, LoadError> {
        let LoadRequest { name, component: wasm, settings, limits } = candidate;
        let mut progress = Progress::new(passed);
        let surface = Surface::parse(wasm)?;
        progress.passed(Stage::Parse);
        surface.check_imports()?;
        progress.passed(Stage::Imports);
        let (wit, version) = surface.version()?;
        progress.passed(Stage::Version);
        let digest = digest(wasm);
        let component = self.compile(name, wasm, &digest)?;
        let pre = self.link(&component, version)?;
        progress.passed(Stage::Compile);
        let (ids, ticker) = (Arc::clone(&self.ids), Arc::clone(&self.ticker));
        let counts_instructions = self.counts_instructions;
        let parts = load::Parts { ids, name, digest, wit, pre, counts_instructions, settings, limits, ticker };
        load::prepare(parts, &mut progress)
    }

    /// Removes what was compiled and kept, but for the components with these digests.
    pub fn keep_compiled(&self, used: &[&str]) {
        if let Some(cache) = &self.cache {
            cache.keep_only(used);
        }
    }

    /// Removes what was compiled and kept, but for the newest so many components.
    pub fn keep_newest_compiled(&self, count: usize) {
        if let Some(cache) = &self.cache {
            cache.keep_newest(count);
        }
    }

    fn compile(&self, name: &str, wasm: &[u8], digest: &str) -> Result<Component, LoadError> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, digest)) {
            return Ok(component);
        }
        tracing::info!(plugin = name, bytes = wasm.len(), digest, "compiling; a large component takes a while");
        let artifact = self
            .compiler
            .compile(&self.engine, wasm)
            .map_err(|message| LoadError::quoting(Stage::Compile, &message))?;
        let component =
            artifact.component(&self.engine).map_err(|error| LoadError::wasmtime(Stage::Compile, &error))?;
        if let Some(Err(error)) = self.cache.as_ref().map(|cache| cache.put(digest, &artifact)) {
            tracing::warn!(%error, "the compiled plugin could not be kept");
        }
        Ok(component)
    }

    /// Gives the component what it imports, and finds what it must export.
    fn link(&self, component: &Component, version: Version) -> Result<Pre, LoadError> {
        let mut linker = Linker::new(&self.engine);
        let pre = version
            .add_to_linker(&mut linker)
            .and_then(|()| inert::define(&mut linker, &self.engine, component))
            .and_then(|()| linker.instantiate_pre(component))
            .map_err(|error| LoadError::wasmtime(Stage::Imports, &error))?;
        version.find_exports(pre).map_err(|error| LoadError::wasmtime(Stage::Version, &error))
    }
}

/// What a component is known by: the SHA-256 of its bytes, in hexadecimal.
#[must_use]
pub fn digest(wasm: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(wasm).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
