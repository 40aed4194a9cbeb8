//! The format: what lies in a file, and what is made of it when it is damaged.

use super::frame::{Extent, HEADER, Header};
use super::*;
use proptest::prelude::*;
use std::io::Write;
use tallygate_disk::Simulated;

/// A file of version 1: `Header { number: 1, whole_below: 1 }` and the frames of [`fixture_entries`].
const FIXTURE_1: &[u8] = include_bytes!("journal-1.fixture");
/// One of version 2: [`fixture`] has what is in it.
const FIXTURE_2: &[u8] = include_bytes!("journal-2.fixture");
/// A header of version 1.
const HEADER_1: usize = 32;

/// The log that the fixtures are of, those of `tallygate-index` included: visits, which that crate reads.
pub(crate) static JOURNAL: Format = Format {
    name: "journal",
    keeps: "visits",
    newest: "newest",
    magic: *b"TALLYJNL",
    most_payload: 1 << 20,
    measure: |payload| Payload::decoded(payload).map(|read| Measure { entries: read.entries(), key: read.hour }),
};

/// Addresses of an hour.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Payload {
    tenant: u32,
    hour: u32,
    v4: Vec<u32>,
    v6: Vec<u128>,
}

impl Payload {
    fn entries(&self) -> u64 {
        (self.v4.len() + self.v6.len()) as u64
    }

    fn decoded(bytes: &[u8]) -> Option<Self> {
        let (head, addresses) = bytes.split_first_chunk::<16>()?;
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let (v4, v6) = addresses.split_at_checked(number(8) as usize * 4)?;
        let v4: Vec<_> = v4.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (v6, []) = v6.as_chunks() else { return None };
        let v6: Vec<_> = v6.iter().map(|bytes| u128::from_le_bytes(*bytes)).collect();
        (v6.len() == number(12) as usize).then_some(Self { tenant: number(0), hour: number(4), v4, v6 })
    }

    fn encoded(&self) -> Vec<u8> {
        let mut frames = Frames::default();
        let written = frames.push(&JOURNAL, |out| {
            for number in [self.tenant, self.hour, self.v4.len() as u32, self.v6.len() as u32] {
                out.extend(number.to_le_bytes());
            }
            out.extend(self.v4.iter().flat_map(|address| address.to_le_bytes()));
            out.extend(self.v6.iter().flat_map(|address| address.to_le_bytes()));
        });
        written.expect("tests write few at once");
        frames.as_bytes().to_vec()
    }
}

fn fixture_entries() -> Vec<Payload> {
    let hour = 490_000;
    vec![
        Payload { tenant: 0, hour, v4: vec![0x0102_0304, 0, u32::MAX], v6: vec![] },
        Payload { tenant: 7, hour: hour + 1, v4: vec![0x0a00_0001], v6: vec![0x2001_0db8 << 96 | 1, u128::MAX] },
        Payload { tenant: u32::MAX, hour: 0, v4: vec![], v6: vec![0] },
    ]
}

fn put(disk: &Simulated, name: &str, bytes: &[u8]) {
    let mut file = disk.create(name).expect("nothing fails");
    file.write_all(bytes).expect("nothing fails");
    file.sync().expect("nothing fails");
    disk.sync().expect("nothing fails");
}

fn file_of(number: u64, frames: &[Payload]) -> Vec<u8> {
    let mut file = Header { number, whole_below: number, before: None }.encode(&JOURNAL).to_vec();
    file.extend(frames.iter().flat_map(Payload::encoded));
    file
}

/// A file that was synced after each of the frames.
fn synced_file_of(header: Header, frames: &[Payload]) -> Vec<u8> {
    let (mut file, mut extent) = (header.encode(&JOURNAL).to_vec(), Extent::empty(HEADER as u64));
    for frame in frames {
        extent.bytes = file.len() as u64;
        extent.add(&JOURNAL, &frame.encoded());
        file.extend(frame.encoded());
        file.extend(extent.mark());
    }
    file
}

/// A header that tells of a file before it, and the frames of [`fixture_entries`], each with a mark.
fn fixture() -> Vec<u8> {
    let extent = Extent { bytes: 1_000, entries: 17, first: 489_990, last: 489_999 };
    synced_file_of(Header { number: 9, whole_below: 8, before: Some((7, extent)) }, &fixture_entries())
}

fn loss(kind: LossKind, number: u64, entries: Option<u64>, keys: Option<(u32, u32)>) -> Loss {
    Loss { kind, file: JOURNAL.file(number), entries, keys }
}

fn read(disk: &Simulated, from: u64, each: impl FnMut(&[u8])) -> Result<Replayed, WalError> {
    replay(disk, &JOURNAL, from, each)
}

fn replayed(disk: &Simulated) -> (Vec<Payload>, Replayed) {
    let mut all = Vec::new();
    let replayed = read(disk, 0, |payload| all.push(Payload::decoded(payload).expect("is one")));
    (all, replayed.expect("damage is no error"))
}

fn replayed_file(file: &[u8]) -> (Vec<Payload>, u64) {
    let disk = Simulated::default();
    put(&disk, "journal-0000000001", file);
    let (all, replayed) = replayed(&disk);
    (all, replayed.cut_bytes)
}

#[test]
fn version_1_is_read() {
    assert_eq!(replayed_file(FIXTURE_1), (fixture_entries(), 0));
}

#[test]
fn version_2_is_read_and_still_written() {
    assert_eq!(fixture(), FIXTURE_2);
    let disk = Simulated::default();
    put(&disk, "journal-0000000009", FIXTURE_2);
    let (all, found) = replayed(&disk);
    assert_eq!((all, found.cut_bytes), (fixture_entries(), 0));
    assert_eq!(found.losses, [loss(LossKind::Missing, 7, Some(17), Some((489_990, 489_999)))]);
}

#[test]
fn a_hole_in_what_was_synced_is_damage_and_a_torn_end_is_none() {
    let visits = fixture_entries();
    let header = Header { number: 1, whole_below: 1, before: None };
    let file = synced_file_of(header, &visits);
    // Bytes of the last mark: what is there was synced, but nothing says so any more.
    let last_mark = file.len() - 32;
    let (mut place, mut hit) = (HEADER, Vec::new());
    for visits in &visits {
        let end = place + visits.encoded().len();
        hit.resize(place, 0);
        hit.resize(end, visits.v4.len() + visits.v6.len());
        place = end + 32;
    }
    hit.resize(file.len(), 0);
    for (at, lost) in hit.iter().enumerate() {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        let disk = Simulated::default();
        put(&disk, "journal-0000000001", &damaged);
        let found = replayed(&disk).1;
        let told: Vec<_> = found.losses.iter().map(|loss| (loss.kind, loss.entries)).collect();
        let expected = (*lost > 0).then_some((LossKind::Hole, Some(*lost as u64)));
        assert_eq!(told, Vec::from_iter(expected), "byte {at}");
        assert!(found.cut_bytes > 0, "byte {at}");
        assert_eq!(found.cut_bytes + found.other_bytes + frame_bytes(&disk), file.len() as u64, "byte {at}");
    }
    for length in 0..file.len() {
        let disk = Simulated::default();
        put(&disk, "journal-0000000001", &file[..length]);
        let found = replayed(&disk).1;
        assert_eq!(found.losses, [], "{length} bytes");
        assert_eq!(length >= last_mark, found.frames == 3, "{length} bytes");
    }
}

fn frame_bytes(disk: &Simulated) -> u64 {
    replayed(disk).0.iter().map(|visits| visits.encoded().len() as u64).sum()
}

/// A later file says how far an earlier one was synced, whatever became of its marks.
#[test]
fn a_file_that_is_shorter_than_a_later_one_says_is_damaged() {
    let visits = fixture_entries();
    let first = synced_file_of(Header { number: 1, whole_below: 1, before: None }, &visits);
    let mut extent = Extent::empty(0);
    visits.iter().for_each(|visits| extent.add(&JOURNAL, &visits.encoded()));
    extent.bytes = first.len() as u64 - 32;
    let second = synced_file_of(Header { number: 2, whole_below: 2, before: Some((1, extent)) }, &visits[..1]);
    for (length, lost) in [(first.len(), 0), (first.len() - 32, 0), (first.len() - 33, 1), (HEADER, 7), (0, 7)] {
        let disk = Simulated::default();
        put(&disk, "journal-0000000001", &first[..length]);
        put(&disk, "journal-0000000002", &second);
        let damage = (lost > 0).then(|| loss(LossKind::Hole, 1, Some(lost), Some((0, 490_001))));
        assert_eq!(replayed(&disk).1.losses, Vec::from_iter(damage), "{length} bytes");
    }
    let disk = Simulated::default();
    put(&disk, "journal-0000000002", &second);
    let missing = loss(LossKind::Missing, 1, Some(7), Some((0, 490_001)));
    assert_eq!(replayed(&disk).1.losses, [missing]);
    assert_eq!(read(&disk, 2, |_| {}).expect("readable").losses, [], "it is not needed any more");
}

/// Payloads may be chosen by clients: what looks like a mark in them is none.
#[test]
fn a_mark_within_a_payload_is_none() {
    let mark = Extent { bytes: 200, entries: 1_000, first: 1, last: 2 }.mark();
    let v4 = mark.chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect();
    let mut file = file_of(1, &[Payload { tenant: 0, hour: 3, v4, v6: vec![] }]);
    // So that the reader looks for frames within this one.
    file[HEADER + 8] ^= 1;
    let disk = Simulated::default();
    put(&disk, "journal-0000000001", &file);
    assert_eq!(replayed(&disk).1.losses, []);
}

#[test]
fn the_newest_file_is_missed() {
    let disk = Simulated::default();
    let wal = Wal::start(Arc::new(disk.clone()), &JOURNAL, 0..1, Options::default(), Arc::new(()));
    drop(wal.expect("nothing fails"));
    assert_eq!(replayed(&disk).1.losses, []);
    disk.remove("journal-0000000001").expect("it is there");
    assert_eq!(replayed(&disk).1.losses, [loss(LossKind::Missing, 1, None, None)]);
    assert_eq!(read(&disk, 2, |_| {}).expect("readable").losses, [], "it is not needed any more");
    assert_eq!(replayed(&disk).1.next, 2, "its number is not given again");
}

#[test]
fn a_payload_that_is_too_long_is_not_taken() {
    let mut frames = Frames::default();
    let most = JOURNAL.most_payload as usize;
    let error = frames.push(&JOURNAL, |out| out.resize(out.len() + most + 1, 0)).expect_err("nobody would read it");
    assert_eq!(error.to_string(), "1048577 bytes are more than the 1048576 that an entry of the journal may have");
    assert!(frames.is_empty());
    frames.push(&JOURNAL, |out| out.resize(out.len() + most, 0)).expect("it just fits");
}

#[test]
fn a_torn_end_is_cut_wherever_it_is() {
    let (visits, file) = (fixture_entries(), file_of(1, &fixture_entries()));
    let ends: Vec<_> = (0..=visits.len()).map(|count| file_of(1, &visits[..count]).len()).collect();
    for length in 0..=file.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let cut = if whole == 0 { length } else { length - ends[whole - 1] };
        let expected = visits[..whole.saturating_sub(1)].to_vec();
        assert_eq!(replayed_file(&file[..length]), (expected, cut as u64), "cut after {length} bytes");
    }
}

#[test]
fn a_flipped_bit_costs_one_frame() {
    let visits = fixture_entries();
    for bit in 0..FIXTURE_1.len() * 8 {
        let mut file = FIXTURE_1.to_vec();
        file[bit / 8] ^= 1 << (bit % 8);
        let (all, cut) = replayed_file(&file);
        let mut end = HEADER_1;
        let hit = visits.iter().position(|visits| {
            end += visits.encoded().len();
            (end - visits.encoded().len()..end).contains(&(bit / 8))
        });
        let mut expected = visits.clone();
        let expected_cut = hit.map_or(HEADER_1, |hit| expected.remove(hit).encoded().len());
        assert_eq!((all, cut), (expected, expected_cut as u64), "bit {bit}");
    }
}

#[test]
fn files_are_read_by_their_numbers_and_others_left_alone() {
    let disk = Simulated::default();
    let visits = fixture_entries();
    put(&disk, "journal-12345678901", &file_of(12_345_678_901, &visits[2..]));
    put(&disk, "journal-0000000002", &file_of(2, &visits[..1]));
    put(&disk, "journal-0000000005", &file_of(5, &visits[1..2]));
    put(&disk, "journal-0000000003", b"");
    for other in
        ["journal-7", "journal-00000000007", "journal-+000000007", "journal-0000000008.tmp", "segment-1", "journal-"]
    {
        put(&disk, other, FIXTURE_1);
    }
    let (all, found) = replayed(&disk);
    assert_eq!(all, visits);
    assert_eq!(
        found,
        Replayed {
            files: 4,
            frames: 3,
            entries: 7,
            cut_bytes: 0,
            other_bytes: 3 * HEADER as u64,
            losses: Vec::new(),
            next: 12_345_678_902
        }
    );
    assert_eq!(replayed(&Simulated::default()).1, Replayed { next: 1, ..Replayed::default() });
}

#[test]
fn a_newer_version_is_an_error_and_no_damage() {
    let mut file = FIXTURE_2.to_vec();
    file[8] = 3;
    let check = crc32c::crc32c(&file[..HEADER_1 - 4]);
    file[HEADER_1 - 4..HEADER_1].copy_from_slice(&check.to_le_bytes());
    let disk = Simulated::default();
    put(&disk, "journal-0000000003", &file);
    let error = read(&disk, 0, |_| {}).expect_err("it may mean something else");
    assert_eq!(
        error.to_string(),
        "journal-0000000003 is of format version 3 and this program reads 2: start a newer tallygate"
    );
}

fn visits() -> impl Strategy<Value = Payload> {
    // Addresses that look like the beginning of a frame, so that the search meets them.
    let v4 = prop_oneof![any::<u32>(), Just(u32::from_le_bytes([0xaf, 0x7a, 0x11, 0xe5])), 0..100_u32];
    let v6 = prop_oneof![any::<u128>(), Just(u128::from_le_bytes([0xaf; 16]))];
    (any::<u32>(), 0..500_000_u32, prop::collection::vec(v4, 0..40), prop::collection::vec(v6, 0..10))
        .prop_map(|(tenant, hour, v4, v6)| Payload { tenant, hour, v4, v6 })
        .prop_filter("one without addresses has no frame", |visits| !visits.v4.is_empty() || !visits.v6.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 300 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Some frames are overwritten in part, some are torn, and there is garbage in between: the others are all found.
    #[test]
    fn whole_frames_are_found_among_damaged_ones(
        frames in prop::collection::vec((visits(), 0..6_u8, any::<prop::sample::Index>(), 1..=255_u8), 0..12),
    ) {
        let (mut file, mut expected, mut cut) = (file_of(1, &[]), Vec::new(), 0);
        for (visits, damage, at, by) in &frames {
            let mut bytes = visits.encoded();
            let at = at.index(bytes.len());
            match damage {
                0 => bytes[at] ^= by,
                // Less than half: the beginning of the next frame might be just what a few bytes lack.
                1 => bytes.truncate(at / 2),
                2 => bytes.splice(0..0, vec![*by; at]).for_each(drop),
                _ => {}
            }
            match damage {
                0 | 1 => cut += bytes.len(),
                2 => cut += at,
                _ => {}
            }
            if *damage > 1 {
                expected.push(visits.clone());
            }
            file.extend(bytes);
        }
        prop_assert_eq!(replayed_file(&file), (expected, cut as u64));
    }

    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (all, cut) = replayed_file(&bytes);
        prop_assert_eq!((all, cut), (vec![], bytes.len() as u64));
    }
}
