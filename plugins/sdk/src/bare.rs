//! What takes the place of a standard library, so that a component imports nothing but the gateway's log: an
//! allocator and a panic handler.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::RefCell,
    panic::PanicInfo,
};

use crate::{arena::Arena, log};

/// Keeps the memory that is in use now for good.
pub(crate) fn seal() {
    MEMORY.arena.borrow_mut().seal();
}

// The compiler calls `memcmp` and its like; the target's C library has them, and nothing else of it is linked.
#[link(name = "c")]
unsafe extern "C" {}

/// The allocator of the component.
struct Memory {
    arena: RefCell<Arena>,
}

#[global_allocator]
static MEMORY: Memory = Memory { arena: RefCell::new(Arena::new(0)) };

// SAFETY: the target has no threads, so no reference ever reaches another one.
unsafe impl Sync for Memory {}

const PAGE: usize = 65_536;

// === impl Memory ===

impl Memory {
    /// Makes sure that the memory reaches as far as the arena has promised.
    fn cover(top: usize) -> bool {
        let pages = wasm32::memory_size::<0>();
        let wanted = top.div_ceil(PAGE);
        wanted <= pages || wasm32::memory_grow::<0>(wanted - pages) != usize::MAX
    }

    fn start() -> usize {
        unsafe extern "C" {
            /// Set by the linker: where its own data ends.
            static __heap_base: u8;
        }
        (&raw const __heap_base).addr()
    }
}

// SAFETY: the arena hands out disjoint ranges above the linker's data, aligned as asked, that stay untouched until
// they are given back; `cover` makes them part of the memory first.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut arena = self.arena.borrow_mut();
        if arena.top() == 0 {
            *arena = Arena::new(Self::start());
        }
        match arena.take(layout.size(), layout.align()) {
            Some(start) if Self::cover(arena.top()) => core::ptr::with_exposed_provenance_mut(start),
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        self.arena.borrow_mut().give_back(block.addr());
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let stays = self.arena.borrow_mut().resize(block.addr(), size);
        if stays {
            let covered = Self::cover(self.arena.borrow().top());
            return if covered { block } else { core::ptr::null_mut() };
        }
        // SAFETY: the caller vouches for `size`, and the alignment is one that was valid before.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: `realloc` has the same conditions as `alloc`.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both blocks are that long, and a new block lies apart from one in use.
            unsafe { core::ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
            // SAFETY: the caller gives the old block up.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}

/// A panic ends the call, which the gateway sees as a trap. What it says goes to the log before.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut words = Words { bytes: [0; 256], length: 0 };
    words.add(b"panicked");
    if let Some(place) = info.location() {
        words.add(b" at ");
        words.add(place.file().as_bytes());
        words.add(b":");
        words.number(place.line());
    }
    if let Some(message) = info.message().as_str() {
        words.add(b": ");
        words.add(message.as_bytes());
    }
    log::error(words.text());
    wasm32::unreachable()
}

/// Words on the stack: a panic may be one for want of memory.
struct Words {
    bytes: [u8; 256],
    length: usize,
}

// === impl Words ===

impl Words {
    fn add(&mut self, bytes: &[u8]) {
        for (room, byte) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *room = *byte;
            self.length += 1;
        }
    }

    fn number(&mut self, number: u32) {
        if number > 9 {
            self.number(number / 10);
        }
        self.add(&[b'0' + (number % 10) as u8]);
    }

    /// Up to where they are UTF-8: their end may be cut off within a character.
    fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                bytes.get(..error.valid_up_to()).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
            }
        }
    }
}
