//! Whatever a journal file holds, every byte of it is in something whole or counted as cut, and a frame before it is found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use tallygate_disk::{Disk, Simulated};
use tallygate_event::TenantId;
use tallygate_index::Hour;
use tallygate_index::journal::{Frames, HourVisits, Replayed, encode, replay};

const FRAME: u64 = 28;

fuzz_target!(|input: (&[u8], Vec<u32>, Vec<u128>)| {
    let (bytes, v4, v6) = input;
    let mut first = None;
    if let Some((found, size)) = read(bytes, &mut first) {
        assert_eq!(size + found.cut_bytes + found.other_bytes, bytes.len() as u64);
    }
    let mut frames = Frames::default();
    let visits = HourVisits { tenant: TenantId(1), hour: Hour(2), v4: &v4, v6: &v6 };
    encode(&visits, &mut frames);
    if !frames.is_empty() {
        let mut file = frames.as_bytes().to_vec();
        file.extend_from_slice(bytes);
        read(&file, &mut first).expect("no header, so no version");
        assert_eq!(first, Some((v4, v6)));
    }
});

/// What is found in a file, and the bytes of all frames, unless it is of another version.
fn read(bytes: &[u8], first: &mut Option<(Vec<u32>, Vec<u128>)>) -> Option<(Replayed, u64)> {
    let disk = Simulated::default();
    let mut file = disk.create("journal-0000000001").expect("nothing fails");
    file.write_all(bytes).expect("nothing fails");
    *first = None;
    let mut size = 0;
    let found = replay(&disk, 0, |visits| {
        size += FRAME + 4 * visits.v4.len() as u64 + 16 * visits.v6.len() as u64;
        first.get_or_insert_with(|| (visits.v4.to_vec(), visits.v6.to_vec()));
    });
    found.ok().map(|found| (found, size))
}
