//! The plugin for access logs.
#![cfg_attr(target_arch = "wasm32", no_std)]
