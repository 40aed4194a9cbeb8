//! Words for people: what `explain` says is made of these.

use alloc::{format, string::String};
use core::fmt;

use crate::Address;

// === impl Address ===

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(address) => {
                let [a, b, c, d] = address.to_be_bytes();
                write!(formatter, "{a}.{b}.{c}.{d}")
            }
            // Groups without `::` are longer, and the code for them shorter, than RFC 5952 asks for.
            Self::V6(address) => {
                for group in (0..8).rev() {
                    let separator = if group == 7 { "" } else { ":" };
                    write!(formatter, "{separator}{:x}", address >> (16 * group) & 0xffff)?;
                }
                Ok(())
            }
        }
    }
}

/// What a record holds at some place, in quotes, short, and harmless to a terminal.
#[must_use]
pub fn excerpt(record: &[u8], at: usize) -> String {
    const LENGTH: usize = 40;
    let rest = record.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return String::from("the end of the record");
    }
    let shown = rest.get(..LENGTH).unwrap_or(rest).escape_ascii();
    let more = if rest.len() > LENGTH { "…" } else { "" };
    format!("`{shown}`{more}")
}
