use super::*;

const A: u128 = 0x2001_0db8_0000_0001 << 64;

fn capped(cap: u32) -> Ipv6Set {
    let cap_per_64 = NonZeroU32::new(cap).unwrap();
    Ipv6Set::new(Ipv6Policy { granularity: Granularity::Full, cap_per_64 })
}

#[test]
fn every_number_of_addresses_in_a_64_up_to_its_cap_and_past_it() {
    for cap in [1, 2, 3, 16, 17, 40] {
        let set = capped(cap);
        let mut new = Vec::new();
        for id in 0..u128::from(cap) {
            assert_eq!(set.insert(&[A + id, A + id], &mut new), 0);
            assert!(set.contains(A + id) && !set.contains(A + id + 1));
        }
        assert_eq!(set.saturated_prefixes(), 0, "full is still exact");
        assert_eq!(set.insert(&[A + 99, A, A + 98, A + 99], &mut new), 3);
        assert_eq!((set.saturated_prefixes(), set.len()), (1, cap.into()));
        assert!(!set.contains(A + 99));
        assert_eq!(set.to_vec(), new, "ascending, as they were inserted");
    }
}

#[test]
fn the_cap_of_one_64_does_not_touch_another() {
    let set = capped(1);
    let mut new = Vec::new();
    assert_eq!(set.insert(&[A, A + 1, A + (1 << 64), A + (1 << 64) + 1], &mut new), 2);
    assert_eq!((set.len(), set.saturated_prefixes()), (2, 2));
}

#[test]
fn coarser_granularities_count_masked_addresses_and_never_saturate() {
    let address = 0x2001_0db8_1234_5678_9abc_def0_1234_5678;
    for (granularity, masked) in [
        (Granularity::Full, address),
        (Granularity::Prefix64, 0x2001_0db8_1234_5678 << 64),
        (Granularity::Prefix56, 0x2001_0db8_1234_5600 << 64),
        (Granularity::Prefix48, 0x2001_0db8_1234_0000 << 64),
    ] {
        let set = Ipv6Set::new(Ipv6Policy { granularity, cap_per_64: NonZeroU32::MIN });
        let mut new = Vec::new();
        assert_eq!(set.insert(&[address, address], &mut new), 0);
        assert_eq!(new, [masked]);
        assert!(set.contains(address));
        if granularity != Granularity::Full {
            assert_eq!(set.insert(&[address + 1], &mut new), 0);
            assert!(set.contains(address + 1) && set.len() == 1);
        }
    }
}

#[test]
fn memory_is_told_as_it_grows_and_shrinks() {
    let set = capped(65_536);
    let mut new = Vec::new();
    let empty = set.memory_bytes();
    let addresses: Vec<u128> = (0..200).map(|id| A + id).collect();
    set.insert(&addresses, &mut new);
    assert!((empty + 9 * 200..empty + 65_536).contains(&set.memory_bytes()), "{}", set.memory_bytes());
}

#[test]
fn what_is_taken_out_is_new_again() {
    let set = Ipv6Set::new(Ipv6Policy::default());
    let mut new = Vec::new();
    for count in [1, 2, 40_u128] {
        let addresses: Vec<u128> = (0..count).map(|id| count << 64 | id).collect();
        set.insert(&addresses, &mut new);
        let before = set.len();
        assert!(set.remove(count << 64) && !set.remove(count << 64));
        assert!(!set.contains(count << 64));
        assert_eq!(set.len(), before - 1);
        new.clear();
        set.insert(&addresses, &mut new);
        assert_eq!(new, [count << 64]);
        assert_eq!(set.len(), before);
    }
}
