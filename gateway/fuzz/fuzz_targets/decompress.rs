//! Whatever comes as a compressed body, each step stays within its bound and the decoder ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallygate_connect::decompress::{Decoder, Encoding};

const MOST: usize = 1 << 20;

fuzz_target!(|input: (u8, &[u8])| {
    let (which, body) = input;
    let encoding = [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate][usize::from(which % 3)];
    let Ok(mut decoder) = Decoder::new(encoding, body) else { return };
    let (mut come, mut room) = (0, [0; 4096]);
    while come < MOST {
        match decoder.step(&mut room) {
            Ok(None) | Err(_) => return,
            Ok(Some(count)) => {
                assert!(count <= room.len());
                come += count;
            }
        }
    }
});
