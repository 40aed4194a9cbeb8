use super::*;
use std::collections::BTreeSet;

/// Inserts one by one, checks each answer and then the whole set.
fn check(addresses: impl IntoIterator<Item = u32>) -> Ipv4Set {
    let set = Ipv4Set::new();
    let mut model = BTreeSet::new();
    let mut new = Vec::new();
    for address in addresses {
        assert_eq!(set.contains(address), model.contains(&address), "before {address:#x}");
        let added = set.insert(&[address], &mut new);
        assert_eq!(added == 1, model.insert(address), "insert {address:#x}");
        assert!(set.contains(address), "after {address:#x}");
    }
    assert_eq!(set.len(), model.len() as u64);
    assert!(set.iter().eq(model.iter().copied()), "in order and complete");
    assert!(new.len() == model.len() && new.iter().all(|address| model.contains(address)));
    set
}

fn page(set: &Ipv4Set, address: u32) -> Page {
    Entry(set.entry(address).load(Ordering::Relaxed)).page()
}

#[test]
fn an_empty_set_has_nothing() {
    let set = Ipv4Set::new();
    assert!(set.is_empty() && !set.contains(0) && !set.contains(u32::MAX) && set.iter().next().is_none());
}

#[test]
fn suffix_zero_alone_first_and_repeated() {
    check([0x0a00_0000, 0x0a00_0000, 0x0a00_0001, 0x0a00_ffff, 0x0a00_0000]);
}

#[test]
fn suffix_zero_as_the_address_that_grows_the_page() {
    for capacity in [table::capacity(0), table::capacity(1)] {
        check((1..=capacity).chain([0, 0]).map(|suffix| 0x0a00_0000 + suffix));
    }
}

#[test]
fn suffix_zero_survives_growth_and_promotion() {
    let set = check((0..=1_900).rev().chain([0]).map(|suffix| 0xffff_0000 + suffix));
    assert!(matches!(page(&set, 0xffff_0000), Page::Bitmap(_)));
}

#[test]
fn a_page_changes_exactly_at_its_capacity() {
    let set = Ipv4Set::new();
    let mut new = Vec::new();
    for suffix in 1..=table::capacity(6) + 1 {
        set.insert(&[0x0102_0000 + suffix], &mut new);
        let order = (0..=6).find(|order| suffix <= table::capacity(*order)).unwrap_or(Entry::BITMAP_ORDER);
        match page(&set, 0x0102_0000) {
            Page::Table(block) | Page::Bitmap(block) => assert_eq!(block.order, order, "with {suffix} addresses"),
            Page::Vacant => panic!("the page has {suffix} addresses"),
        }
    }
}

#[test]
fn a_full_page_holds_every_address() {
    let step = if cfg!(miri) { 31 } else { 1 };
    let set = check((0..=0xffff).step_by(step).map(|suffix: u32| 0x7f00_0000 + suffix.wrapping_mul(0x9e37) % 0x1_0000));
    assert_eq!(set.len(), 0x1_0000_u64.div_ceil(step as u64));
}

#[test]
fn repeats_within_a_batch_are_new_once() {
    let set = Ipv4Set::new();
    let mut new = vec![9];
    assert_eq!(set.insert(&[7, 7, 0, 0, u32::MAX, 7, u32::MAX], &mut new), 3);
    assert_eq!(new, [9, 7, 0, u32::MAX]);
    assert_eq!(set.insert(&[7, 0, u32::MAX], &mut new), 0);
    assert_eq!(set.len(), 3);
}

#[test]
fn suffixes_that_share_a_home_are_kept_apart() {
    let home = |suffix: u16| (u32::from(suffix).wrapping_mul(0x9e37_79b1)) >> 26;
    check((1..=u16::MAX).filter(|suffix| home(*suffix) == 63).take(600).map(|suffix| 0x0505_0000 + u32::from(suffix)));
}

#[test]
fn pages_that_outgrow_their_blocks_leave_no_holes() {
    let set = Ipv4Set::new();
    let mut new = Vec::new();
    let pages = if cfg!(miri) { 16 } else { 4_096 };
    for suffix in 1..=100_u32 {
        let batch: Vec<u32> = (0..pages).map(|page| page << 16 | suffix).collect();
        set.insert(&batch, &mut new);
        new.clear();
    }
    // 100 suffixes take a block of 256 bytes; a chunk may be half empty.
    let empty = Ipv4Set::new().memory_bytes();
    assert!(set.memory_bytes() - empty <= pages as usize * 256 * 65 / 64 + 128 * 1024 * 65 / 64);
}

/// What a lookup meets that was interrupted between the entry and the table, played step by step.
#[test]
fn a_block_that_changed_hands_is_noticed() {
    let set = Ipv4Set::new();
    let mut new = Vec::new();
    set.insert(&[0x0a00_0001], &mut new);
    let Page::Table(block) = page(&set, 0x0a00_0000) else { panic!("one address is a table") };
    let entry = set.entry(0x0a00_0000);
    set.insert(&[0x0a00_0002], &mut new);
    assert!(still_in(entry, block), "a table that only gained an address is the same table");
    set.insert(&(3..=29).map(|suffix| 0x0a00_0000 + suffix).collect::<Vec<_>>(), &mut new);
    set.insert(&[0x0b00_7777], &mut new);
    assert_eq!(page(&set, 0x0b00_0000), Page::Table(block), "the next page takes what the first has left");
    assert_eq!(table::probe(set.arena.lines(block), 0x7777), Probe::Found, "and would mislead");
    assert!(!still_in(entry, block));
}

#[test]
fn what_is_taken_out_is_new_again_whatever_its_page_is() {
    for count in [1, 5, 28, 100, 1_792, 2_000] {
        let set = Ipv4Set::new();
        let mut new = Vec::new();
        let addresses: Vec<u32> = (0..count).map(|n| 0x0909_0000 + n * 31).collect();
        set.insert(&addresses, &mut new);
        for gone in [0x0909_0000, 0x0909_0000 + (count - 1) * 31] {
            assert!(set.remove(gone) || gone == 0x0909_0000 && count == 1);
            assert!(!set.contains(gone) && !set.remove(gone));
            assert_eq!(set.len(), u64::from(count) - 1);
            assert_eq!(addresses.iter().filter(|address| set.contains(**address)).count() as u32, count - 1);
            new.clear();
            set.insert(&addresses, &mut new);
            assert_eq!(new, [gone]);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), addresses);
    }
}

/// Others insert into the pages that addresses are taken out of.
#[test]
fn removals_disturb_no_inserts() {
    let set = Ipv4Set::new();
    let rounds = if cfg!(miri) { 40 } else { 20_000_u32 };
    std::thread::scope(|scope| {
        for own in 0..2_u32 {
            let set = &set;
            scope.spawn(move || {
                for n in 0..rounds {
                    let address = (n % 64) << 16 | (n / 64) << 1 | own;
                    set.insert(&[address], &mut Vec::new());
                    if n % 3 == 0 {
                        assert!(set.remove(address));
                    }
                }
            });
        }
    });
    let expected: u32 = 2 * (0..rounds).filter(|n| n % 3 != 0).count() as u32;
    assert_eq!(set.len(), u64::from(expected));
    assert_eq!(set.iter().count(), expected as usize);
}
