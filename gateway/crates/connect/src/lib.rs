//! How records come in: where they lie in a body ([`frame`]), and bodies out of their compression ([`decompress`]).

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod decompress;
pub mod frame;
