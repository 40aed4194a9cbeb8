//! Which file of a log is the newest: without it, nobody could tell that this file is missing.
//!
//! The file that [`Format::newest`] names holds, little-endian: the eight bytes `tgnewest`, the version (u32, 1), the number of
//! the newest file of the log (u64), how much of it was synced when it was begun (24 bytes, an extent as `frame.rs` has it),
//! and the CRC32C of all before (u32). It is replaced by a rename whenever a file of the log was begun, and before older ones
//! are removed. So the file that it names is there, or something is lost.

use std::io::{self, ErrorKind, Write};

use crate::frame::Extent;
use crate::{Format, WalError};
use tallygate_disk::Disk;

const MAGIC: &[u8; 8] = b"tgnewest";
const VERSION: u32 = 1;

/// What says which file is the newest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Newest {
    /// This one, and it was synced so far when it was begun.
    Is(u64, Extent),
    /// Nothing does, as before version 2 of the format.
    Unknown,
    /// What does is damaged.
    Damaged,
}

/// Reads which file is the newest.
pub(super) fn read(disk: &dyn Disk, format: &Format) -> Result<Newest, WalError> {
    match disk.read(format.newest) {
        Ok(bytes) => decode(format, &bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Newest::Unknown),
        Err(source) => Err(WalError::Io { doing: "read", name: format.newest.to_owned(), source }),
    }
}

/// Writes the number beside the one that counts. After an error, nothing is left of it.
pub(super) fn write(disk: &dyn Disk, format: &Format, number: u64, synced: Extent) -> io::Result<()> {
    let write = || {
        let mut file = disk.create(&temporary(format))?;
        file.write_all(&encode(number, synced))?;
        file.sync()
    };
    write().inspect_err(|_| {
        // What cannot be removed is overwritten the next time.
        let _left = disk.remove(&temporary(format));
    })
}

/// Makes the number that was written count, durably. After an error, it does or does not.
pub(super) fn replace(disk: &dyn Disk, format: &Format) -> io::Result<()> {
    disk.rename(&temporary(format), format.newest)?;
    disk.sync()
}

fn temporary(format: &Format) -> String {
    format!("{}.new", format.newest)
}

fn encode(number: u64, synced: Extent) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&synced.encode());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

fn decode(format: &Format, bytes: &[u8]) -> Result<Newest, WalError> {
    let parts = || {
        let (checked, check) = bytes.split_last_chunk::<4>()?;
        let (version, number) = checked.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let is_whole = crc32c::crc32c(checked) == u32::from_le_bytes(*check);
        is_whole.then_some((u32::from_le_bytes(*version), number))
    };
    match parts() {
        Some((VERSION, body)) => {
            let parts = body.split_first_chunk().and_then(|(number, rest)| Some((number, Extent::decode(rest)?)));
            Ok(parts.map_or(Newest::Damaged, |(number, synced)| Newest::Is(u64::from_le_bytes(*number), synced)))
        }
        Some((version, _)) => Err(WalError::Newer { name: format.newest.to_owned(), version, known: VERSION }),
        None => Ok(Newest::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::JOURNAL;

    fn extent() -> Extent {
        Extent { bytes: 1_000, entries: 17, first: 489_990, last: 489_999 }
    }

    /// Version 1, of the number 258 and this extent.
    const FIXTURE: &[u8] = include_bytes!("newest-1.fixture");

    #[test]
    fn version_1_is_read_and_still_written() {
        assert_eq!(decode(&JOURNAL, FIXTURE).expect("is of this version"), Newest::Is(258, extent()));
        assert_eq!(encode(258, extent()), FIXTURE);
    }

    #[test]
    fn damage_is_found() {
        for bit in 0..FIXTURE.len() * 8 {
            let mut damaged = FIXTURE.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&JOURNAL, &damaged).expect("is of no version"), Newest::Damaged, "bit {bit}");
        }
        for length in 0..FIXTURE.len() {
            assert_eq!(
                decode(&JOURNAL, &FIXTURE[..length]).expect("is of no version"),
                Newest::Damaged,
                "{length} bytes"
            );
        }
    }
}
