//! Which memory is free: what a plugin with a standard library allocates from.
//!
//! A small block is as long as its class says, of which there are four from each power of two to the next. When it is
//! given back, it waits in the list of its class for the next one of that class. A large block is cut from the first
//! range that is long enough, in the order of addresses, and becomes a range again, in one with the free ranges beside
//! it. So batches of any sizes use the same memory, call after call, and what a plugin keeps may grow for as long as
//! there is memory. The general allocator of the target's C library does more, in ten times the code.
//!
//! Everything here is an address or a length in bytes, and both are multiples of [`GRAIN`]. Address 0 stands for none.
//!
//! | what | its first word | its second word |
//! |---|---|---|
//! | [`GRAIN`] bytes before what a block's owner uses | the block's length | how far the owner's part lies behind its start |
//! | a free small block | the next one of its class | |
//! | a free range | the next one, in the order of addresses | its length |

/// What all lengths are multiples of: the largest alignment that a block has without being asked for it, and the length
/// of what stands before its owner's part.
const GRAIN: usize = 16;
/// Blocks that are longer are cut from ranges, and go back to them.
const LONGEST_SMALL: usize = 32_768;
/// What `class` would say of the shortest block, of two grains, if it did not subtract this.
const SHORTEST: usize = 23;
/// Four for each power of two, up to the longest.
const CLASSES: usize = 41;
const WORD: usize = size_of::<usize>();
/// The address of what there is not. Before the first range, it stands for the list itself.
const NONE: usize = 0;

/// The memory that a heap lies in.
pub(crate) trait Memory {
    /// The word at an address.
    fn word(&self, address: usize) -> usize;
    /// Writes the word at an address.
    fn set_word(&mut self, address: usize, word: usize);
    /// Copies bytes to where none of them lie.
    fn copy(&mut self, from: usize, to: usize, length: usize);
    /// Where the heap begins, and where the memory ended when nobody had asked for more.
    fn first(&self) -> (usize, usize);
    /// The end of the memory, which others may have asked for, too.
    fn end(&self) -> usize;
    /// Asks for at least so many more bytes behind the end.
    fn grow(&mut self, length: usize) -> bool;
}

/// What is free of a memory.
pub(crate) struct Heap<M> {
    memory: M,
    /// The free small blocks: the first one of each class.
    small: [usize; CLASSES],
    /// The first free range.
    ranges: usize,
    /// Whether the memory that there was from the start has become a range.
    begun: bool,
}

// === impl Heap ===

impl<M: Memory> Heap<M> {
    pub(crate) const fn new(memory: M) -> Self {
        Self { memory, small: [NONE; CLASSES], ranges: NONE, begun: false }
    }

    /// At least `size` bytes; `None` if there is no memory for them.
    pub(crate) fn take(&mut self, size: usize) -> Option<usize> {
        let length = block_length(size)?;
        let start = match self.small.get_mut(class(length)) {
            Some(first) if *first != NONE => {
                let start = *first;
                *first = self.memory.word(start);
                start
            }
            _ => self.cut(length, None)?,
        };
        Some(self.hand_out(start, length, GRAIN))
    }

    /// At least `size` bytes at a multiple of `align`, which is a power of two.
    pub(crate) fn take_aligned(&mut self, align: usize, size: usize) -> Option<usize> {
        if align <= GRAIN {
            return self.take(size);
        }
        let block = self.take(size.checked_add(align - GRAIN)?)?;
        // The block is that much longer, so this neither overflows nor reaches beyond its end.
        let aligned = round_up(block, align)?;
        let (start, length) = self.whole(block);
        Some(self.hand_out(start, length, aligned - start))
    }

    /// Takes a block back.
    pub(crate) fn give_back(&mut self, block: usize) {
        let (start, length) = self.whole(block);
        match self.small.get_mut(class(length)) {
            Some(first) => {
                self.memory.set_word(start, *first);
                *first = start;
            }
            None => self.add(start, length),
        }
    }

    /// Makes a block longer or shorter, with what is in it: at another place if need be. If there is no memory for that,
    /// the block stays as it is.
    pub(crate) fn resize(&mut self, block: usize, size: usize) -> Option<usize> {
        let (start, length) = self.whole(block);
        let offset = block - start;
        let usable = length - offset;
        // To move a small block would save little, and so it would to move one of which half is wanted still.
        if size <= usable && (is_small(length) || size >= usable / 2) {
            return Some(block);
        }
        if size > usable && !is_small(length) {
            let more = round_up(size - usable, GRAIN)?;
            if self.cut(more, Some(start + length)).is_some() {
                return Some(self.hand_out(start, length + more, offset));
            }
        }
        let Some(moved) = self.take(size) else { return (size <= usable).then_some(block) };
        self.memory.copy(block, moved, usable.min(size));
        self.give_back(block);
        Some(moved)
    }

    /// How many bytes of a block its owner may use.
    pub(crate) fn usable(&self, block: usize) -> usize {
        let (start, length) = self.whole(block);
        length - (block - start)
    }

    /// Where a block begins that its owner uses from `block` on, and how long it is.
    fn whole(&self, block: usize) -> (usize, usize) {
        (block - self.memory.word(block - GRAIN + WORD), self.memory.word(block - GRAIN))
    }

    /// Where the owner's part of a block lies, after that has been noted before it.
    fn hand_out(&mut self, start: usize, length: usize, offset: usize) -> usize {
        let block = start + offset;
        self.memory.set_word(block - GRAIN, length);
        self.memory.set_word(block - GRAIN + WORD, offset);
        block
    }

    // --- ranges

    /// Cuts so much from the first range that is long enough; if a place is given, from the range that begins there.
    #[inline(never)]
    fn cut(&mut self, length: usize, at: Option<usize>) -> Option<usize> {
        loop {
            let (mut last, mut range) = (NONE, self.ranges);
            while range != NONE {
                let next = self.memory.word(range);
                let has = self.memory.word(range + WORD);
                if has >= length && at.is_none_or(|at| at == range) {
                    let rest = if has == length { next } else { self.note(range + length, next, has - length) };
                    self.set_next(last, rest);
                    return Some(range);
                }
                (last, range) = (range, next);
            }
            self.extend(length, last, at)?;
        }
    }

    /// Sees to it that there is a range that long, behind the last one or in one with it; at a given place, or not at all.
    fn extend(&mut self, length: usize, last: usize, at: Option<usize>) -> Option<()> {
        if !self.begun {
            self.begun = true;
            let (start, end) = self.memory.first();
            let start = round_up(start, GRAIN)?;
            // A range has room for its own two words.
            if end >= start + GRAIN {
                self.add(start, (end - start) / GRAIN * GRAIN);
            }
            return Some(());
        }
        let end = self.memory.end();
        let reaches = last != NONE && last + self.memory.word(last + WORD) == end;
        let tail = if reaches { last } else { end };
        if at.is_some_and(|at| at != tail) || !self.memory.grow(length - (end - tail)) {
            return None;
        }
        self.add(end, self.memory.end() - end);
        Some(())
    }

    /// Makes a range of what is free again, in one with those beside it.
    #[inline(never)]
    fn add(&mut self, start: usize, length: usize) {
        let (mut last, mut next) = (NONE, self.ranges);
        while next != NONE && next < start {
            (last, next) = (next, self.memory.word(next));
        }
        let mut length = length;
        if start + length == next {
            length += self.memory.word(next + WORD);
            next = self.memory.word(next);
        }
        if last != NONE {
            let has = self.memory.word(last + WORD);
            if last + has == start {
                self.note(last, next, has + length);
                return;
            }
        }
        self.note(start, next, length);
        self.set_next(last, start);
    }

    fn note(&mut self, range: usize, next: usize, length: usize) -> usize {
        self.memory.set_word(range, next);
        self.memory.set_word(range + WORD, length);
        range
    }

    fn set_next(&mut self, range: usize, next: usize) {
        if range == NONE { self.ranges = next } else { self.memory.set_word(range, next) }
    }
}

fn is_small(length: usize) -> bool {
    length <= LONGEST_SMALL
}

/// How long a block is of which its owner uses `size` bytes.
fn block_length(size: usize) -> Option<usize> {
    // Not one byte would be a block that has the address of the next one.
    let length = size.max(1).checked_add(GRAIN)?;
    let step = if is_small(length) { (1 << (length - 1).ilog2()) / 4 } else { 0 };
    round_up(length, step.max(GRAIN))
}

/// The next multiple of a power of two; the standard library's function for that divides.
fn round_up(number: usize, power: usize) -> Option<usize> {
    Some(number.checked_add(power - 1)? & !(power - 1))
}

/// The list of the small blocks that long; none of the lists, if that is not small.
fn class(length: usize) -> usize {
    // The longest block of a class counts with those below it, as in `block_length`.
    // No block is as short as 1: that only tells the compiler that there is a logarithm.
    let last = (length - 1) | 1;
    let power = last.ilog2() as usize;
    power * 4 + (last >> (power - 2)) - SHORTEST
}

#[cfg(test)]
mod tests;
