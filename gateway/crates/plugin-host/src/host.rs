use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, OptLevel, Strategy};

use crate::cache::Cache;
use crate::deadline::Ticker;
use crate::guest::Guest;
use crate::load::{self, LoadError, Plugin, Settings, Stage};
use crate::{Limits, api, inert};

/// Larger components are refused before anything looks into them.
pub const MAX_COMPONENT: usize = 64 << 20;
/// The guest's stack. Recursion beyond it traps.
const STACK: usize = 512 << 10;

/// Compiles and prepares plugins. One for the whole gateway.
pub struct Host {
    engine: Engine,
    cache: Option<Cache>,
    loads: AtomicU64,
    ticker: Arc<Ticker>,
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
    /// A host that keeps compiled components below `cache`, or nowhere. A cache that cannot be used costs time, not
    /// service: it is reported and done without.
    ///
    /// # Errors
    /// When the engine cannot run on this machine at all.
    pub fn new(cache: Option<&Path>) -> Result<Self, HostError> {
        let engine = Engine::new(&config()).map_err(HostError::Engine)?;
        let cache = cache.and_then(|folder| match Cache::open(folder, &engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "no cache for compiled plugins");
                None
            }
        });
        let ticker = Ticker::start(&engine).map_err(HostError::Ticker)?;
        Ok(Self { engine, cache, loads: AtomicU64::new(0), ticker: Arc::new(ticker) })
    }

    /// Makes a plugin out of a component: checks it, compiles it, asks who it is, configures it and tries it.
    ///
    /// Takes as long as compiling takes; keep it off threads that serve.
    ///
    /// # Errors
    /// The stage that failed and why, in words for whoever built or deployed the plugin.
    pub fn load(&self, name: &str, wasm: &[u8], settings: Settings, limits: Limits) -> Result<Arc<Plugin>, LoadError> {
        check_kind(wasm)?;
        let digest = digest(wasm);
        let component = self.compile(wasm, &digest)?;
        let ty = component.component_type();
        let wit = api::version(ty.exports(&self.engine).map(|(name, _)| name))
            .map_err(|message| LoadError::new(Stage::Version, message))?;
        check_imports(ty.imports(&self.engine).map(|(name, _)| name))?;

        let mut linker = Linker::new(&self.engine);
        api::v0_1::Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)
            .and_then(|()| inert::define(&mut linker, &self.engine, &component))
            .map_err(|error| LoadError::wasmtime(Stage::Imports, &error))?;
        let pre =
            linker.instantiate_pre(&component).map_err(|error| LoadError::wasmtime(Stage::Imports, &error)).and_then(
                |pre| api::v0_1::PluginPre::new(pre).map_err(|error| LoadError::wasmtime(Stage::Version, &error)),
            )?;
        let id = self.loads.fetch_add(1, Ordering::Relaxed);
        let ticker = Arc::clone(&self.ticker);
        load::prepare(load::Parts { id, name, digest, wit, pre, settings, limits, ticker })
    }

    fn compile(&self, wasm: &[u8], digest: &str) -> Result<Component, LoadError> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, digest)) {
            return Ok(component);
        }
        let component =
            Component::from_binary(&self.engine, wasm).map_err(|error| LoadError::wasmtime(Stage::Compile, &error))?;
        if let Some(Err(error)) = self.cache.as_ref().map(|cache| cache.put(digest, &component)) {
            tracing::warn!(%error, "the compiled plugin could not be kept");
        }
        Ok(component)
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    config
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
        [0, b'a', b's', b'm', ..] => refuse("the component is of a format version that is not supported"),
        [] => refuse("the file is empty"),
        _ => refuse("this is not WebAssembly: a component begins with the bytes 00 61 73 6d 0d 00 01 00"),
    }
}

fn check_imports<'a>(imports: impl Iterator<Item = &'a str>) -> Result<(), LoadError> {
    let allowed = ["tallygate:plugin/log@", "tallygate:plugin/types@", inert::NAMESPACE];
    let forbidden: Vec<_> = imports.filter(|name| !allowed.iter().any(|prefix| name.starts_with(prefix))).collect();
    if forbidden.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the component imports {}: a plugin may import tallygate:plugin/log alone (wasi: interfaces are answered by \
         stubs that do nothing)",
        forbidden.join(", ")
    );
    Err(LoadError::new(Stage::Imports, message))
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
