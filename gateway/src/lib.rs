//! Tallygate: log ingestion gateway. The binary `tallygate` is all of it that the outside sees; `ARCHITECTURE.md`
//! beside this crate is the map.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod acceptor;
mod app;
pub mod cli;
mod common;
mod compiler;
mod config;
mod files;
mod in_flight;
mod memory;
mod metrics;
mod net;
mod ops;
mod pipeline;
mod query;
mod reload;
mod serving;
mod shipped;
mod source;
mod swap;
mod thread;
mod time;
mod visits;
mod worker;
#[cfg(test)]
mod written;
