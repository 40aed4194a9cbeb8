//! How records come in: where they lie in a body ([`frame`]), and bodies out of their compression ([`decompress`]).

pub mod decompress;
pub mod frame;
