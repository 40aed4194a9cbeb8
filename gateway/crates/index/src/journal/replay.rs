//! Reading the files of a journal.

use super::frame::{Frames, Start, VERSION};
use super::{JournalError, Visits, failed};
use crate::disk::{Content, Disk};

/// What [`replay`] found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Replayed {
    /// Journal files.
    pub files: u64,
    /// Whole frames in them.
    pub frames: u64,
    /// Addresses in these; one that two frames name counts twice.
    pub visits: u64,
    /// Bytes that belong to no whole frame: torn ends, mostly.
    pub cut_bytes: u64,
    /// A number above those of all files, for [`super::Journal::start`].
    pub next: u64,
}

/// Reads the journal files from one number on, the oldest first, and gives every frame in them that is whole. Those below
/// are what a crash left of files that were removed: what they say is kept elsewhere, or was forgotten since.
///
/// What was acknowledged is among them; so may be what was not, and some of it twice.
///
/// # Errors
///
/// If a file cannot be read, or if a newer version of this program wrote it. Damage is no error: it is counted.
pub fn replay(disk: &dyn Disk, from: u64, mut each: impl FnMut(Visits<'_>)) -> Result<Replayed, JournalError> {
    let mut replayed = Replayed { next: from.max(1), ..Replayed::default() };
    for number in numbers(disk)? {
        replayed.next = replayed.next.max(number.saturating_add(1));
        if number < from {
            continue;
        }
        let content = disk.read(&name(number)).map_err(failed("read", number))?;
        let (_, bytes) = start_of(&content, number)?;
        let mut frames = Frames::new(bytes);
        while let Some(visits) = frames.next() {
            replayed.frames += 1;
            replayed.visits += (visits.v4.len() + visits.v6.len()) as u64;
            each(visits);
        }
        replayed.files += 1;
        replayed.cut_bytes += frames.cut;
    }
    Ok(replayed)
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
