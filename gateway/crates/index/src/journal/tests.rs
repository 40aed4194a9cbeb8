//! What payloads look like. How they lie in files is tested where that is done.

use super::*;
use std::io::Write;
use tallygate_disk::Simulated;

/// Files of each version of the log; the frames of both have [`fixture_visits`].
const FIXTURE_1: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../wal/src/journal-1.fixture"));
const FIXTURE_2: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../wal/src/journal-2.fixture"));
/// A header of version 1.
const HEADER_1: usize = 32;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Owned {
    tenant: u32,
    hour: u32,
    v4: Vec<u32>,
    v6: Vec<u128>,
}

impl Owned {
    fn of(visits: HourVisits<'_>) -> Self {
        Self { tenant: visits.tenant.0, hour: visits.hour.0, v4: visits.v4.to_vec(), v6: visits.v6.to_vec() }
    }

    fn encoded(&self) -> Vec<u8> {
        let (tenant, hour) = (TenantId(self.tenant), Hour(self.hour));
        let mut out = Frames::default();
        encode(&HourVisits { tenant, hour, v4: &self.v4, v6: &self.v6 }, &mut out);
        out.as_bytes().to_vec()
    }
}

fn fixture_visits() -> Vec<Owned> {
    let hour = 490_000;
    vec![
        Owned { tenant: 0, hour, v4: vec![0x0102_0304, 0, u32::MAX], v6: vec![] },
        Owned { tenant: 7, hour: hour + 1, v4: vec![0x0a00_0001], v6: vec![0x2001_0db8 << 96 | 1, u128::MAX] },
        Owned { tenant: u32::MAX, hour: 0, v4: vec![], v6: vec![0] },
    ]
}

/// What is read of a file, and how many bytes of it are no whole frame.
fn read(file: &[u8]) -> (Vec<Owned>, u64) {
    let (disk, mut all) = (Simulated::default(), Vec::new());
    let mut written = disk.create("journal-0000000001").expect("nothing fails");
    written.write_all(file).expect("nothing fails");
    let replayed = replay(&disk, 0, |visits| all.push(Owned::of(visits))).expect("damage is no error");
    (all, replayed.cut_bytes)
}

#[test]
fn every_version_is_read_and_visits_are_still_written_as_they_were() {
    assert_eq!(read(FIXTURE_1), (fixture_visits(), 0));
    assert_eq!(read(FIXTURE_2), (fixture_visits(), 0));
    let frames: Vec<u8> = fixture_visits().iter().flat_map(Owned::encoded).collect();
    assert_eq!(frames, FIXTURE_1[HEADER_1..]);
}

#[test]
fn visits_that_are_too_many_for_a_frame_become_several() {
    let many = Owned { tenant: 1, hour: 2, v4: (0..600_000).collect(), v6: (0..150_000).collect() };
    let (all, cut) = read(&many.encoded());
    assert_eq!((all.len(), cut), (5, 0), "2.4 and 2.4 MB in frames of 1 MiB");
    assert!(all.iter().all(|visits| (visits.tenant, visits.hour) == (1, 2)));
    assert_eq!(all.iter().flat_map(|visits| visits.v4.clone()).collect::<Vec<_>>(), many.v4);
    assert_eq!(all.iter().flat_map(|visits| visits.v6.clone()).collect::<Vec<_>>(), many.v6);
    assert_eq!(Owned { v4: vec![], v6: vec![], ..many }.encoded(), [0; 0]);
}

#[test]
fn an_hour_that_has_no_day_is_damage() {
    let frame = Owned { tenant: 1, hour: u32::MAX, v4: vec![1], v6: vec![] }.encoded();
    assert_eq!(read(&frame), (vec![], frame.len() as u64));
}

#[test]
fn counts_that_are_not_those_of_the_addresses_are_no_payload() {
    let payload = [[1_u32, 2, 2, 1].map(u32::to_le_bytes).concat(), vec![0; 24]].concat();
    assert_eq!(measure(&payload), Some(Measure { entries: 3, key: 2 }));
    for at in 8..16 {
        let mut other = payload.clone();
        other[at] ^= 1;
        assert_eq!(measure(&other), None, "byte {at}");
    }
    for length in 0..payload.len() {
        assert_eq!(measure(&payload[..length]), None, "{length} bytes");
    }
}
