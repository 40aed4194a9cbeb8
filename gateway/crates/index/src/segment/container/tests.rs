use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const KINDS: [Kind; 4] = Kind::ALL;

/// Writes suffixes in a form, among other bytes, and asks everything there is to ask.
fn check_kind(suffixes: &[u16], kind: Kind) {
    let at = 3;
    let mut out = vec![0xff; at];
    Container::encode(&mut out, suffixes, kind);
    let end = out.len();
    out.extend_from_slice(&[0xff; 80]);
    let container = Container::new(Bytes(&out), at, suffixes.len(), kind);
    assert_eq!(container.size(), end - at, "{kind:?} of {}", suffixes.len());

    let mut found = Vec::new();
    container.for_each(|suffix| found.push(suffix));
    assert!(found == suffixes, "{kind:?} of {}", suffixes.len());

    let mut ranks = suffixes.iter().enumerate().peekable();
    for suffix in 0..=u16::MAX {
        let rank = ranks.next_if(|(_, next)| **next == suffix).map(|(rank, _)| rank);
        assert_eq!(container.rank(suffix), rank, "{kind:?} of {}, {suffix}", suffixes.len());
    }

    let mut bitmap = Bitmap::new();
    bitmap.insert(77);
    container.union_into(&mut bitmap);
    let mut union = Vec::new();
    assert_eq!(bitmap.count() as usize, suffixes.len() + usize::from(suffixes.binary_search(&77).is_err()));
    bitmap.drain(|suffix| union.push(suffix));
    let expected: BTreeSet<_> = suffixes.iter().copied().chain([77]).collect();
    assert!(union.iter().eq(&expected) && bitmap.count() == 0, "{kind:?} of {}", suffixes.len());
}

/// In every form. An array is too slow for many, and nothing but runs is chosen for all.
fn check(suffixes: impl IntoIterator<Item = u16>) {
    let suffixes: Vec<u16> = suffixes.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    for kind in KINDS {
        let full = suffixes.len() == 1 << 16;
        match kind {
            Kind::Array if suffixes.len() > 100 => (),
            Kind::EliasFano if full => (),
            _ => check_kind(&suffixes, kind),
        }
    }
}

#[test]
fn one_suffix() {
    for suffix in [0, 1, 77, 0x7fff, 0x8000, 0xfffe, 0xffff] {
        check([suffix]);
    }
}

#[test]
fn both_ends() {
    check([0, 0xffff]);
    check([0, 1, 0xfffe, 0xffff]);
}

#[test]
fn all_and_all_but_one() {
    check(0..=u16::MAX);
    check(1..=u16::MAX);
    check(0..u16::MAX);
    check((0..=u16::MAX).filter(|suffix| *suffix != 0x8123));
}

#[test]
fn dense_runs() {
    check(0..256);
    check(0x1200..0x1300);
    check((0..=u16::MAX).filter(|suffix| suffix / 256 % 7 == 3));
    check((0..=u16::MAX).filter(|suffix| suffix % 256 < 200));
    check(0xf000..=0xffff);
}

#[test]
fn every_other() {
    check((0..=u16::MAX).step_by(2));
    check((1..=u16::MAX).step_by(2));
}

/// A bucket of Elias-Fano is then longer than a word, and a count stands for many of one bucket.
#[test]
fn crowded_in_one_place() {
    check((0x4000..0x4100).chain([0, 0xffff]));
    check((0..=u16::MAX).step_by(1_000).chain(0x4000..0x4080));
}

#[test]
fn from_one_to_many() {
    for len in (1..20).chain([63, 64, 65, 255, 256, 257, 511, 512, 513, 1_000, 5_000, 20_000, 40_000]) {
        check((0..len as u32).map(|n| (n * 65_536 / len as u32) as u16));
    }
}

#[test]
fn the_smallest_is_chosen() {
    assert_eq!(Kind::of(&[5]), Kind::Array);
    assert_eq!(Kind::of(&(0..=u16::MAX).collect::<Vec<_>>()), Kind::Runs);
    assert_eq!(Kind::of(&(0..=u16::MAX).step_by(2).collect::<Vec<_>>()), Kind::Bitmap);
    assert_eq!(Kind::of(&(0..=u16::MAX).step_by(100).collect::<Vec<_>>()), Kind::EliasFano);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_set(suffixes in proptest::collection::btree_set(any::<u16>(), 1..3_000)) {
        check(suffixes);
    }

    #[test]
    fn any_runs(runs in proptest::collection::vec((any::<u16>(), 1..600_u16), 1..60)) {
        check(runs.into_iter().flat_map(|(first, len)| first..=first.saturating_add(len)));
    }
}
