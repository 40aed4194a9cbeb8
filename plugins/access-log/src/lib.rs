//! The plugin for access logs of Apache and nginx: see `README.md` beside this crate for what it accepts.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod access_log;
mod front;
mod line;
mod request;
mod syslog;

pub use access_log::AccessLog;

tallygate_sdk::export!(AccessLog);
