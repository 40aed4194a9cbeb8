//! Reading the files of a journal.

use std::collections::HashMap;

use super::frame::{Extent, Frames, Start, VERSION};
use super::newest::{self, Newest};
use super::{JournalError, Visits, failed};
use crate::damage::{Damage, DamageKind};
use tallygate_disk::{Content, Disk};

/// What [`replay`] found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Replayed {
    /// Journal files.
    pub files: u64,
    /// Whole frames in them.
    pub frames: u64,
    /// Addresses in these; one that two frames name counts twice.
    pub visits: u64,
    /// Bytes that belong to nothing that is whole: torn ends, mostly.
    pub cut_bytes: u64,
    /// Bytes of headers and marks.
    pub other_bytes: u64,
    /// What was synced, and so perhaps acknowledged, and is not there any more.
    pub damage: Vec<Damage>,
    /// A number above those of all files, for [`super::Journal::start`].
    pub next: u64,
}

/// Reads the journal files from one number on, the oldest first, and gives every frame in them that is whole. Those below
/// are what a crash left of files that were removed: what they say is kept elsewhere, or was forgotten since.
///
/// What was acknowledged is among them, but for what [`Replayed::damage`] tells of; so may be what was not, and some of it
/// twice.
///
/// # Errors
///
/// If a file cannot be read, or if a newer version of this program wrote it. Damage is no error here.
pub fn replay(disk: &dyn Disk, from: u64, mut each: impl FnMut(Visits<'_>)) -> Result<Replayed, JournalError> {
    let mut replayed = Replayed { next: from.max(1), ..Replayed::default() };
    let mut files = Vec::new();
    // What later files say of earlier ones, the last word counts.
    let mut expected: HashMap<u64, Extent> = HashMap::new();
    for number in numbers(disk)? {
        replayed.next = replayed.next.max(number.saturating_add(1));
        if number < from {
            continue;
        }
        let content = disk.read(&name(number)).map_err(failed("read", number))?;
        if let (Start::Header(header), _) = start_of(&content, number)? {
            expected.extend(header.before.filter(|(before, _)| *before >= from));
        }
        files.push((number, content));
    }
    let newest = newest::read(disk)?;
    if let Newest::Is(number, synced) = newest
        && number >= from
        && synced.visits > 0
    {
        expected.entry(number).or_insert(synced);
    }
    for (number, content) in &files {
        let (_, bytes) = start_of(content, *number)?;
        let mut frames = Frames::new(content, bytes, expected.remove(number));
        let mut frame_bytes = 0;
        while let Some(visits) = frames.next() {
            replayed.frames += 1;
            replayed.visits += (visits.v4.len() + visits.v6.len()) as u64;
            frame_bytes += visits.frame_bytes();
            each(visits);
        }
        replayed.files += 1;
        replayed.cut_bytes += frames.cut;
        replayed.other_bytes += content.len() as u64 - frames.cut - frame_bytes;
        if let Some((extent, lost)) = frames.lost() {
            replayed.damage.push(damage(DamageKind::JournalHole, *number, Some((extent, lost))));
        }
    }
    let mut missing: Vec<_> = expected.into_iter().collect();
    missing.sort_unstable_by_key(|(number, _)| *number);
    let missing = missing.into_iter();
    replayed.damage.extend(
        missing.map(|(number, extent)| damage(DamageKind::JournalMissing, number, Some((extent, extent.visits)))),
    );
    match newest {
        Newest::Is(number, _) if number >= from && files.iter().all(|(file, _)| *file != number) => {
            replayed.next = replayed.next.max(number.saturating_add(1));
            let is_told = |told: &Damage| told.file == name(number);
            if !replayed.damage.iter().any(is_told) {
                replayed.damage.push(damage(DamageKind::JournalMissing, number, None));
            }
        }
        // The journal itself may be whole, and then nothing is lost.
        Newest::Damaged if files.is_empty() => {
            let file = newest::NAME.to_owned();
            replayed.damage.push(Damage { kind: DamageKind::JournalHole, file, visits: None, hours: None });
        }
        Newest::Damaged => {
            tracing::warn!(
                file = newest::NAME,
                "what says which journal file is the newest is damaged; it is written anew"
            );
        }
        Newest::Is(..) | Newest::Unknown => {}
    }
    Ok(replayed)
}

fn damage(kind: DamageKind, number: u64, lost: Option<(Extent, u64)>) -> Damage {
    let hours = lost.map(|(extent, _)| (extent.first, extent.last));
    Damage { kind, file: name(number), visits: lost.map(|(_, visits)| visits), hours }
}

/// The beginning of file `number`, and the bytes of its frames.
pub(super) fn start_of(content: &Content, number: u64) -> Result<(Start, &[u8]), JournalError> {
    match Start::of(content) {
        (Start::Newer(version), _) => Err(JournalError::Newer { name: name(number), version, known: VERSION }),
        start => Ok(start),
    }
}

/// The numbers of all journal files, ascending.
pub(super) fn numbers(disk: &dyn Disk) -> Result<Vec<u64>, JournalError> {
    let names = disk.list().map_err(JournalError::List)?;
    let mut numbers: Vec<_> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The name of a journal file.
pub(super) fn name(number: u64) -> String {
    format!("journal-{number:010}")
}

/// Whether a file is one of the journal, by its name.
pub(crate) fn is_journal(file: &str) -> bool {
    number(file).is_some()
}

fn number(file: &str) -> Option<u64> {
    let number = file.strip_prefix("journal-")?.parse().ok()?;
    // Only the one way of writing it: `journal-1` is somebody else's.
    (name(number) == file).then_some(number)
}
