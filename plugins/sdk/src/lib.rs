//! Write plugins for Tallygate, the gateway that keeps who came and when out of any log.
//!
//! A plugin reads one record at a time and says who came, and when. It is compiled to WebAssembly and runs in the gateway's
//! sandbox; all it can reach is its input, and the gateway's log. The whole of one:
//!
//! ```
//! use tallygate_sdk::{Address, Reject, Visit, fields, time};
//!
//! /// Lines such as `2026-11-20T05:00:00Z 1.2.3.4 anything`.
//! fn extract(record: &[u8]) -> Result<Visit, Reject> {
//!     let mut words = fields::words(record);
//!     let (Some(when), Some(who)) = (words.next(), words.next()) else {
//!         return Err(Reject::malformed("expected a time and an address"));
//!     };
//!     let address = Address::parse(who).ok_or(Reject::not_an_address("the second word is no address"))?;
//!     Ok(Visit::of(address).at(time::rfc3339(when)))
//! }
//!
//! tallygate_sdk::plugin!(extract);
//! # assert_eq!(extract(b"x"), Err(Reject::malformed("expected a time and an address")));
//! # assert_eq!(extract(b"1 ::1").map(|visit| visit.time), Ok(tallygate_sdk::UNREAD_TIME));
//! ```
//!
//! A plugin with settings, or one that remembers something, is a type that implements [`Plugin`].
//!
//! | to read | there is |
//! |---|---|
//! | addresses | [`Address::parse`]: with ports, brackets and all else that programs write |
//! | `X-Forwarded-For` and its like | [`Trusted`] |
//! | times | [`time`]: a function for each notation; [`Times`] for all of them |
//! | lines | [`fields`]: by byte, by white space, in quotes, comma-separated, `key=value` |
//! | JSON | [`json`] |
//! | whole calls at once, in wide steps | [`Format`], [`Text`], [`Stops`]: what the shipped plugins are made with |
//!
//! None of these panics, whatever the record holds, and none of them allocates, unless it says so.
//!
//! # A panic
//!
//! It ends the call: the gateway sets the plugin up anew and judges the other records of the call without that one. The
//! panic's message is in the gateway's log, like everything that a plugin prints, or says with [`log`].
//!
//! Each line that is printed is a message of its own, and the gateway logs ten of them a second: one of more than 1 KiB becomes
//! several. The standard library keeps what `print!` was given until the line ends, also from one call to the next, and that
//! is lost if the plugin panics before: end your lines, or use `eprint!`.
//!
//! # Without a standard library
//!
//! With `default-features = false`, the component has an allocator and a panic handler from here, and is smaller by 24 KB.
//! Memory that a plugin asks for after it is set up must not outlive the call: that allocator begins anew when all of a
//! call's memory is given back, and does not find room in between. Of a panic's message, only a text without values is
//! in the log, and the place. The plugins that the gateway ships with are built so.

#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

#[cfg(any(target_arch = "wasm32", test))]
#[doc(hidden)]
pub mod abi;
mod address;
#[cfg(any(not(feature = "std"), test))]
mod arena;
#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
mod bare;
mod columns;
mod export;
pub mod fields;
mod format;
#[cfg(any(all(target_arch = "wasm32", feature = "std"), test))]
mod gather;
#[cfg(any(all(target_arch = "wasm32", feature = "std"), test))]
mod heap;
mod hops;
pub mod json;
pub mod log;
#[cfg(all(target_arch = "wasm32", feature = "std"))]
mod malloc;
mod plugin;
mod settings;
#[cfg(all(target_arch = "wasm32", feature = "std"))]
mod stdio;
mod text;
pub mod time;
mod utf8;
mod vector;
mod words;

/// What the macros need of the standard library, which the author's crate may not have.
#[doc(hidden)]
pub mod reexport {
    pub use alloc::string::String;
}

pub use address::Address;
pub use columns::{Columns, Reject, Visit};
pub use format::{Batch, Format, extract, with_slack};
pub use hops::{Listed, Trusted};
#[doc(hidden)]
pub use plugin::read;
pub use plugin::{Context, Plugin};
pub use settings::{Setting, Settings};
pub use text::{SLACK, Stops, Strings, Text};
pub use time::{NO_TIME, Times, UNREAD_TIME};
pub use vector::Bytes16;
pub use words::Message;
