//! Reading the files of a log.

use std::collections::HashMap;

use crate::error::failed;
use crate::frame::{Extent, Reader, Start, VERSION};
use crate::newest::{self, Newest};
use crate::{Format, WalError};
use tallygate_disk::{Content, Disk};

/// What [`replay`] found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Replayed {
    /// Files of the log.
    pub files: u64,
    /// Whole frames in them.
    pub frames: u64,
    /// Entries in these; what is in two frames counts twice.
    pub entries: u64,
    /// Bytes that belong to nothing that is whole: torn ends, mostly.
    pub cut_bytes: u64,
    /// Bytes of headers and marks.
    pub other_bytes: u64,
    /// What was synced, and so perhaps acknowledged, and is not there any more.
    pub losses: Vec<Loss>,
    /// A number above those of all files, for [`crate::Wal::start`].
    pub next: u64,
}

/// A file that has lost entries which were synced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// What happened to it.
    pub kind: LossKind,
    /// Its name.
    pub file: String,
    /// How many entries are lost at most, as far as that is known.
    pub entries: Option<u64>,
    /// The first and the last key of what the file had, as far as that is known.
    pub keys: Option<(u32, u32)>,
}

/// What can happen to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossKind {
    /// It is not there.
    Missing,
    /// It has a hole, or ends before what was synced.
    Hole,
}

/// Reads the files of a log from one number on, the oldest first, and gives the payload of every frame that is whole. Those below
/// are what a crash left of files that were removed: what they say is kept elsewhere, or was forgotten since.
///
/// What was acknowledged is among them, but for what [`Replayed::losses`] tells of; so may be what was not, and some of it
/// twice.
///
/// # Errors
///
/// If a file cannot be read, or if a newer version of this program wrote it. Damage is no error here.
pub fn replay(
    disk: &dyn Disk,
    format: &'static Format,
    from: u64,
    mut each: impl FnMut(&[u8]),
) -> Result<Replayed, WalError> {
    let mut replayed = Replayed { next: from.max(1), ..Replayed::default() };
    let mut files = Vec::new();
    // What later files say of earlier ones, the last word counts.
    let mut expected: HashMap<u64, Extent> = HashMap::new();
    for number in numbers(disk, format)? {
        replayed.next = replayed.next.max(number.saturating_add(1));
        if number < from {
            continue;
        }
        let file = format.file(number);
        let content = disk.read(&file).map_err(failed("read", file))?;
        if let (Start::Header(header), _) = start_of(format, &content, number)? {
            expected.extend(header.before.filter(|(before, _)| *before >= from));
        }
        files.push((number, content));
    }
    let newest = newest::read(disk, format)?;
    if let Newest::Is(number, synced) = newest
        && number >= from
        && synced.entries > 0
    {
        expected.entry(number).or_insert(synced);
    }
    for (number, content) in &files {
        let (_, bytes) = start_of(format, content, *number)?;
        let mut reader = Reader::new(format, content, bytes, expected.remove(number));
        while let Some(payload) = reader.next() {
            replayed.frames += 1;
            each(payload);
        }
        replayed.files += 1;
        replayed.entries += reader.entries;
        replayed.cut_bytes += reader.cut;
        replayed.other_bytes += content.len() as u64 - reader.cut - reader.frame_bytes;
        let lost = reader.lost();
        replayed.losses.extend(lost.map(|(extent, lost)| Loss::hole(format.file(*number), extent, lost)));
    }
    let mut missing: Vec<_> = expected.into_iter().collect();
    missing.sort_unstable_by_key(|(number, _)| *number);
    let missing = missing.into_iter().map(|(number, extent)| Loss::missing(format.file(number), Some(extent)));
    replayed.losses.extend(missing);
    replayed.look_for_newest(format, newest, |number| number < from || files.iter().any(|(file, _)| *file == number));
    Ok(replayed)
}

// === impl Replayed ===

impl Replayed {
    /// Notes whether the newest file is missing. `is_there` also says so of files that are not needed.
    fn look_for_newest(&mut self, format: &Format, newest: Newest, is_there: impl Fn(u64) -> bool) {
        match newest {
            Newest::Is(number, _) if !is_there(number) => {
                self.next = self.next.max(number.saturating_add(1));
                let file = format.file(number);
                if !self.losses.iter().any(|told| told.file == file) {
                    self.losses.push(Loss::missing(file, None));
                }
            }
            // The log itself may be whole, and then nothing is lost.
            Newest::Damaged if self.files == 0 => {
                let file = format.newest.to_owned();
                self.losses.push(Loss { kind: LossKind::Hole, file, entries: None, keys: None });
            }
            Newest::Damaged => {
                let (file, name) = (format.newest, format.name);
                tracing::warn!(file, "what says which {name} file is the newest is damaged; it is written anew");
            }
            Newest::Is(..) | Newest::Unknown => {}
        }
    }
}

// === impl Loss ===

impl Loss {
    fn hole(file: String, extent: Extent, entries: u64) -> Self {
        Self { kind: LossKind::Hole, file, entries: Some(entries), keys: Some((extent.first, extent.last)) }
    }

    fn missing(file: String, extent: Option<Extent>) -> Self {
        let (entries, keys) = (extent.map(|extent| extent.entries), extent.map(|extent| (extent.first, extent.last)));
        Self { kind: LossKind::Missing, file, entries, keys }
    }
}

/// The beginning of file `number`, and the bytes of its frames.
pub(super) fn start_of<'a>(format: &Format, content: &'a Content, number: u64) -> Result<(Start, &'a [u8]), WalError> {
    match Start::of(format, content) {
        (Start::Newer(version), _) => Err(WalError::Newer { name: format.file(number), version, known: VERSION }),
        start => Ok(start),
    }
}

/// The numbers of all files of the log, ascending.
pub(super) fn numbers(disk: &dyn Disk, format: &Format) -> Result<Vec<u64>, WalError> {
    let names = disk.list().map_err(|source| WalError::List { log: format.name, source })?;
    let mut numbers: Vec<_> = names.iter().filter_map(|name| format.number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
