//! Reading addresses and times out of log records, and the way into and out of the sandbox.

#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod abi;
mod address;
#[cfg(any(not(feature = "std"), test))]
mod arena;
#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
mod bare;
mod columns;
mod export;
mod format;
mod hops;
pub mod log;
mod plugin;
mod settings;
#[cfg(all(target_arch = "wasm32", feature = "std"))]
mod stdio;
mod text;
mod time;
mod utf8;
mod vector;
mod words;

pub use address::Address;
pub use columns::{Columns, Reject, Visit};
pub use format::{Batch, Format, extract, with_slack};
pub use hops::{Listed, Trusted};
#[doc(hidden)]
pub use plugin::read;
pub use plugin::{Context, Plugin};
pub use settings::{Setting, Settings};
pub use text::{SLACK, Stops, Strings, Text};
pub use time::{NO_TIME, Times, UNREAD_TIME, epoch};
pub use vector::Bytes16;
pub use words::Message;
