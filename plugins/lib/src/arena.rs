//! Where the next block of memory goes.
//!
//! A call allocates a few lists, in and out, and gives all of them back before the next one begins. So memory is
//! handed out in ascending order and taken back at once when the last block of a call is gone: no free lists, no
//! fragmentation, and a tenth of the code of a general allocator, which the gateway compiles at every cold start.

/// The state of the memory, as addresses.
#[derive(Default)]
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
