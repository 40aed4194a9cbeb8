//! The journal: which visits are not in segments yet, so that they survive the process and the power. How it is written and
//! read is [`tallygate_wal`]'s; this is what its payloads are.
//!
//! All numbers are little-endian. A payload is:
//!
//! | | bytes | |
//! |---|---|---|
//! | tenant | 4 | |
//! | hour | 4 | since the Unix epoch |
//! | IPv4 count | 4 | |
//! | IPv6 count | 4 | |
//! | IPv4 addresses | 4 each | `a.b.c.d` is `a<<24 \| b<<16 \| c<<8 \| d` |
//! | IPv6 addresses | 16 each | |
//!
//! Marks count addresses, and tell of the first and the last hour.

pub use tallygate_wal::{Durability, Frames, Observer, Progress, Replayed, Settled, Ticket, WalError};

use crate::damage::{Damage, DamageKind};
use crate::{Day, Hour};
use tallygate_disk::Disk;
use tallygate_event::TenantId;
use tallygate_wal::{Format, Loss, LossKind, Measure};

/// Addresses that a tenant's records name within an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HourVisits<'a> {
    /// Whose they are.
    pub tenant: TenantId,
    /// When: up to the year 9999, or the frame counts as damaged.
    pub hour: Hour,
    /// IPv4 addresses, `a.b.c.d` as `a<<24 | b<<16 | c<<8 | d`.
    pub v4: &'a [u32],
    /// IPv6 addresses.
    pub v6: &'a [u128],
}

/// Visits cannot be taken at the moment: the journal cannot be written, or something else is in the way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("visits cannot be taken now: {reason}")]
pub struct Unwritable {
    /// What failed, and why.
    pub reason: String,
}

/// The head of a payload, and the bytes of its addresses.
struct Payload<'a> {
    tenant: TenantId,
    hour: Hour,
    v4: &'a [[u8; 4]],
    v6: &'a [[u8; 16]],
}

/// The journal among other logs.
pub(crate) static FORMAT: Format = Format {
    name: "journal",
    keeps: "visits",
    newest: "newest",
    magic: *b"TALLYJNL",
    most_payload: MOST_PAYLOAD as u32,
    measure,
};

const MOST_PAYLOAD: usize = 1 << 20;
/// Bytes of a payload before its addresses.
const HEAD: usize = 16;

/// Appends the frames of visits, which are none if there is no address, and several if they do not fit into one.
pub fn encode(visits: &HourVisits<'_>, out: &mut Frames) {
    let (mut v4, mut v6) = (visits.v4, visits.v6);
    while !v4.is_empty() || !v6.is_empty() {
        let room = MOST_PAYLOAD - HEAD;
        let (first_v4, rest) = v4.split_at(v4.len().min(room / 4));
        v4 = rest;
        let (first_v6, rest) = v6.split_at(v6.len().min((room - first_v4.len() * 4) / 16));
        v6 = rest;
        let some = HourVisits { v4: first_v4, v6: first_v6, ..*visits };
        out.push(&FORMAT, |out| some.append_to(out)).expect("what has no room is left for the next frame");
    }
}

/// Reads the journal from one of its files on, as [`tallygate_wal::replay`] does.
///
/// # Errors
///
/// If a file cannot be read, or if a newer version of this program wrote it. Damage is no error here.
pub fn replay(disk: &dyn Disk, from: u64, mut each: impl FnMut(HourVisits<'_>)) -> Result<Replayed, WalError> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    tallygate_wal::replay(disk, &FORMAT, from, |payload| {
        let Payload { tenant, hour, v4: bytes_v4, v6: bytes_v6 } =
            Payload::of(payload).expect("a replay leaves out what is no payload");
        v4.clear();
        v4.extend(bytes_v4.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        v6.clear();
        v6.extend(bytes_v6.iter().map(|bytes| u128::from_le_bytes(*bytes)));
        each(HourVisits { tenant, hour, v4: &v4, v6: &v6 });
    })
}

fn measure(payload: &[u8]) -> Option<Measure> {
    let found = Payload::of(payload)?;
    Some(Measure { entries: (found.v4.len() + found.v6.len()) as u64, key: found.hour.0 })
}

// === impl HourVisits ===

impl HourVisits<'_> {
    fn append_to(&self, out: &mut Vec<u8>) {
        let (v4_bytes, v6_bytes) = (self.v4.len() * 4, self.v6.len() * 16);
        out.reserve(HEAD + v4_bytes + v6_bytes);
        for number in [self.tenant.0, self.hour.0, self.v4.len() as u32, self.v6.len() as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let at = out.len();
        out.resize(at + v4_bytes + v6_bytes, 0);
        let (v4_place, v6_place) = out[at..].split_at_mut(v4_bytes);
        for (place, address) in v4_place.chunks_exact_mut(4).zip(self.v4) {
            place.copy_from_slice(&address.to_le_bytes());
        }
        for (place, address) in v6_place.chunks_exact_mut(16).zip(self.v6) {
            place.copy_from_slice(&address.to_le_bytes());
        }
    }
}

// === impl Unwritable ===

impl From<tallygate_wal::Unwritable> for Unwritable {
    fn from(of_the_log: tallygate_wal::Unwritable) -> Self {
        Self { reason: of_the_log.reason }
    }
}

// === impl Damage ===

impl From<Loss> for Damage {
    fn from(loss: Loss) -> Self {
        let kind = match loss.kind {
            LossKind::Missing => DamageKind::JournalMissing,
            LossKind::Hole => DamageKind::JournalHole,
        };
        let hours = loss.keys.map(|(first, last)| (Hour(first), Hour(last)));
        Self { kind, file: loss.file, visits: loss.entries, hours }
    }
}

// === impl Payload ===

impl<'a> Payload<'a> {
    /// What the bytes say, if they are a payload: the counts must be those of the bytes that follow.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let hour = Hour(u32_at(bytes, 4)?);
        let (v4_count, v6_count) = (u32_at(bytes, 8)? as usize, u32_at(bytes, 12)? as usize);
        let addresses = bytes.get(HEAD..)?;
        let (v4, v6) = addresses.split_at_checked(v4_count.checked_mul(4)?)?;
        let whole = v6_count.checked_mul(16)? == v6.len() && hour.day() <= Day::LAST;
        let tenant = TenantId(u32_at(bytes, 0)?);
        whole.then_some(Self { tenant, hour, v4: v4.as_chunks().0, v6: v6.as_chunks().0 })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
