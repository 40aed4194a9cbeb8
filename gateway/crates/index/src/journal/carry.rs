//! What a process that starts takes over from files that are perhaps not durable.
//!
//! If a process is killed, the next one reads all that it wrote, but that may not be durable: it was not synced yet, or its
//! sync failed. The sets that are filled from it make its addresses known, and a batch of known addresses is acknowledged at
//! once. So it must be durable before. There is no syncing a file after the fact, since a sync that failed in the other
//! process is not told to this one; it is written again.

use super::frame::{Extent, Frames, Header, Start};
use super::replay::{name, numbers, start_of};
use super::writer::{self, Open};
use super::{JournalError, failed};
use std::io;
use std::ops::Range;
use tallygate_disk::{Content, Disk, DiskFile};

/// Begins a file behind those of `files` with the frames of all of these that are perhaps not durable, or of all if `anew`,
/// removes these, and returns it with the numbers and bytes of all files that are there then. Files below `files` are removed
/// unread.
pub(super) fn start(disk: &dyn Disk, files: Range<u64>, anew: bool) -> Result<(Open, Vec<(u64, u64)>), JournalError> {
    let number = files.end;
    let (mut old, mut whole_below) = (Vec::new(), None);
    for found in numbers(disk)? {
        if found >= number {
            return Err(JournalError::Taken(name(found)));
        }
        if found < files.start {
            remove(disk, found);
            continue;
        }
        let content = disk.read(&name(found)).map_err(failed("read", found))?;
        if let (Start::Header(header), _) = start_of(&content, found)? {
            whole_below = Some(header.whole_below);
        }
        old.push((found, content));
    }
    let whole_below = whole_below.filter(|_| !anew).unwrap_or(if old.is_empty() { number } else { 0 });
    let (whole, unsure): (Vec<_>, Vec<_>) = old.into_iter().partition(|(found, _)| *found < whole_below);

    let mut before = whole.iter().map(|(found, content)| (*found, extent(content)));
    let before = before.rfind(|(_, extent)| extent.visits > 0);
    let open = writer::create(disk, Header { number, whole_below, before }, |file, extent| {
        unsure.iter().try_for_each(|(_, content)| copy(content, file, extent))
    })?;
    let mut files: Vec<_> = whole.iter().map(|(found, content)| (*found, content.len() as u64)).collect();
    let left = remove_newest_first(disk, unsure.iter().map(|(found, _)| *found).collect());
    files.extend(
        unsure.iter().filter(|(found, _)| left.contains(found)).map(|(found, file)| (*found, file.len() as u64)),
    );
    files.push((number, open.at));
    Ok((open, files))
}

/// Removes files whose frames are in another one, and returns the numbers of those that stay. Each is gone for good before the
/// one before it goes: a later file tells of an earlier one, which would be missed.
fn remove_newest_first(disk: &dyn Disk, mut numbers: Vec<u64>) -> Vec<u64> {
    while let Some(number) = numbers.pop() {
        if !remove(disk, number) || !numbers.is_empty() && disk.sync().is_err() {
            numbers.push(number);
            break;
        }
    }
    numbers
}

/// All of a file that was synced as a whole.
fn extent(content: &Content) -> Extent {
    let mut extent = Extent::empty(0);
    let mut frames = Frames::new(content, Start::of(content).1, None);
    while let Some(run) = frames.next_run() {
        extent.add(run);
    }
    Extent { bytes: content.len() as u64, ..extent }
}

/// Removes a file that is no longer needed, if it can be. One that stays is read again at worst, or left unread.
fn remove(disk: &dyn Disk, number: u64) -> bool {
    let removed = disk.remove(&name(number));
    if let Err(error) = &removed {
        tracing::warn!(file = name(number), %error, "cannot remove a journal file that is no longer needed");
    }
    removed.is_ok()
}

fn copy(content: &Content, file: &mut dyn DiskFile, extent: &mut Extent) -> io::Result<()> {
    let mut frames = Frames::new(content, Start::of(content).1, None);
    while let Some(run) = frames.next_run() {
        file.write_all(run)?;
        extent.add(run);
    }
    Ok(())
}
