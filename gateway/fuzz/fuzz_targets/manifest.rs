//! Whatever a list of segments says behind its checksum, it is read or refused, and what was read is written so that it is read
//! as the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallygate_index::read_and_write_manifest;

fuzz_target!(|body: &[u8]| {
    if let Some(written) = read_and_write_manifest(body) {
        assert_eq!(read_and_write_manifest(&written), Some(written.clone()));
    }
});
