use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use tallygate_index::{Granularity, Ipv4Set, Ipv6Policy, NewIps, UniqueIps};

const THREADS: usize = 4;

/// A fixed generator, so that a failure can be repeated as far as the scheduler allows.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.next() as usize % (at + 1));
        }
    }
}

/// Every thread inserts all of `v4` and `v6`, each in an order and in batches of its own, all starting at once.
fn insert_from_all_threads(set: &Arc<UniqueIps>, v4: &[u32], v6: &[u128]) -> NewIps {
    let start = Arc::new(Barrier::new(THREADS));
    let workers: Vec<_> = (0..THREADS)
        .map(|worker| {
            let (set, start) = (Arc::clone(set), Arc::clone(&start));
            let (mut v4, mut v6, mut random) = (v4.to_vec(), v6.to_vec(), Random(worker as u64));
            random.shuffle(&mut v4);
            random.shuffle(&mut v6);
            thread::spawn(move || {
                let mut new = NewIps::default();
                start.wait();
                let v4 = v4.chunks(50).map(|batch| set.insert(batch, &[], &mut new).new).sum::<usize>();
                let v6 = v6.chunks(50).map(|batch| set.insert(&[], batch, &mut new).new).sum::<usize>();
                assert_eq!((v4, v6), (new.v4.len(), new.v6.len()));
                new
            })
        })
        .collect();
    let mut all = NewIps::default();
    for worker in workers {
        let new = worker.join().expect("no worker panics");
        all.v4.extend(new.v4);
        all.v6.extend(new.v6);
    }
    all
}

fn assert_each_once<T: Copy + Eq + Hash>(items: &[T], expected: &HashSet<T>) {
    assert_eq!(items.len(), expected.len(), "the sum of all answers is the number of distinct addresses");
    assert!(items.iter().all(|item| expected.contains(item)));
    assert_eq!(items.iter().collect::<HashSet<_>>().len(), items.len(), "none was new twice");
}

#[test]
fn overlapping_ipv4_sets_are_counted_exactly() {
    let set = Arc::new(UniqueIps::default());
    // All threads fight over a few pages, through every size up to the bitmap, with suffix 0 among them.
    let (pages, each) = if cfg!(miri) { (2, 70) } else { (12, 5_000) };
    let mut addresses: Vec<u32> = (0..pages * each).map(|n| (n % pages) << 16 | (n / pages * 13)).collect();
    addresses.extend_from_within(..addresses.len() / 4);
    let expected: HashSet<u32> = addresses.iter().copied().collect();
    let new = insert_from_all_threads(&set, &addresses, &[]);
    assert_each_once(&new.v4, &expected);
    assert_eq!(set.len(), expected.len() as u64);
    assert!(expected.iter().all(|address| set.v4().contains(*address)));
    assert_eq!(set.v4().iter().count(), expected.len());
}

#[test]
fn the_promotion_to_a_bitmap_loses_and_repeats_nothing() {
    let set = Arc::new(UniqueIps::default());
    // The last table holds 1,792: what the threads add together around that number meets the promotion.
    let filled: Vec<u32> = (1..=1_780).collect();
    set.insert(&filled, &[], &mut NewIps::default());
    let more: Vec<u32> = (1_770..1_830).chain([0, 0xffff]).collect();
    let new = insert_from_all_threads(&set, &more, &[]);
    assert_each_once(&new.v4, &(1_781..1_830).chain([0, 0xffff]).collect());
    assert!(set.v4().iter().eq((0..1_830).chain([0xffff])));
}

#[test]
fn overlapping_ipv6_sets_keep_their_caps_exactly() {
    let cap = if cfg!(miri) { 4 } else { 40 };
    let cap_per_64 = NonZeroU32::new(cap as u32).expect("not zero");
    let set = Arc::new(UniqueIps::new(Ipv6Policy { granularity: Granularity::Full, cap_per_64 }));
    // The first 30 prefixes get fewer addresses than the cap, the 31st just as many, the others more.
    let per_prefix = |prefix: usize| if prefix < 30 { prefix * cap / 30 } else { cap + (prefix - 30) * cap / 5 };
    let prefixes = if cfg!(miri) { 27..33 } else { 0..60 };
    let address = |prefix: usize, id: usize| (0x2001_0db8_u128 << 96) + ((prefix as u128) << 64) + id as u128;
    let addresses: Vec<u128> =
        prefixes.clone().flat_map(|prefix| (0..per_prefix(prefix)).map(move |id| address(prefix, id))).collect();
    let new = insert_from_all_threads(&set, &[], &addresses);
    let expected: usize = prefixes.clone().map(|prefix| per_prefix(prefix).min(cap)).sum();
    assert_eq!((new.v6.len(), set.len()), (expected, expected as u64));
    let over = prefixes.filter(|prefix| per_prefix(*prefix) > cap).count();
    assert_eq!(set.saturated_prefixes(), over as u64);
    let mut sorted = new.v6.clone();
    sorted.sort_unstable();
    assert_eq!(set.v6().to_vec(), sorted);
}

#[test]
fn readers_always_see_what_was_inserted_before() {
    let set = Arc::new(Ipv4Set::new());
    let done = Arc::new(AtomicBool::new(false));
    let known: Vec<u32> = (0..20).map(|n| n % 4 * 0x1_0000 + n * 997).collect();
    set.insert(&known, &mut Vec::new());
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (set, done, known) = (Arc::clone(&set), Arc::clone(&done), known.clone());
            thread::spawn(move || {
                // Pages grow, move and leave their blocks to others while this looks.
                while !done.load(Ordering::Relaxed) {
                    assert!(known.iter().all(|address| set.contains(*address)));
                    assert!(!set.contains(0x0003_ffff) && !set.contains(0x0004_0000));
                    let listed: Vec<u32> = set.iter().take_while(|address| *address < 0x4_0000).collect();
                    assert!(listed.is_sorted_by(|a, b| a < b));
                    assert!(known.iter().all(|address| listed.binary_search(address).is_ok()));
                }
            })
        })
        .collect();
    let rounds = if cfg!(miri) { 40 } else { 30_000 };
    let mut new = Vec::new();
    for n in 0..rounds {
        let batch: Vec<u32> = (0..8).map(|page| page * 0x1_0000 + n * 31 % 0xffff).collect();
        set.insert(&batch.iter().copied().filter(|address| *address != 0x0004_0000).collect::<Vec<_>>(), &mut new);
    }
    done.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().expect("no reader saw anything wrong"));
}

/// Looks at pages in the very moment when they grow and another page takes over, and overwrites, what they leave.
#[test]
fn a_lookup_is_not_misled_by_a_block_that_changes_hands() {
    let set = Arc::new(Ipv4Set::new());
    let growing = Arc::new(AtomicU32::new(0));
    let pages = if cfg!(miri) { 12 } else { 60_000 };
    let address = |page: u32, n: u32| page << 16 | (n * 2_048 + page % 2_048);
    (1..=28).for_each(|n| drop_new(&set, address(0, n)));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (set, growing) = (Arc::clone(&set), Arc::clone(&growing));
            thread::spawn(move || {
                loop {
                    let page = growing.load(Ordering::Acquire);
                    if page == pages {
                        return;
                    }
                    assert!(set.contains(address(page, 1)), "inserted before this page was named");
                    assert!(!set.contains(page << 16 | address(page + 1, 1) & 0xffff), "belongs to the next page only");
                }
            })
        })
        .collect();
    for page in 0..pages {
        growing.store(page, Ordering::Release);
        // The 29th grows the page, and the first of the next takes the block that it left.
        drop_new(&set, address(page, 29));
        (1..=28).for_each(|n| drop_new(&set, address(page + 1, n)));
    }
    growing.store(pages, Ordering::Release);
    readers.into_iter().for_each(|reader| reader.join().expect("no reader was misled"));
}

fn drop_new(set: &Ipv4Set, address: u32) {
    assert_eq!(set.insert(&[address], &mut Vec::new()), 1);
}
