//! What a disk does to the end of a journal that was being written.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tallygate_disk::Folder;
use tallygate_index::journal::replay;

use super::kept::Visit;
use super::killing::Random;

/// What was done.
pub(super) struct Damage {
    /// Visits that no journal file has any more.
    pub(super) lost: BTreeSet<Visit>,
    /// Bytes that the next process finds to be no whole entry.
    pub(super) cut_bytes: u64,
    /// Whether the next process finds that what it lost was acknowledged.
    pub(super) is_told: bool,
}

/// What the journal of a data directory says.
struct Said {
    visits: BTreeSet<Visit>,
    frames: u64,
    frame_bytes: u64,
    cut_bytes: u64,
    /// Of headers and marks.
    other_bytes: u64,
    is_damaged: bool,
}

/// Bytes at the beginning of a journal file, and around the addresses of an entry.
const HEADER: u64 = 68;
const FRAME: u64 = 28;

/// Tears off the end of the newest journal file, writes something behind it, or flips a bit near its end.
pub(super) fn damage(data: &Path, random: &mut Random) -> Damage {
    let before = said(data);
    let file = newest(data);
    let size = fs::metadata(&file).expect("it is there").len();
    let end = (size - HEADER).min(400);
    let mut written = 0;
    match random.below(3) {
        0 if end > 0 => {
            let torn = 1 + random.below(end);
            let file = OpenOptions::new().write(true).open(&file).expect("writable");
            file.set_len(size - torn).expect("writable");
            written -= i64::try_from(torn).expect("a few bytes");
        }
        1 if end > 0 => {
            let (file, at) = (OpenOptions::new().read(true).write(true).open(&file), size - 1 - random.below(end));
            let (file, mut byte) = (file.expect("writable"), [0]);
            file.read_exact_at(&mut byte, at).expect("readable");
            file.write_all_at(&[byte[0] ^ 1 << random.below(8)], at).expect("writable");
            assert!(before.frames - said(data).frames <= 1, "one bit costs one entry");
        }
        _ => {
            let garbage: Vec<u8> = (0..1 + random.below(200)).map(|_| random.next() as u8).collect();
            let file = OpenOptions::new().write(true).open(&file).expect("writable");
            file.write_all_at(&garbage, size).expect("writable");
            written += i64::try_from(garbage.len()).expect("a few bytes");
        }
    }
    let after = said(data);
    // Every byte is in an entry or is counted as cut.
    let bytes = |said: &Said| i64::try_from(said.frame_bytes + said.cut_bytes + said.other_bytes).expect("small");
    assert_eq!(bytes(&before) + written, bytes(&after));
    assert!(!before.is_damaged, "a process that is killed damages nothing");
    let lost = before.visits.difference(&after.visits).copied().collect();
    Damage { lost, cut_bytes: after.cut_bytes, is_told: after.is_damaged }
}

fn newest(data: &Path) -> PathBuf {
    let files = fs::read_dir(data.join("visits")).expect("the visits are there").flatten().map(|entry| entry.path());
    let journal = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal-"));
    files.filter(journal).max().expect("there is always one")
}

fn said(data: &Path) -> Said {
    let folder = Folder::open_to_read(data.join("visits")).expect("the visits are there");
    let (mut visits, mut frame_bytes) = (BTreeSet::new(), 0);
    let replayed = replay(&folder, 0, |frame| {
        frame_bytes += FRAME + 4 * frame.v4.len() as u64 + 16 * frame.v6.len() as u64;
        let v4 = frame.v4.iter().map(|address| IpAddr::V4(Ipv4Addr::from_bits(*address)));
        let v6 = frame.v6.iter().map(|address| IpAddr::V6(Ipv6Addr::from_bits(*address)));
        visits.extend(v4.chain(v6).map(|address| (frame.hour, address)));
    });
    let replayed = replayed.expect("it can be read");
    let is_damaged = !replayed.losses.is_empty();
    let (cut_bytes, other_bytes) = (replayed.cut_bytes, replayed.other_bytes);
    Said { visits, frames: replayed.frames, frame_bytes, cut_bytes, other_bytes, is_damaged }
}
