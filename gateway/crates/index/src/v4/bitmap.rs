//! A page with many addresses: one bit for each of the 65,536.

use super::arena::Line;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sets the bit of a suffix; whether it was clear.
#[inline]
pub(super) fn insert(lines: &[Line], suffix: u16) -> bool {
    let (word, bit) = place(lines, suffix);
    // Most traffic is of known addresses: looking first leaves their line shared between the cores.
    word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Release) & bit == 0
}

/// Clears the bit of a suffix; whether it was set.
pub(super) fn remove(lines: &[Line], suffix: u16) -> bool {
    let (word, bit) = place(lines, suffix);
    word.fetch_and(!bit, Ordering::Release) & bit != 0
}

/// Whether the bit of a suffix is set.
#[inline]
pub(super) fn contains(lines: &[Line], suffix: u16) -> bool {
    let (word, bit) = place(lines, suffix);
    word.load(Ordering::Relaxed) & bit != 0
}

/// The line that holds the bit of a suffix.
#[inline]
pub(super) fn home_line(suffix: u16) -> usize {
    usize::from(suffix) / 512
}

#[inline]
fn place(lines: &[Line], suffix: u16) -> (&AtomicU64, u64) {
    (&lines[home_line(suffix)].0[usize::from(suffix) / 64 % 8], 1 << (suffix % 64))
}
