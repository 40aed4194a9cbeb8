//! Runs Tallygate's WebAssembly plugins: sandbox, limits, containment. The only crate that names wasmtime.
//!
//! A [`Host`] compiles components into [`Plugin`]s. A `Plugin` is shared; each worker thread makes itself an
//! [`Instance`] of it, keeps it and calls it in place. An instance that failed is dropped, never called again:
//! [`contain`] finds out, on fresh instances, which records were to blame.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod api;
mod artifact;
mod cache;
mod compile;
mod contain;
mod deadline;
mod engine;
mod failure;
mod guest;
mod health;
mod host;
mod inert;
mod instance;
mod limits;
mod load;
mod stage;
mod surface;

pub use api::SettingInfo;
pub use compile::{Apart, CompileLimits, Compiler, compile_for_parent};
pub use contain::{Exhausted, contain};
pub use deadline::thread_time;
pub use failure::Failure;
pub use health::Health;
pub use host::{Host, HostError, LoadRequest, MAX_COMPONENT, digest};
pub use instance::Instance;
pub use limits::Limits;
pub use load::{AboutPlugin, Plugin, Settings};
pub use stage::{LoadError, Stage};
pub use surface::Interfaces;
