use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A segment that is nothing but two maps from addresses to masks.
#[derive(Clone, Default, Debug)]
pub(super) struct Model {
    pub(super) v4: BTreeMap<u32, u32>,
    pub(super) v6: BTreeMap<u128, u32>,
}

pub(super) const SPANS: [Span; 4] =
    [Span::Hour(Hour(490_000)), Span::Day(Day(20_000)), Span::Month(Month(24_300)), Span::Before];

impl Model {
    pub(super) fn write(&self, span: Span) -> Vec<u8> {
        let mut blocks: BTreeMap<u16, (Vec<u16>, Vec<u32>)> = BTreeMap::new();
        for (address, mask) in &self.v4 {
            let (suffixes, masks) = blocks.entry((address >> 16) as u16).or_default();
            suffixes.push(*address as u16);
            masks.push(*mask);
        }
        let mut writer = SegmentWriter::new(Vec::new(), 7, span);
        for (key, (suffixes, masks)) in &blocks {
            writer.push_v4(*key, suffixes, masks).expect("ascending");
        }
        for (address, mask) in &self.v6 {
            writer.push_v6(*address, *mask).expect("ascending");
        }
        let (bytes, written) = writer.finish().expect("a vector takes everything");
        assert_eq!(written.bytes, bytes.len() as u64);
        assert_eq!((written.v4, written.v6), (self.v4.len() as u64, self.v6.len() as u64));
        assert_eq!(written.bits, self.bits());
        bytes
    }

    pub(super) fn open(&self, span: Span) -> Segment {
        Segment::open(self.write(span).into()).expect("just written")
    }

    /// Everything that a segment has.
    pub(super) fn of(segment: &Segment) -> Self {
        let mut model = Self { v4: BTreeMap::new(), v6: segment.v6_entries().collect() };
        let (mut suffixes, mut masks) = (Vec::new(), Vec::new());
        for block in segment.blocks() {
            block.read(&mut suffixes, &mut masks);
            let high = u32::from(block.key()) << 16;
            model.v4.extend(suffixes.iter().map(|suffix| high | u32::from(*suffix)).zip(masks.iter().copied()));
        }
        model
    }

    pub(super) fn bits(&self) -> u32 {
        self.v4.values().chain(self.v6.values()).fold(0, |all, mask| all | mask)
    }
}

/// Addresses that lie close together as often as not, with masks of few bits as often as of many.
pub(super) fn models(span: Span) -> impl Strategy<Value = Model> {
    let place = 0..span.bits();
    let few =
        proptest::collection::vec(place, 1..4).prop_map(|places| places.iter().fold(0, |mask, at| mask | 1 << at));
    let many = 1..=u32::MAX >> (32 - span.bits());
    let mask = prop_oneof![Just(1_u32), few, many];
    let start = prop_oneof![any::<u32>(), 0x0a00_0000..0x0a00_0400_u32, Just(0), Just(u32::MAX - 300)];
    let run = (start, 1..300_u32, 1..5_u32, mask.clone()).prop_map(|(start, len, step, mask)| {
        (0..len).map(move |n| (start.saturating_add(n * step), mask)).collect::<Vec<_>>()
    });
    let near = (0..3_u128, any::<u8>()).prop_map(|(net, host)| 0x2001_0db8 << 96 | net << 64 | u128::from(host));
    let v6 = proptest::collection::btree_map(prop_oneof![near, any::<u128>()], mask, 0..200);
    (proptest::collection::vec(run, 0..12), v6)
        .prop_map(|(runs, v6)| Model { v4: runs.into_iter().flatten().collect(), v6 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        (span, model) in proptest::sample::select(&SPANS).prop_flat_map(|span| (Just(span), models(span))),
        others in proptest::collection::vec(any::<u32>(), 20),
    ) {
        let segment = model.open(span);
        let read = Model::of(&segment);
        prop_assert_eq!(&read.v4, &model.v4);
        prop_assert_eq!(&read.v6, &model.v6);
        prop_assert_eq!((segment.span(), segment.tenant(), segment.bits()), (span, 7, model.bits()));
        prop_assert_eq!((segment.v4_len(), segment.v6_len()), (model.v4.len() as u64, model.v6.len() as u64));
        prop_assert_eq!(segment.blocks().map(|block| u64::from(block.len())).sum::<u64>(), segment.v4_len());
        for address in model.v4.keys().flat_map(|at| at.saturating_sub(1)..=at.saturating_add(1)).chain(others) {
            prop_assert_eq!(segment.v4(address), model.v4.get(&address).copied().unwrap_or(0), "{:#x}", address);
        }
        for address in model.v6.keys().flat_map(|at| at.saturating_sub(1)..=at.saturating_add(1)) {
            prop_assert_eq!(segment.v6(address), model.v6.get(&address).copied().unwrap_or(0), "{:#x}", address);
        }
    }
}

#[test]
fn an_empty_segment_is_a_segment() {
    for span in SPANS {
        let segment = Model::default().open(span);
        assert!(segment.is_empty() && segment.bits() == 0 && segment.bytes() == 80);
        assert!(segment.v4(0) == 0 && segment.v6(0) == 0);
        assert!(segment.blocks().next().is_none() && segment.v6_entries().next().is_none());
    }
}

#[test]
fn what_is_out_of_order_is_refused() {
    let refused = |done: std::io::Result<()>| done.is_err_and(|error| error.kind() == std::io::ErrorKind::InvalidInput);
    let mut writer = SegmentWriter::new(Vec::new(), 7, SPANS[1]);
    writer.push_v4(5, &[1, 2], &[1, 1 << 23]).expect("ascending");
    assert!(refused(writer.push_v4(5, &[3], &[1])), "the same key");
    assert!(refused(writer.push_v4(6, &[3, 3], &[1, 1])), "the same suffix");
    assert!(refused(writer.push_v4(6, &[4, 3], &[1, 1])), "descending suffixes");
    let mut writer = SegmentWriter::new(Vec::new(), 7, SPANS[1]);
    assert!(refused(writer.push_v4(6, &[3], &[])), "no mask");
    let mut writer = SegmentWriter::new(Vec::new(), 7, SPANS[1]);
    assert!(refused(writer.push_v4(6, &[3], &[0])), "an empty mask");
    let mut writer = SegmentWriter::new(Vec::new(), 7, SPANS[1]);
    assert!(refused(writer.push_v6(6, 1 << 24)), "a mask of too many bits");
    let mut writer = SegmentWriter::new(Vec::new(), 7, SPANS[1]);
    writer.push_v6(6, 1).expect("ascending");
    assert!(refused(writer.push_v6(6, 1)), "the same address");
    assert!(refused(writer.push_v4(6, &[3], &[1])), "IPv4 after IPv6");
}

/// More than a buffer of the writer, more than a share of the index, in more than a word of every bitmap.
#[test]
fn a_large_segment_is_read_as_it_was_written() {
    let v4 = (0..400_000_u32).map(|n| (n * 4_999, 1 + n % 0xff_ffff)).collect();
    let v6 = (0..20_000_u128).map(|n| ((n * n) << 40, 1 << (n % 24))).collect();
    let model = Model { v4, v6 };
    let segment = model.open(SPANS[1]);
    let read = Model::of(&segment);
    assert!(read.v4 == model.v4 && read.v6 == model.v6);
    assert!(model.v4.iter().all(|(address, mask)| segment.v4(*address) == *mask && segment.v4(address + 1) == 0));
    assert!(model.v6.iter().all(|(address, mask)| segment.v6(*address) == *mask && segment.v6(address + 1) == 0));
}

mod damage;
mod fixtures;
