//! Whatever bytes a segment has, reading it neither panics nor runs on: what is damaged gives wrong answers at most.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;
use tallygate_index::segment::{Input, Project, Segment, SegmentWriter, Without, count_union, merge, write_merged};

fuzz_target!(|bytes: &[u8]| {
    // No fuzzer would come up with the right checksum.
    let Ok(segment) = Segment::open_unchecked(bytes.to_vec().into()) else {
        return;
    };
    let (mut suffixes, mut masks) = (Vec::new(), Vec::new());
    for block in segment.blocks() {
        block.read(&mut suffixes, &mut masks);
        assert!(suffixes.len() == masks.len() && suffixes.len() <= 1 << 16);
        for suffix in suffixes.iter().step_by(1 + suffixes.len() / 16).flat_map(|at| [*at, at.wrapping_add(1)]) {
            let _ = segment.v4(u32::from(block.key()) << 16 | u32::from(suffix));
        }
    }
    for (address, _) in segment.v6_entries().step_by(16) {
        let _ = segment.v6(address);
        let _ = segment.v6(address.wrapping_add(1));
    }
    let input = |keep, project| Input { segment: &segment, keep, project };
    for inputs in [vec![input(u32::MAX, Project::AsIs)], vec![input(1, Project::Bit(3)), input(2, Project::AsIs)]] {
        let _ = count_union(&inputs);
        let Ok(()) = merge(&inputs, |_, _, _| Ok::<_, Infallible>(()), |_, _| Ok(()));
        let _ = write_merged(&inputs, &Without::default(), SegmentWriter::new(std::io::sink(), 1, segment.span()));
    }
});
