//! What a process that starts takes over from files that are perhaps not durable.
//!
//! If a process is killed, the next one reads all that it wrote, but that may not be durable: it was not synced yet, or its
//! sync failed. The sets that are filled from it make its addresses known, and a batch of known addresses is acknowledged at
//! once. So it must be durable before. There is no syncing a file after the fact, since a sync that failed in the other
//! process is not told to this one; it is written again.

use super::frame::{Frames, HEADER, Header, Start};
use super::replay::{name, numbers, start_of};
use super::writer::{self, Open};
use super::{JournalError, failed};
use crate::disk::{Content, Disk, DiskFile};
use std::io;
use std::ops::Range;

/// Begins a file behind those of `files` with the frames of all of these that are perhaps not durable, removes these, and
/// returns it with the numbers and bytes of all files that are there then. Files below `files` are removed unread.
pub(super) fn start(disk: &dyn Disk, files: Range<u64>) -> Result<(Open, Vec<(u64, u64)>), JournalError> {
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
    let whole_below = whole_below.unwrap_or(if old.is_empty() { number } else { 0 });
    let (whole, unsure): (Vec<_>, Vec<_>) = old.into_iter().partition(|(found, _)| *found < whole_below);

    let header = Header { number, whole_below };
    let mut bytes = 0;
    let open = writer::create(disk, header, |file| {
        for (_, content) in &unsure {
            bytes += copy(content, file)?;
        }
        Ok(())
    })?;
    let mut files: Vec<_> = whole.iter().map(|(found, content)| (*found, content.len() as u64)).collect();
    for (found, content) in unsure {
        if !remove(disk, found) {
            files.push((found, content.len() as u64));
        }
    }
    files.push((number, HEADER as u64 + bytes));
    Ok((open, files))
}

/// Removes a file that is no longer needed, if it can be. One that stays is read again at worst, or left unread.
fn remove(disk: &dyn Disk, number: u64) -> bool {
    let removed = disk.remove(&name(number));
    if let Err(error) = &removed {
        tracing::warn!(file = name(number), %error, "cannot remove a journal file that is no longer needed");
    }
    removed.is_ok()
}

fn copy(content: &Content, file: &mut dyn DiskFile) -> io::Result<u64> {
    let (_, bytes) = Start::of(content);
    let (mut frames, mut count) = (Frames::new(bytes), 0);
    while let Some(run) = frames.next_run() {
        file.write_all(run)?;
        count += run.len() as u64;
    }
    Ok(count)
}
