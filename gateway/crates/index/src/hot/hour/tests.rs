use super::*;
use std::collections::BTreeSet;

fn hot() -> HotHour {
    HotHour::new(Hour(1), false, &RandomState::new())
}

/// Sebastiano Vigna's SplitMix64.
fn random(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn each_address_is_new_once_while_the_set_grows_and_changes_its_form() {
    let hot = hot();
    let (mut new, mut model) = (Vec::new(), BTreeSet::from([0]));
    hot.insert_v4(&[0, 0], &mut new).expect("is open");
    for batch in 0..1_000_u64 {
        // Among a million and a half, so that some come twice.
        let addresses: Vec<u32> = (0..1_000).map(|n| random((batch * 1_000 + n) % 900_000) as u32 | 1).collect();
        let mut missing = Vec::new();
        hot.missing_v4(&addresses, &mut missing);
        assert!(missing.iter().all(|address| !model.contains(address)));
        let before = new.len();
        hot.insert_v4(&missing, &mut new).expect("is open");
        for address in &new[before..] {
            assert!(model.insert(*address));
        }
        assert!(addresses.iter().all(|address| model.contains(address)));
    }
    assert!(matches!(&*read(&hot.v4), V4::Pages(_)));
    assert!(model.iter().all(|address| hot.has_v4(*address)));
    assert_eq!(model.iter().filter(|address| hot.has_v4(**address ^ 0x8000_0000)).count(), {
        model.iter().filter(|address| model.contains(&(**address ^ 0x8000_0000))).count()
    });
}

/// The bound that the README states, at its worst: addresses spread evenly, each amount at the moment it is reached.
#[test]
fn an_address_takes_eight_bytes_at_most() {
    let hot = hot();
    for count in 0..3_000_000_u64 {
        hot.insert_v4(&[random(count) as u32], &mut Vec::new()).expect("is open");
        if count >= 1_000 && count % 997 == 0 {
            let bytes = hot.bytes() as u64;
            assert!(bytes <= 8 * count, "{bytes} bytes for {count} addresses");
        }
    }
}

/// As clients come: in runs of neighbours.
#[test]
fn a_million_addresses_of_skewed_traffic_take_ten_megabytes_at_most() {
    let hot = hot();
    let addresses: Vec<u32> = (0..1_000_000).map(|n| (random(n >> 6) as u32) << 6 | n as u32 & 63).collect();
    for some in addresses.chunks(1_000) {
        hot.insert_v4(some, &mut Vec::new()).expect("is open");
        assert!(hot.bytes() <= 10_000_000);
    }
}

#[test]
fn several_threads_that_bring_the_same_addresses_get_each_as_new_once() {
    let hot = hot();
    let total: usize = std::thread::scope(|scope| {
        let bring = || {
            let mut new = Vec::new();
            for batch in 0..200_u64 {
                let addresses: Vec<u32> = (0..500).map(|n| random(batch * 500 + n) as u32 >> 8).collect();
                hot.insert_v4(&addresses, &mut new).expect("is open");
                hot.insert_v6(&addresses.iter().map(|a| u128::from(*a)).collect::<Vec<_>>(), &mut Vec::new())
                    .expect("is open");
            }
            new.len()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(bring)).collect();
        threads.into_iter().map(|thread| thread.join().expect("does not panic")).sum()
    });
    let distinct: BTreeSet<u32> = (0..100_000).map(|n| random(n) as u32 >> 8).collect();
    assert_eq!(total, distinct.len());
}

#[test]
fn what_is_forgotten_is_new_again_and_a_closed_hour_takes_nothing() {
    for many in [10, 700_000] {
        let hot = hot();
        let addresses: Vec<u32> = (0..many).map(|n| n << 7).collect();
        hot.insert_v4(&addresses, &mut Vec::new()).expect("is open");
        for gone in [0, 5 << 7] {
            hot.remove(&[gone], &[]);
            assert!(!hot.has_v4(gone));
            assert_eq!(addresses.iter().filter(|address| !hot.has_v4(**address)).count(), 1);
            let mut new = Vec::new();
            hot.insert_v4(&addresses[..10], &mut new).expect("is open");
            assert_eq!(new, [gone]);
        }
        hot.remove(&addresses[2..7], &[]);
        assert!(addresses.iter().enumerate().all(|(at, address)| hot.has_v4(*address) != (2..7).contains(&at)));
        hot.close();
        assert_eq!(hot.insert_v4(&[1], &mut Vec::new()), Err(Closed));
        assert_eq!(hot.insert_v6(&[1], &mut Vec::new()), Err(Closed));
    }
}
