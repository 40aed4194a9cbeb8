//! Runs Tallygate's WebAssembly plugins: sandbox, limits, containment. The only crate that names wasmtime.
//!
//! A [`Host`] compiles components into [`Plugin`]s. A `Plugin` is shared; each worker thread makes itself an
//! [`Instance`] of it, keeps it and calls it in place. An instance that failed is dropped, never called again:
//! [`contain`] finds out, on fresh instances, which records were to blame.

mod api;
mod cache;
mod contain;
mod deadline;
mod guest;
mod health;
mod host;
mod inert;
mod instance;
mod limits;
mod load;

pub use contain::{Exhausted, contain};
pub use health::Health;
pub use host::{Host, HostError, MAX_COMPONENT, digest};
pub use instance::{Failure, Instance};
pub use limits::Limits;
pub use load::{LoadError, Plugin, Settings, Stage};
