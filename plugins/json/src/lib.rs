//! The plugin for JSON records: see `README.md` beside this crate for what it accepts.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod convention;
mod explain;
mod fields;
mod found;
mod json;
mod lesson;
mod parser;
mod settings;
mod shapes;
mod string;

pub use json::Json;

tallygate_sdk::export!(Json);
