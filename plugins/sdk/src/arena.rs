//! Where the next block of memory goes.
//!
//! A call allocates a few lists, in and out, and gives all of them back before the next one begins. So memory is
//! handed out in ascending order and taken back at once when the last block of a call is gone: no free lists, no
//! fragmentation, and a tenth of the code of a general allocator, which the gateway compiles at every cold start.
#![cfg_attr(not(any(test, target_arch = "wasm32")), expect(dead_code, reason = "elsewhere the system allocates"))]

/// The state of the memory, as addresses.
pub(crate) struct Arena {
    /// What lies below is kept for good.
    base: usize,
    /// What lies at or above is free.
    top: usize,
    /// How many blocks above `base` are in use.
    live: usize,
    /// Where the block handed out last begins.
    last: usize,
}

// === impl Arena ===

impl Arena {
    /// Memory from `start` on.
    pub(crate) const fn new(start: usize) -> Self {
        Self { base: start, top: start, live: 0, last: start }
    }

    /// Keeps everything that is in use now for good.
    pub(crate) fn seal(&mut self) {
        self.base = self.top;
        self.last = self.top;
        self.live = 0;
    }

    /// A block of `size` bytes; `None` if the address space has no room for it. `align` is a power of two.
    pub(crate) fn take(&mut self, size: usize, align: usize) -> Option<usize> {
        let start = self.top.checked_next_multiple_of(align)?;
        self.top = start.checked_add(size)?;
        self.last = start;
        self.live += 1;
        Some(start)
    }

    /// Makes the block at `start` longer or shorter where it lies, if nothing lies behind it.
    pub(crate) fn resize(&mut self, start: usize, size: usize) -> bool {
        let end = start.checked_add(size);
        match end {
            Some(end) if start == self.last && start >= self.base => {
                self.top = end;
                true
            }
            _ => false,
        }
    }

    /// Takes a block back.
    pub(crate) fn give_back(&mut self, start: usize) {
        if start < self.base {
            return;
        }
        self.live = self.live.saturating_sub(1);
        if self.live == 0 {
            self.top = self.base;
            self.last = self.base;
        } else if start == self.last {
            self.top = start;
        }
    }

    /// The end of the memory in use.
    pub(crate) fn top(&self) -> usize {
        self.top
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Blocks in use never overlap, whatever is taken, resized and given back, and a call's end frees them all.
        #[test]
        fn blocks_lie_apart(steps in prop::collection::vec((0u8..4, 1usize..5000, 0u32..5, any::<prop::sample::Index>()), 0..200)) {
            let mut arena = Arena::new(1000);
            let kept = arena.take(100, 8).expect("there is room");
            arena.seal();
            let floor = arena.top();
            let mut blocks: Vec<(usize, usize)> = Vec::new();
            for (what, size, align, at) in steps {
                match what {
                    0 | 1 => {
                        let start = arena.take(size, 1 << align).expect("there is room");
                        prop_assert_eq!(start % (1 << align), 0);
                        blocks.push((start, start + size));
                    }
                    2 if !blocks.is_empty() => arena.give_back(blocks.swap_remove(at.index(blocks.len())).0),
                    3 if !blocks.is_empty() => {
                        let block = at.index(blocks.len());
                        if arena.resize(blocks[block].0, size) {
                            blocks[block].1 = blocks[block].0 + size;
                        }
                    }
                    _ => {}
                }
                let mut sorted = blocks.clone();
                sorted.sort_unstable();
                prop_assert!(sorted.is_sorted_by(|block, next| block.1 <= next.0), "{:?}", sorted);
                prop_assert!(sorted.first().is_none_or(|block| block.0 >= floor));
                prop_assert!(sorted.last().is_none_or(|block| block.1 <= arena.top()));
            }
            arena.give_back(kept);
            for (start, _) in blocks.drain(..) {
                arena.give_back(start);
            }
            prop_assert_eq!(arena.top(), floor);
        }
    }

    #[test]
    fn the_end_of_the_address_space() {
        let mut arena = Arena::new(usize::MAX - 100);
        assert!(arena.take(200, 1).is_none());
    }
}
