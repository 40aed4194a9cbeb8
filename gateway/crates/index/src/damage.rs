//! What a data directory had and has no longer.

use std::fmt;

use crate::Hour;

/// A file that has lost visits which were acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// What happened to it.
    pub kind: DamageKind,
    /// Its name.
    pub file: String,
    /// How many visits are lost at most, as far as that is known: some of them may be in other files, too.
    pub visits: Option<u64>,
    /// From which hour to which one they were, as far as that is known.
    pub hours: Option<(Hour, Hour)>,
}

/// What can happen to a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DamageKind {
    /// A journal file is not there.
    JournalMissing,
    /// A journal file has a hole, or ends before what was synced.
    JournalHole,
    /// A segment is not there.
    SegmentMissing,
    /// A segment has a wrong checksum, or is none.
    SegmentDamaged,
    /// A segment is whole, but not the one that was there.
    SegmentReplaced,
}

/// How often each kind of damage was accepted, in the order of [`DamageKind::ALL`].
pub type DamageTotals = [u64; DamageKind::ALL.len()];

// === impl DamageKind ===

impl DamageKind {
    /// Every kind, in an order that is stored and does not change.
    pub const ALL: [Self; 5] =
        [Self::JournalMissing, Self::JournalHole, Self::SegmentMissing, Self::SegmentDamaged, Self::SegmentReplaced];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JournalMissing => "journal-missing",
            Self::JournalHole => "journal-hole",
            Self::SegmentMissing => "segment-missing",
            Self::SegmentDamaged => "segment-damaged",
            Self::SegmentReplaced => "segment-replaced",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::JournalMissing | Self::SegmentMissing => "is missing",
            Self::JournalHole => "lacks part of what was synced",
            Self::SegmentDamaged => "is damaged",
            Self::SegmentReplaced => "is not the file that was there",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.file, self.kind.words())?;
        match self.visits {
            Some(visits) => write!(formatter, ", and with it up to {visits} visits")?,
            None => formatter.write_str("; how many visits it had is not known")?,
        }
        match self.hours {
            Some((first, last)) if first == last => write!(formatter, " of {first}"),
            Some((first, last)) => write!(formatter, " from {first} to {last}"),
            None => Ok(()),
        }
    }
}
