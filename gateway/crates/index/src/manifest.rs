//! What the history consists of: the one file that makes segments and matrices count, all together or not at all.
//!
//! Format, version 2: the eight bytes `tgvisits`, the version (u32, little-endian), the CRC32C (Castagnoli) of all that
//! follows (u32), then numbers as LEB128: granularity of IPv6 (0 for whole addresses, else the bits kept), number of the next
//! segment file, number of the first journal file whose visits may be missing, how many kinds of damage and how often each was
//! accepted, how many tenants; and for each tenant its number, the oldest hour and the oldest day told apart, how many
//! segments and for each one its file number times two, plus one if its month has it, its checksum, how many addresses it
//! has, its first hour and its last (both 0 if it is of what came before); the matrix of days, and that of hours.
//!
//! Version 1 had neither damage nor, of a segment, more than the first number.
//!
//! It is written anew each time, under another name, and takes the place of the old one by being renamed.

use std::io::{self, ErrorKind, Write};

use crate::absorb::{BLOCK_OF_DAYS, BLOCK_OF_HOURS, Matrices};
use crate::damage::DamageTotals;
use crate::matrix::Matrix;
use crate::segment::Segment;
use crate::snapshot::Floors;
use crate::varint::{self, Truncated};
use crate::{Day, Hour};
use tallygate_disk::Disk;
use tallygate_event::TenantId;

/// What the manifest says. The matrices are large, and only lent to be written.
pub(crate) struct Manifest<M = Matrices> {
    pub(crate) granularity: u32,
    pub(crate) next_file: u64,
    pub(crate) journal_from: u64,
    /// Damage that was accepted.
    pub(crate) damage: DamageTotals,
    pub(crate) tenants: Vec<TenantManifest<M>>,
}

/// What it says of one tenant.
pub(crate) struct TenantManifest<M> {
    pub(crate) tenant: u32,
    pub(crate) floors: Floors,
    pub(crate) segments: Vec<Listed>,
    pub(crate) matrices: M,
}

/// A segment file that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    pub(crate) file: u64,
    pub(crate) in_month: bool,
    /// None in version 1.
    pub(crate) content: Option<Known>,
}

/// What is known of a segment without reading it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) crc: u32,
    pub(crate) addresses: u64,
    /// None if its addresses came before what is told apart.
    pub(crate) hours: Option<(Hour, Hour)>,
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The disk failed.
    #[error("cannot read {NAME}")]
    Io(#[source] io::Error),
    /// It was written by another program, or a later version.
    #[error(
        "{NAME} is of version {0}, which this tallygate does not know; run the version that wrote it, or a later one"
    )]
    Version(u32),
    /// There is none, and so no history.
    #[error("there is no {NAME}, and so no history; is it the right folder?")]
    None,
    /// There is none, and a file that it should list.
    #[error("{0} is there without {NAME}, which lists what counts; restore the data directory from a backup")]
    Missing(String),
    /// It has what is not to be kept, and is left alone.
    #[error(
        "{NAME} has visits of tenant {tenant}, and this tallygate keeps those of {}; run the version that wrote it, or a later \
         one",
        numbers(kept)
    )]
    Tenant {
        /// Whose visits were found.
        tenant: u32,
        /// Whose visits are kept.
        kept: Vec<TenantId>,
    },
    /// Its checksum is wrong, or it is not one.
    #[error("{NAME} is damaged; restore the data directory from a backup")]
    Damaged,
}

/// Days and hours that matrices have room for from the start.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) days: u32,
    pub(crate) hours: u32,
}

const NAME: &str = "visits";
const TEMPORARY: &str = "visits.new";
const MAGIC: &[u8; 8] = b"tgvisits";
const VERSION: u32 = 2;
const HEAD: usize = 16;
/// More is not one of ours.
const MOST: u64 = 1 << 32;

/// Tenants in words.
fn numbers(kept: &[TenantId]) -> String {
    match kept {
        [one] => format!("one tenant, number {}", one.0),
        several => {
            let numbers: Vec<_> = several.iter().map(|tenant| tenant.0.to_string()).collect();
            format!("{} tenants, numbers {}", several.len(), numbers.join(", "))
        }
    }
}

/// For fuzzing: reads what stands behind the checksum of a manifest, and writes it again if it can be read.
#[doc(hidden)]
#[must_use]
pub fn read_and_write_manifest(body: &[u8]) -> Option<Vec<u8>> {
    let read = Manifest::decode_body(body, VERSION, Windows { days: 464, hours: 66 * 24 }).ok()?;
    let tenants = read.tenants.iter().map(|tenant| TenantManifest {
        tenant: tenant.tenant,
        floors: tenant.floors,
        segments: tenant.segments.clone(),
        matrices: &tenant.matrices,
    });
    let Manifest { granularity, next_file, journal_from, damage, .. } = read;
    let written =
        Manifest::encode(&Manifest { granularity, next_file, journal_from, damage, tenants: tenants.collect() });
    Some(written.get(HEAD..)?.to_vec())
}

/// The version of the format that a disk was last written in, and the one that this program writes. `None` if nothing was
/// written there, or nothing that can be told.
#[must_use]
pub fn format_versions(disk: &dyn Disk) -> Option<(u32, u32)> {
    let bytes = disk.read(NAME).ok()?;
    let version = bytes.strip_prefix(MAGIC)?.first_chunk()?;
    Some((u32::from_le_bytes(*version), VERSION))
}

// === impl Manifest ===

impl Manifest {
    /// The name of its file.
    pub(crate) fn name() -> &'static str {
        NAME
    }

    /// The manifest of a disk; `None` if there is none.
    pub(crate) fn load(disk: &dyn Disk, windows: Windows) -> Result<Option<Self>, ManifestError> {
        match disk.read(NAME) {
            Ok(bytes) => Self::decode(&bytes, windows).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ManifestError::Io(error)),
        }
    }

    /// Writes one beside that of a disk. After an error, nothing is left of it.
    pub(crate) fn write(bytes: &[u8], disk: &dyn Disk) -> io::Result<()> {
        let write = || {
            let mut file = disk.create(TEMPORARY)?;
            file.write_all(bytes)?;
            file.sync()
        };
        write().inspect_err(|_| {
            // What cannot be removed is overwritten the next time.
            let _left = disk.remove(TEMPORARY);
        })
    }

    /// Makes the one that was written that of the disk, durably. After an error, it is the old one or this one.
    pub(crate) fn replace(disk: &dyn Disk) -> io::Result<()> {
        disk.rename(TEMPORARY, NAME)?;
        disk.sync()
    }

    pub(crate) fn encode(manifest: &Manifest<&Matrices>) -> Vec<u8> {
        let mut out = vec![0; HEAD];
        let kinds = manifest.damage.len() as u64;
        for number in [u64::from(manifest.granularity), manifest.next_file, manifest.journal_from, kinds] {
            varint::put(&mut out, number);
        }
        manifest.damage.iter().for_each(|count| varint::put(&mut out, *count));
        varint::put(&mut out, manifest.tenants.len() as u64);
        for one in &manifest.tenants {
            for number in [one.tenant, one.floors.hour.0, one.floors.day.0, one.segments.len() as u32] {
                varint::put(&mut out, u64::from(number));
            }
            for listed in &one.segments {
                varint::put(&mut out, listed.file << 1 | u64::from(listed.in_month));
                let Known { crc, addresses, hours } = listed.content.unwrap_or_default();
                let (first, last) = hours.unwrap_or((Hour(0), Hour(0)));
                [u64::from(crc), addresses, u64::from(first.0), u64::from(last.0)]
                    .iter()
                    .for_each(|number| varint::put(&mut out, *number));
            }
            one.matrices.days.encode(&mut out);
            one.matrices.hours.encode(&mut out);
        }
        let sum = crc32c::crc32c(&out[HEAD..]);
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..HEAD].copy_from_slice(&sum.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], windows: Windows) -> Result<Self, ManifestError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ManifestError::Damaged)?;
        let (version, rest) = rest.split_first_chunk().ok_or(ManifestError::Damaged)?;
        let version = u32::from_le_bytes(*version);
        if !(1..=VERSION).contains(&version) {
            return Err(ManifestError::Version(version));
        }
        let (sum, body) = rest.split_first_chunk().ok_or(ManifestError::Damaged)?;
        if u32::from_le_bytes(*sum) != crc32c::crc32c(body) {
            return Err(ManifestError::Damaged);
        }
        Self::decode_body(body, version, windows).map_err(|Truncated| ManifestError::Damaged)
    }

    /// Reads what stands behind the checksum.
    pub(crate) fn decode_body(mut body: &[u8], version: u32, windows: Windows) -> Result<Self, Truncated> {
        let input = &mut body;
        let (granularity, next_file) = (varint::get_u32(input)?, varint::get(input)?);
        let journal_from = varint::get(input)?;
        let mut damage = DamageTotals::default();
        let kinds = if version > 1 { varint::get(input)? } else { 0 };
        if kinds > damage.len() as u64 {
            return Err(Truncated);
        }
        for count in damage.iter_mut().take(kinds as usize) {
            *count = varint::get(input)?;
        }
        let mut tenants = Vec::new();
        for _ in 0..varint::get(input)? {
            tenants.push(TenantManifest::decode(input, version, windows)?);
        }
        if next_file > MOST || !input.is_empty() {
            Err(Truncated)
        } else {
            Ok(Self { granularity, next_file, journal_from, damage, tenants })
        }
    }
}

// === impl TenantManifest ===

impl TenantManifest<Matrices> {
    fn decode(input: &mut &[u8], version: u32, windows: Windows) -> Result<Self, Truncated> {
        let tenant = varint::get_u32(input)?;
        let floors = Floors { hour: Hour(varint::get_u32(input)?), day: Day(varint::get_u32(input)?) };
        let mut segments = Vec::new();
        for _ in 0..varint::get_u32(input)? {
            let number = varint::get(input)?;
            let content = if version > 1 { Some(Known::decode(input)?) } else { None };
            segments.push(Listed { file: number >> 1, in_month: number & 1 == 1, content });
        }
        let days = Matrix::decode(input, windows.days, BLOCK_OF_DAYS)?;
        let hours = Matrix::decode(input, windows.hours, BLOCK_OF_HOURS)?;
        Ok(Self { tenant, floors, segments, matrices: Matrices { days, hours } })
    }
}

// === impl Known ===

impl Known {
    /// What is known of this segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        Self { crc: segment.crc(), addresses: segment.v4_len() + segment.v6_len(), hours: segment.span().hours() }
    }

    fn decode(input: &mut &[u8]) -> Result<Self, Truncated> {
        let (crc, addresses) = (varint::get_u32(input)?, varint::get(input)?);
        let (first, last) = (Hour(varint::get_u32(input)?), Hour(varint::get_u32(input)?));
        Ok(Self { crc, addresses, hours: (last > Hour(0)).then_some((first, last)) })
    }
}
