//! What a process that starts takes over from files that are perhaps not durable.
//!
//! If a process is killed, the next one reads all that it wrote, but that may not be durable: it was not synced yet, or its
//! sync failed. Whoever replays it takes its entries for known, and acknowledges at once what only repeats them. So they must be
//! durable before. There is no syncing a file after the fact, since a sync that failed in the other
//! process is not told to this one; it is written again.

use crate::error::failed;
use crate::frame::{Extent, Header, Reader, Start};
use crate::replay::{numbers, start_of};
use crate::writer::{self, Open};
use crate::{Format, WalError};
use std::io;
use std::ops::Range;
use tallygate_disk::{Content, Disk, DiskFile};

/// What is there of a log once it can be gone on with.
pub(super) struct Started {
    pub(super) open: Open,
    /// Numbers and bytes of all files, ascending; the last one is open.
    pub(super) files: Vec<(u64, u64)>,
}

/// Begins a file behind those of `files` with the frames of all of these that are perhaps not durable, or of all if `anew`,
/// removes these, and returns it with the numbers and bytes of all files that are there then. Files below `files` are removed
/// unread.
pub(super) fn start(
    disk: &dyn Disk,
    format: &'static Format,
    files: Range<u64>,
    anew: bool,
) -> Result<Started, WalError> {
    let number = files.end;
    let (mut old, mut whole_below) = (Vec::new(), None);
    for found in numbers(disk, format)? {
        if found >= number {
            return Err(WalError::Taken { log: format.name, file: format.file(found) });
        }
        if found < files.start {
            remove(disk, format, found);
            continue;
        }
        let content = disk.read(&format.file(found)).map_err(failed("read", format.file(found)))?;
        if let (Start::Header(header), _) = start_of(format, &content, found)? {
            whole_below = Some(header.whole_below);
        }
        old.push((found, content));
    }
    let whole_below = whole_below.filter(|_| !anew).unwrap_or(if old.is_empty() { number } else { 0 });
    let (whole, unsure): (Vec<_>, Vec<_>) = old.into_iter().partition(|(found, _)| *found < whole_below);

    let mut before = whole.iter().map(|(found, content)| (*found, extent(format, content)));
    let before = before.rfind(|(_, extent)| extent.entries > 0);
    let open = writer::create(disk, format, Header { number, whole_below, before }, |file, extent| {
        unsure.iter().try_for_each(|(_, content)| copy(format, content, file, extent))
    })?;
    let mut files: Vec<_> = whole.iter().map(|(found, content)| (*found, content.len() as u64)).collect();
    let left = remove_newest_first(disk, format, unsure.iter().map(|(found, _)| *found).collect());
    files.extend(
        unsure.iter().filter(|(found, _)| left.contains(found)).map(|(found, file)| (*found, file.len() as u64)),
    );
    files.push((number, open.at));
    Ok(Started { open, files })
}

/// Removes files whose frames are in another one, and returns the numbers of those that stay. Each is gone for good before the
/// one before it goes: a later file tells of an earlier one, which would be missed.
fn remove_newest_first(disk: &dyn Disk, format: &Format, mut numbers: Vec<u64>) -> Vec<u64> {
    while let Some(number) = numbers.pop() {
        if !remove(disk, format, number) || !numbers.is_empty() && disk.sync().is_err() {
            numbers.push(number);
            break;
        }
    }
    numbers
}

/// All of a file that was synced as a whole.
fn extent(format: &'static Format, content: &Content) -> Extent {
    let mut extent = Extent::empty(0);
    let mut reader = Reader::new(format, content, Start::of(format, content).1, None);
    while let Some(run) = reader.next_run() {
        extent.add(format, run);
    }
    Extent { bytes: content.len() as u64, ..extent }
}

/// Removes a file that is no longer needed, if it can be. One that stays is read again at worst, or left unread.
fn remove(disk: &dyn Disk, format: &Format, number: u64) -> bool {
    let file = format.file(number);
    let removed = disk.remove(&file);
    if let Err(error) = &removed {
        tracing::warn!(file, %error, "cannot remove a {} file that is no longer needed", format.name);
    }
    removed.is_ok()
}

fn copy(format: &'static Format, content: &Content, file: &mut dyn DiskFile, extent: &mut Extent) -> io::Result<()> {
    let mut reader = Reader::new(format, content, Start::of(format, content).1, None);
    while let Some(run) = reader.next_run() {
        file.write_all(run)?;
        extent.add(format, run);
    }
    Ok(())
}
