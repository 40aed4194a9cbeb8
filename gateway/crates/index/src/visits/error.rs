//! Why visits cannot be opened, or kept.

use crate::damage::Damage;
use crate::journal::{Unwritable, WalError};
use crate::manifest::ManifestError;
use crate::segment::SegmentError;

/// Why visits cannot be opened, or kept.
#[derive(Debug, thiserror::Error)]
pub enum VisitsError {
    /// The list of segments cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(WalError),
    /// The journal cannot be written now.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// Something that was acknowledged is not there any more.
    #[error(
        "acknowledged visits are lost:\n{}\nrestore the data directory from a backup, or go on with what is whole: \
         tallygate serve --accept-damage starts once with that, and counts what is lost",
        .0.iter().map(|damage| format!("  {damage}")).collect::<Vec<_>>().join("\n")
    )]
    Damaged(Vec<Damage>),
    /// A segment cannot be read.
    #[error("segment file {name}: {source}; restore the data directory from a backup")]
    Segment {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: SegmentError,
    },
    /// The disk failed.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// IPv6 addresses were told apart otherwise when the history was begun.
    #[error(
        "the history was begun with addresses.ipv6 = \"{kept}\", and is to go on with \"{asked}\": what was counted cannot be \
         counted anew; set it back, or choose another data_dir"
    )]
    Granularity {
        /// What the history has.
        kept: &'static str,
        /// What was asked for.
        asked: &'static str,
    },
    /// Merging segments failed, which is a fault of this program.
    #[error("segments cannot be merged: a fault of this program, please report what it said before")]
    Merge,
    /// The history's thread has ended.
    #[error("the history has been closed")]
    Closed,
}

// === impl VisitsError ===

impl From<WalError> for VisitsError {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Unwritable(unwritable) => Self::Unwritable(unwritable.into()),
            other => Self::Journal(other),
        }
    }
}
