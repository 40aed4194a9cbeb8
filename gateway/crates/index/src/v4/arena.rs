use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// One cache line: 32 suffixes, or 512 bits of a bitmap.
#[repr(align(64))]
#[derive(Default)]
pub(super) struct Line(pub(super) [AtomicU64; WORDS_PER_LINE]);

pub(super) const WORDS_PER_LINE: usize = 8;

/// `1 << order` lines in a row, starting at `line`, a multiple of their number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) line: u32,
    pub(super) order: u8,
}

/// Where the pages of one set live: a buddy allocator over chunks that are never given back.
///
/// Pages of all /16s outgrow their blocks at about the same time when addresses come evenly. A general allocator
/// keeps what they leave as holes of the old size; here two free neighbours join and serve the next size.
///
/// Since chunks stay, a reader may look at a block that its page has left meanwhile, and find out afterwards by
/// looking at the page's entry again. For that to be sound, whoever writes a word of a block does it with `Release`
/// ordering (or after a `Release` fence) and readers put an `Acquire` fence before they look at the entry again:
/// who saw a word written by a later owner then also sees that the entry has moved on.
pub(super) struct Arena {
    chunks: Box<[OnceLock<Box<[Line]>>]>,
    installed: AtomicUsize,
    /// Guards the free lists, whose links lie in the free blocks themselves.
    free: Mutex<FreeLists>,
}

struct FreeLists {
    /// First free block of each order, or [`NONE`].
    heads: [u32; ORDERS],
    /// For each line of each chunk: 0, or if a free block starts here, its order plus one.
    starts: Vec<Box<[u8]>>,
}

const ORDERS: usize = 8;
const TOP: u8 = ORDERS as u8 - 1;
/// 128 KiB: small enough for a set with few addresses, large enough for the directory to stay in the first cache.
const CHUNK_BITS: u32 = if cfg!(miri) { 9 } else { 11 };
const CHUNK_LINES: usize = 1 << CHUNK_BITS;
/// A chunk is added only when no block of the highest order is wholly free, so each of them then holds a live block.
/// Live are one block for each /16 and one for each thread that is moving a page: this is enough for 4,096 threads.
const MAX_CHUNKS: usize = ((65_536 + 4_096) << TOP) / CHUNK_LINES;
const NONE: u32 = u32::MAX;

// === impl Arena ===

impl Arena {
    pub(super) fn new() -> Self {
        Self {
            chunks: (0..MAX_CHUNKS).map(|_| OnceLock::new()).collect(),
            installed: AtomicUsize::new(0),
            free: Mutex::new(FreeLists { heads: [NONE; ORDERS], starts: Vec::new() }),
        }
    }

    /// The lines of a block.
    #[inline]
    pub(super) fn lines(&self, block: Block) -> &[Line] {
        let (chunk, at) = self.locate(block.line);
        &chunk[at..at + (1 << block.order)]
    }

    /// One line, by its number.
    #[inline]
    pub(super) fn line(&self, line: u32) -> &Line {
        let (chunk, at) = self.locate(line);
        &chunk[at]
    }

    /// A block of zeros, for its taker alone.
    pub(super) fn allocate(&self, order: u8) -> Block {
        let block = self.take(order);
        // Readers of the block's former owner must not see these zeros before that owner's farewell.
        fence(Ordering::Release);
        for line in self.lines(block) {
            for word in &line.0 {
                word.store(0, Ordering::Relaxed);
            }
        }
        block
    }

    /// Takes a block back. No entry may name it any more.
    pub(super) fn free(&self, block: Block) {
        self.give(&mut self.lock(), block);
    }

    /// Bytes of all chunks and of what manages them.
    pub(super) fn memory_bytes(&self) -> usize {
        let lines = self.installed.load(Ordering::Relaxed) * CHUNK_LINES;
        lines * (size_of::<Line>() + 1) + size_of_val(&*self.chunks)
    }

    #[inline]
    fn locate(&self, line: u32) -> (&[Line], usize) {
        let chunk = self.chunks[(line >> CHUNK_BITS) as usize].get();
        let chunk = chunk.expect("blocks are cut from installed chunks, and chunks stay");
        (chunk, line as usize & (CHUNK_LINES - 1))
    }

    fn lock(&self) -> MutexGuard<'_, FreeLists> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, order: u8) -> Block {
        let mut free = self.lock();
        let mut found = order;
        while free.heads[usize::from(found)] == NONE {
            if found == TOP {
                self.install_chunk(&mut free);
            } else {
                found += 1;
            }
        }
        let line = free.heads[usize::from(found)];
        self.unlink(&mut free, Block { line, order: found });
        while found > order {
            found -= 1;
            self.link(&mut free, Block { line: line + (1 << found), order: found });
        }
        Block { line, order }
    }

    fn give(&self, free: &mut FreeLists, mut block: Block) {
        while block.order < TOP {
            let neighbour = Block { line: block.line ^ (1 << block.order), order: block.order };
            if *free.start(neighbour.line) != neighbour.order + 1 {
                break;
            }
            self.unlink(free, neighbour);
            block = Block { line: block.line.min(neighbour.line), order: block.order + 1 };
        }
        self.link(free, block);
    }

    fn install_chunk(&self, free: &mut FreeLists) {
        let number = self.installed.load(Ordering::Relaxed);
        let lines = (0..CHUNK_LINES).map(|_| Line::default()).collect();
        let fresh = self.chunks[number].set(lines).is_ok();
        debug_assert!(fresh, "chunks are installed in order, under the lock");
        self.installed.store(number + 1, Ordering::Relaxed);
        free.starts.push(Box::new([0; CHUNK_LINES]));
        let first = (number * CHUNK_LINES) as u32;
        for line in (first..first + CHUNK_LINES as u32).step_by(1 << TOP).rev() {
            self.link(free, Block { line, order: TOP });
        }
    }

    fn link(&self, free: &mut FreeLists, block: Block) {
        let head = &mut free.heads[usize::from(block.order)];
        if *head != NONE {
            self.previous(*head).store(block.line.into(), Ordering::Release);
        }
        self.next(block.line).store((*head).into(), Ordering::Release);
        self.previous(block.line).store(NONE.into(), Ordering::Release);
        *head = block.line;
        *free.start(block.line) = block.order + 1;
    }

    fn unlink(&self, free: &mut FreeLists, block: Block) {
        let next = self.next(block.line).load(Ordering::Relaxed) as u32;
        let previous = self.previous(block.line).load(Ordering::Relaxed) as u32;
        if next != NONE {
            self.previous(next).store(previous.into(), Ordering::Release);
        }
        if previous == NONE {
            free.heads[usize::from(block.order)] = next;
        } else {
            self.next(previous).store(next.into(), Ordering::Release);
        }
        *free.start(block.line) = 0;
    }

    fn next(&self, line: u32) -> &AtomicU64 {
        &self.line(line).0[0]
    }

    fn previous(&self, line: u32) -> &AtomicU64 {
        &self.line(line).0[1]
    }
}

// === impl FreeLists ===

impl FreeLists {
    fn start(&mut self, line: u32) -> &mut u8 {
        &mut self.starts[(line >> CHUNK_BITS) as usize][line as usize & (CHUNK_LINES - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes blocks in a fixed but irregular order, checks that none overlap, and gives all back.
    #[test]
    fn blocks_are_aligned_and_apart_and_join_again() {
        let arena = Arena::new();
        let mut owner = vec![0_u32; CHUNK_LINES * 4];
        let mut live: Vec<(u32, Block)> = Vec::new();
        let mut random = 1_u32;
        for id in 1..if cfg!(miri) { 60 } else { 4_000 } {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let full = live.len() > 150;
            if full || random >> 31 == 0 && !live.is_empty() {
                let (id, block) = live.swap_remove((random >> 8) as usize % live.len());
                let lines = &mut owner[block.line as usize..][..1 << block.order];
                assert!(lines.iter().all(|owner| *owner == id));
                lines.fill(0);
                arena.free(block);
            } else {
                let block = arena.allocate((random >> 12) as u8 % 6);
                assert_eq!(block.line % (1 << block.order), 0);
                let lines = &mut owner[block.line as usize..][..1 << block.order];
                assert!(lines.iter().all(|owner| *owner == 0));
                lines.fill(id);
                live.push((id, block));
            }
        }
        live.drain(..).for_each(|(_, block)| arena.free(block));
        let chunks = arena.installed.load(Ordering::Relaxed);
        for _ in 0..chunks * (CHUNK_LINES >> TOP) {
            arena.allocate(TOP);
        }
        assert_eq!(arena.installed.load(Ordering::Relaxed), chunks, "all neighbours have joined");
    }

    #[test]
    fn a_block_comes_zeroed() {
        let arena = Arena::new();
        let block = arena.allocate(1);
        arena.line(block.line + 1).0[7].store(7, Ordering::Relaxed);
        arena.free(block);
        let again = arena.allocate(1);
        assert!(arena.lines(again).iter().flat_map(|line| &line.0).all(|word| word.load(Ordering::Relaxed) == 0));
    }
}
