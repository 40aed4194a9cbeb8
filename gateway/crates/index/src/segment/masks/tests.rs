use super::*;
use proptest::prelude::*;

fn check(masks: &[u32], bits: u32) -> Form {
    let at = 5;
    let mut out = vec![0xff; at];
    let form = Masks::encode(&mut out, masks, bits);
    assert_eq!(Form::of_code(form.code()), form);
    out.extend_from_slice(&[0xff; 80]);
    let written = Masks::new(Bytes(&out), at, masks.len(), bits, form);
    let mut read = vec![9];
    written.read(&mut read);
    assert!(read[0] == 9 && read[1..] == *masks, "{form:?} of {}", masks.len());
    for (rank, mask) in masks.iter().enumerate() {
        assert_eq!(written.get(rank), *mask, "{form:?} of {}, {rank}", masks.len());
    }
    form
}

fn with(ones: impl Fn(u32) -> u32, len: u32, bits: u32) -> Vec<u32> {
    let mask = |n: u32| (0..ones(n)).fold(0, |mask, at| mask | 1 << ((n * 7 + at * 5) % bits));
    (0..len).map(mask).collect()
}

#[test]
fn the_same_for_all() {
    assert_eq!(check(&[1 << 23], 24), Form::SameBit);
    assert_eq!(check(&[1; 1 << 16], 31), Form::SameBit);
    assert_eq!(check(&[3], 24), Form::Same);
    assert_eq!(check(&[u32::MAX >> 1; 300], 31), Form::Same);
}

#[test]
fn the_levels_that_are_worth_it() {
    for (len, bits) in [(1_000, 24), (1_000, 31), (40, 24), (255, 31), (256, 31), (1 << 16, 31)] {
        assert_eq!(check(&with(|_| 1, len, bits), bits), Form::Levels(1), "one each");
        assert_eq!(check(&with(|_| 12, len, bits), bits), Form::Levels(0), "many each");
        assert_eq!(check(&with(|n| 1 + n % 2, len, bits), bits), Form::Levels(2), "one or two");
        check(&with(|n| 1 + n % 4, len, bits), bits);
        check(&with(|n| 1 + n % 12, len, bits), bits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_masks(
        (masks, bits) in prop_oneof![Just(24_u32), Just(31)].prop_flat_map(|bits| {
            let one = prop_oneof![(0..bits).prop_map(|at| 1 << at), 1..=u32::MAX >> (32 - bits)];
            (proptest::collection::vec(one, 1..2_000), Just(bits))
        }),
    ) {
        check(&masks, bits);
    }
}
