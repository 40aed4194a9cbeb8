//! A body in the making.
//!
//! As it grows it moves: bytes that move are there twice, if only for as long as the thread does nothing else. So it does not
//! double. A large body gets all the memory that it may need, of which the system gives what is written to, from the system
//! itself: an allocator would keep it for later, and other bodies would need as much again.

use std::io;

use bytes::Bytes;
use memmap2::MmapMut;

/// A body, as far as it has come.
pub(super) struct Whole {
    memory: Memory,
    length: usize,
    /// What it was said to become.
    expected: usize,
}

enum Memory {
    /// Written to up to its length. Beyond, up to its capacity, nothing has touched it yet.
    Own(Vec<u8>),
    Mapped(MmapMut),
}

/// What is read before more than a few bytes are set aside.
const SMALL: usize = 256 << 10;
/// What may come from the allocator: all that most senders put into a body. Memory that comes from the system each time costs a
/// fault a page, which for a body of this size is up to half of what its records cost.
const LARGE: usize = 2 << 20;

// === impl Whole ===

impl Whole {
    /// One that is said to become so large. A little of that is set aside.
    pub(super) fn expecting(bytes: usize) -> Self {
        Self { memory: Memory::Own(Vec::with_capacity(bytes.min(SMALL))), length: 0, expected: bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Makes room for so many bytes more, of which there will be `likely` in all at most.
    pub(super) fn make_room(&mut self, more: usize, likely: usize) -> io::Result<()> {
        let (before, needed) = (self.capacity(), self.length + more);
        if needed <= before {
            return Ok(());
        }
        let growth = match before {
            0..SMALL => (4 * before).min(SMALL),
            SMALL..LARGE if self.expected <= LARGE => LARGE,
            _ => likely,
        };
        let after = needed.max(growth.min(likely));
        match &mut self.memory {
            Memory::Own(memory) if after <= LARGE => {
                memory.truncate(self.length);
                memory.try_reserve_exact(after - self.length).map_err(|_| io::ErrorKind::OutOfMemory)?;
            }
            _ => {
                let mut memory = MmapMut::map_anon(after)?;
                if let Some(to) = memory.get_mut(..self.length) {
                    to.copy_from_slice(self.written());
                }
                self.memory = Memory::Mapped(memory);
            }
        }
        Ok(())
    }

    /// Where the next bytes go: so many at most, as far as there is room.
    pub(super) fn room(&mut self, most: usize) -> &mut [u8] {
        let to = self.capacity().min(self.length + most);
        match &mut self.memory {
            Memory::Own(memory) => {
                memory.resize(to, 0);
                memory.get_mut(self.length..)
            }
            Memory::Mapped(memory) => memory.get_mut(self.length..to),
        }
        .unwrap_or_default()
    }

    /// So many bytes have been written there.
    pub(super) fn advance(&mut self, count: usize) {
        self.length += count;
    }

    /// Adds bytes for which there is room.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        match &mut self.memory {
            Memory::Own(memory) => {
                memory.truncate(self.length);
                memory.extend_from_slice(bytes);
            }
            Memory::Mapped(memory) => {
                if let Some(room) = memory.get_mut(self.length..self.length + bytes.len()) {
                    room.copy_from_slice(bytes);
                }
            }
        }
        self.length += bytes.len();
    }

    pub(super) fn into_bytes(self) -> Bytes {
        let all = match self.memory {
            Memory::Own(memory) => Bytes::from(memory),
            Memory::Mapped(memory) => Bytes::from_owner(memory),
        };
        all.slice(..self.length)
    }

    fn capacity(&self) -> usize {
        match &self.memory {
            Memory::Own(memory) => memory.capacity(),
            Memory::Mapped(memory) => memory.len(),
        }
    }

    fn written(&self) -> &[u8] {
        let memory: &[u8] = match &self.memory {
            Memory::Own(memory) => memory,
            Memory::Mapped(memory) => memory,
        };
        memory.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_however_it_grew() {
        for (piece, pieces, likely) in
            [(1, 10, 10), (1000, 300, 300_000), (100_000, 90, 16 << 20), (5 << 20, 3, 1 << 20)]
        {
            let mut whole = Whole::expecting(0);
            for at in 0..pieces {
                whole.make_room(piece, likely).expect("memory");
                whole.extend(&vec![u8::try_from(at % 251).expect("small"); piece]);
            }
            let bytes = whole.into_bytes();
            assert_eq!(bytes.len(), piece * pieces);
            let expected = |at: usize| u8::try_from(at / piece % 251).expect("small");
            assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == expected(at)), "{piece} bytes {pieces} times");
        }
    }
}
