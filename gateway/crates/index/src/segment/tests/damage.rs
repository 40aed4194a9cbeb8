//! Damage may give wrong answers, and nothing worse.

use super::*;
use crate::segment::{Input, Project, Without, count_union, merge, write_merged};
use std::convert::Infallible;

/// Asks everything there is to ask.
fn exercise(segment: &Segment, addresses: &[u32]) {
    for address in addresses {
        let _ = segment.v4(*address);
        let _ = segment.v6(u128::from(*address) | 0x2001_0db8 << 96);
    }
    let (mut suffixes, mut masks) = (Vec::new(), Vec::new());
    for block in segment.blocks() {
        block.read(&mut suffixes, &mut masks);
        assert!(suffixes.len() == masks.len() && suffixes.len() <= 1 << 16);
        let _ = segment.v4(u32::from(block.key()) << 16 | addresses.first().copied().unwrap_or_default() & 0xffff);
    }
    assert!(segment.v6_entries().count() as u64 <= segment.v6_len());
    let input = |keep, project| Input { segment, keep, project };
    for inputs in [vec![input(u32::MAX, Project::AsIs)], vec![input(1, Project::Bit(3)), input(2, Project::AsIs)]] {
        let _ = count_union(&inputs);
        let Ok(()) = merge(&inputs, |_, _, _| Ok::<_, Infallible>(()), |_, _| Ok(()));
        let writer = SegmentWriter::new(std::io::sink(), 1, segment.span());
        // Either it is noticed that addresses do not ascend, or they do.
        let _ = write_merged(&inputs, &Without::default(), writer);
    }
}

fn with_right_checksum(mut bytes: Vec<u8>) -> Segment {
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    match Segment::open(bytes.into()) {
        Ok(segment) => segment,
        Err(SegmentError::Checksum { .. }) => panic!("it was made right"),
        Err(_) => Model::default().open(Span::Before),
    }
}

fn spans_and_models() -> impl Strategy<Value = (Span, Model)> {
    proptest::sample::select(&SPANS).prop_flat_map(|span| (Just(span), models(span)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn changed_bytes_are_survived(
        (span, model) in spans_and_models(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        at_the_end in any::<bool>(),
    ) {
        let mut bytes = model.write(span);
        // Index and footer are small, and what is changed in them goes far.
        let from = if at_the_end { bytes.len().saturating_sub(400) } else { 0 };
        for (place, value) in changes {
            let place = from + place.index(bytes.len() - from);
            bytes[place] = value;
        }
        let addresses: Vec<u32> = model.v4.keys().step_by(17).copied().collect();
        exercise(&with_right_checksum(bytes), &addresses);
    }

    #[test]
    fn missing_bytes_are_survived(
        (span, model) in spans_and_models(),
        cut in any::<proptest::sample::Index>(),
        len in 1..300_usize,
    ) {
        let mut bytes = model.write(span);
        let from = cut.index(bytes.len() - 80 + 1);
        bytes.drain(from..(from + len).min(bytes.len() - 80).max(from));
        let addresses: Vec<u32> = model.v4.keys().step_by(17).copied().collect();
        exercise(&with_right_checksum(bytes), &addresses);
    }

    #[test]
    fn changed_bytes_are_noticed((span, model) in spans_and_models(), place in any::<proptest::sample::Index>(), bit in 0..8) {
        let mut bytes = model.write(span);
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        prop_assert!(Segment::open(bytes.into()).is_err());
    }
}

#[test]
fn what_is_no_segment_is_refused() {
    let whole = Model { v4: [(5, 1)].into(), v6: [(6, 1)].into() }.write(Span::Before);
    let open = |bytes: &[u8]| Segment::open(bytes.to_vec().into()).err();
    assert!(open(&whole).is_none());
    assert!(matches!(open(&[]), Some(SegmentError::Short { bytes: 0 })));
    assert!(matches!(open(&whole[..whole.len() - 1]), Some(SegmentError::Magic)));
    let end = whole.len();
    let changed = |from_end: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[end - from_end] = value;
        open(&bytes)
    };
    assert!(matches!(changed(16, 2), Some(SegmentError::Version { found: 2, known: 1 })));
    assert!(matches!(changed(80, 9), Some(SegmentError::Span { kind: 9, number: 0 })));
    assert!(matches!(changed(end, 9), Some(SegmentError::Checksum { .. })));
    let mut bytes = whole.clone();
    bytes[end - 48] = 200;
    assert!(matches!(Segment::open_unchecked(bytes.into()), Err(SegmentError::Structure("the offsets in the footer"))));
}
