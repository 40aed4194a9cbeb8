//! What the shipped plugins share: reading addresses and times, and the way into and out of the sandbox.
//!
//! Everything but [`guest`] is plain Rust and is tested natively.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod address;
mod arena;
mod columns;
mod format;
#[cfg(target_arch = "wasm32")]
pub mod guest;
mod hops;
mod text;
mod time;
mod utf8;
mod vector;
mod words;

pub use address::Address;
pub use columns::{Columns, Reject, Visit};
pub use format::{Batch, Format, extract, with_slack};
pub use hops::{Listed, Trusted};
pub use text::{SLACK, Stops, Strings, Text};
pub use time::{NO_TIME, Times, UNREAD_TIME, epoch};
pub use vector::Bytes16;
pub use words::Message;
