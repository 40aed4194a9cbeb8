use proptest::{prelude::*, sample::Index};

use super::*;

const PAGE: usize = 65_536;
const START: usize = 1000;

/// A memory that fails where the heap reads or writes what was not given to it.
struct Pages {
    bytes: Vec<u8>,
    initial: usize,
    limit: usize,
    /// Of each word, whether the heap has written it and no owner since: such words are the heap's to read.
    noted: Vec<bool>,
}

impl Pages {
    fn new(initial: usize, limit: usize) -> Self {
        Self { bytes: vec![0; initial], initial, limit, noted: vec![false; limit / WORD] }
    }
}

impl Memory for Pages {
    fn word(&self, address: usize) -> usize {
        assert!(self.noted[address / WORD], "the heap reads what it has written");
        let word = self.bytes[address..].first_chunk().expect("a word within the memory");
        usize::from_ne_bytes(*word)
    }

    fn set_word(&mut self, address: usize, word: usize) {
        assert!(address >= START && address.is_multiple_of(WORD) && address + WORD <= self.bytes.len());
        self.noted[address / WORD] = true;
        self.bytes[address..address + WORD].copy_from_slice(&word.to_ne_bytes());
    }

    fn copy(&mut self, from: usize, to: usize, length: usize) {
        assert!(from + length <= to || to + length <= from, "places do not overlap");
        let bytes = self.bytes[from..from + length].to_vec();
        self.write(to, &bytes);
    }

    fn first(&self) -> (usize, usize) {
        (START, self.initial)
    }

    fn end(&self) -> usize {
        self.bytes.len()
    }

    fn grow(&mut self, length: usize) -> bool {
        let end = length.checked_next_multiple_of(PAGE).and_then(|length| self.bytes.len().checked_add(length));
        let end = end.filter(|end| *end <= self.limit);
        end.is_some_and(|end| {
            self.bytes.resize(end, 0);
            true
        })
    }
}

impl Pages {
    /// What an owner does with its block.
    fn write(&mut self, address: usize, bytes: &[u8]) {
        self.bytes[address..address + bytes.len()].copy_from_slice(bytes);
        self.noted[address / WORD..(address + bytes.len()).div_ceil(WORD)].fill(false);
    }
}

/// A block in use: where, how long, and what it is full of.
#[derive(Clone, Copy, Debug)]
struct Block {
    at: usize,
    size: usize,
    fill: u8,
}

/// One thing that a plugin does with its memory.
#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    TakeAligned(u32, usize),
    GiveBack(Index),
    Resize(Index, usize),
    /// Somebody else asks for memory.
    OthersGrow,
}

/// Of every magnitude, small and large.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..300, 0usize..5000, 30_000usize..36_000, 0usize..200_000]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => size().prop_map(Step::Take),
        2 => (0u32..13, size()).prop_map(|(power, size)| Step::TakeAligned(power, size)),
        6 => any::<Index>().prop_map(Step::GiveBack),
        6 => (any::<Index>(), size()).prop_map(|(block, size)| Step::Resize(block, size)),
        1 => Just(Step::OthersGrow),
    ]
}

/// Does what the steps say, and looks at every block after each of them.
struct Model {
    heap: Heap<Pages>,
    blocks: Vec<Block>,
    fill: u8,
}

impl Model {
    fn new(limit: usize) -> Self {
        Self { heap: Heap::new(Pages::new(2 * PAGE, limit)), blocks: Vec::new(), fill: 0 }
    }

    fn end(&self) -> usize {
        self.heap.memory.end()
    }

    fn add(&mut self, at: usize, size: usize) {
        assert!(self.heap.usable(at) >= size);
        assert!(at.is_multiple_of(GRAIN));
        self.fill = self.fill.wrapping_add(1);
        // Owners may use all of it.
        let block = Block { at, size: self.heap.usable(at), fill: self.fill };
        self.heap.memory.write(at, &vec![block.fill; block.size]);
        self.blocks.push(block);
    }

    fn check(&self, block: &Block) {
        let bytes = &self.heap.memory.bytes[block.at..block.at + block.size];
        assert!(*bytes == vec![block.fill; block.size], "{block:?} is no longer what its owner wrote");
    }

    fn give_back(&mut self, at: usize) {
        let block = self.blocks.swap_remove(at);
        self.check(&block);
        self.heap.give_back(block.at);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Take(size) => {
                if let Some(at) = self.heap.take(*size) {
                    self.add(at, *size);
                }
            }
            Step::TakeAligned(power, size) => {
                if let Some(at) = self.heap.take_aligned(1 << power, *size) {
                    assert!(at.is_multiple_of(1 << power));
                    self.add(at, *size);
                }
            }
            Step::GiveBack(block) if !self.blocks.is_empty() => self.give_back(block.index(self.blocks.len())),
            Step::Resize(block, size) if !self.blocks.is_empty() => {
                let at = block.index(self.blocks.len());
                let old = self.blocks[at];
                match self.heap.resize(old.at, *size) {
                    Some(moved) => {
                        self.blocks.swap_remove(at);
                        self.check(&Block { at: moved, size: old.size.min(*size), fill: old.fill });
                        self.add(moved, *size);
                    }
                    None => assert!(*size > old.size, "a block can always be made shorter"),
                }
            }
            Step::OthersGrow => {
                let _ = self.heap.memory.grow(PAGE);
            }
            _ => {}
        }
    }

    fn give_all_back(&mut self) {
        while !self.blocks.is_empty() {
            self.give_back(self.blocks.len() - 1);
        }
    }

    /// Every block in use and every free range, in order: none reaches into the next one.
    fn nothing_overlaps(&self) {
        let mut places: Vec<_> = self.blocks.iter().map(|block| self.heap.whole(block.at)).collect();
        let mut range = self.heap.ranges;
        let mut before = NONE;
        while range != NONE {
            let has = self.heap.memory.word(range + WORD);
            assert!(before < range && has > 0, "ranges ascend, and lie apart");
            before = range + has;
            places.push((range, has));
            range = self.heap.memory.word(range);
        }
        places.sort_unstable();
        assert!(places.iter().all(|(at, length)| at % GRAIN == 0 && length % GRAIN == 0), "{places:?}");
        assert!(places.is_sorted_by(|one, next| one.0 + one.1 <= next.0), "{places:?}");
        assert!(places.last().is_none_or(|last| last.0 + last.1 <= self.end()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Blocks lie apart, hold what their owners wrote, and are aligned, also where the memory ends.
    #[test]
    fn blocks_are_their_owners(steps in prop::collection::vec(step(), 0..150), pages in 2usize..40) {
        let mut model = Model::new(pages * PAGE);
        for step in &steps {
            model.step(step);
            model.nothing_overlaps();
        }
        model.blocks.iter().for_each(|block| model.check(block));
    }

    /// Whoever does the same again needs no more memory than the second time: the first time, small blocks are cut
    /// that wait for the others.
    #[test]
    fn the_same_again_needs_no_more(steps in prop::collection::vec(step(), 0..80)) {
        let mut model = Model::new(1 << 26);
        let mut ends = Vec::new();
        for _ in 0..8 {
            for step in steps.iter().filter(|step| !matches!(step, Step::OthersGrow)) {
                model.step(step);
            }
            model.give_all_back();
            ends.push(model.end());
        }
        prop_assert!(ends.iter().skip(1).all(|end| *end == ends[1]), "{:?}", ends);
    }

    #[test]
    fn a_block_is_little_longer_than_asked(size in prop_oneof![0usize..70_000, 0usize..1 << 40]) {
        let length = block_length(size).expect("there is such a length");
        prop_assert!(length >= size + GRAIN && length.is_multiple_of(GRAIN));
        prop_assert!(length <= (size + GRAIN) * 5 / 4 + GRAIN, "{}", length);
        prop_assert_eq!(block_length(length - GRAIN), Some(length), "a class has one length");
        prop_assert_eq!(class(length) < CLASSES, is_small(length));
    }
}

/// The batches of a gateway: a body, its bounds, the columns of the answer, given back in another order; and a map that
/// keeps something of each.
#[test]
fn batches_of_all_sizes() {
    let mut model = Model::new(1 << 26);
    let mut kept = Vec::new();
    let mut peak = 0;
    for round in 1usize..400 {
        let body = round * 2_654_435_761 % 500_000 + 1;
        let blocks: Vec<_> =
            [body, body / 25, body / 200, body / 25].map(|size| model.heap.take(size).expect("there is memory")).into();
        kept.push(model.heap.take(100).expect("there is memory"));
        blocks.into_iter().for_each(|block| model.heap.give_back(block));
        peak = peak.max(body + body / 10);
    }
    let used = kept.len() * block_length(100).expect("short");
    assert!(model.end() < 2 * (peak + used), "{} bytes for at most {} in use", model.end(), peak + used);
}

/// What a list does that grows: where nothing lies behind it, it stays where it is.
#[test]
fn what_grows_at_the_end_stays() {
    let mut model = Model::new(64 * PAGE);
    let first = model.heap.take(40_000).expect("there is memory");
    let mut size = 40_000;
    while size < 50 * PAGE {
        size += size / 2;
        assert_eq!(model.heap.resize(first, size.min(60 * PAGE)), Some(first));
    }
    model.heap.give_back(first);
    assert_eq!(model.heap.take(60 * PAGE), Some(first), "all of it is one range again");
}

#[test]
fn ranges_grow_together_whatever_the_order() {
    let mut model = Model::new(64 * PAGE);
    let blocks: Vec<_> = (0..8).map(|_| model.heap.take(PAGE).expect("there is memory")).collect();
    for at in [1, 3, 2, 6, 0, 7, 5, 4] {
        model.heap.give_back(blocks[at]);
        model.nothing_overlaps();
    }
    let end = model.end();
    assert_eq!(model.heap.take(8 * PAGE), Some(blocks[0]));
    assert_eq!(model.end(), end);
}

#[test]
fn no_memory() {
    let mut heap = Heap::new(Pages::new(PAGE, 2 * PAGE));
    assert_eq!(heap.take(usize::MAX), None);
    assert_eq!(heap.take(usize::MAX - 20), None);
    assert_eq!(heap.take_aligned(1 << 20, usize::MAX - 20), None);
    assert_eq!(heap.take(3 * PAGE), None);
    let block = heap.take(PAGE).expect("there is as much");
    assert_eq!(heap.resize(block, usize::MAX - 20), None);
    assert_eq!(heap.resize(block, 2 * PAGE), None);
    let short = heap.take(20_000).expect("there is as much");
    assert_ne!(short, block);
    assert!(heap.take(40_000).is_some());
    assert_eq!(heap.resize(block, 30_000), Some(block), "where there is no place to move to, it stays");
}

/// A component whose own data fills its memory to the last byte.
#[test]
fn nothing_from_the_start() {
    let mut heap = Heap::new(Pages::new(START, 4 * PAGE));
    assert!(heap.take(100).is_some());
}
