//! The way into and out of the sandbox, without a standard library, so that the component imports nothing
//! but the gateway's log.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::RefCell,
};

use crate::{Format, arena::Arena};

/// What the interface definition becomes in Rust.
#[expect(missing_docs, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "plugin",
        pub_export_macro: true,
        default_bindings_module: "tallygate_guest::guest::bindings",
    });
}

use bindings::exports::tallygate::plugin::extractor::{Info, Outcome};

/// A format that the exports of a component work on. Each plugin has one, in a `static`.
pub struct Instance<F>(RefCell<Option<F>>);

// SAFETY: the target has no threads, so no reference ever reaches another one.
unsafe impl<F> Sync for Instance<F> {}

// === impl Instance ===

impl<F: Format> Instance<F> {
    /// An instance that is not set up yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a static needs a constant, which `default` is not")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Who the plugin is.
    #[must_use]
    pub fn describe() -> Info {
        Info {
            name: F::NAME.to_string(),
            version: F::VERSION.to_string(),
            about: F::ABOUT.to_string(),
            rejects: Vec::new(),
        }
    }

    /// Sets the format up, and keeps the memory that took for good.
    ///
    /// # Errors
    /// If a setting is unknown or its value malformed.
    pub fn configure(&self, settings: &[(String, String)]) -> Result<(), String> {
        let format = F::configure(settings)?;
        self.0.replace(Some(format));
        MEMORY.arena.borrow_mut().seal();
        Ok(())
    }

    /// Reads the records of a call.
    #[must_use]
    pub fn extract(&self, data: &[u8], starts: &[u32], ends: &[u32]) -> Outcome {
        let columns = self.with(|format| crate::extract(format, data, starts, ends));
        Outcome { status: columns.status, v4: columns.v4, v6: columns.v6, times: columns.times }
    }

    /// What became of one record.
    ///
    /// # Errors
    /// If the record is rejected: why.
    pub fn explain(&self, record: &[u8]) -> Result<String, String> {
        self.with(|format| format.explain(record))
    }

    fn with<T>(&self, work: impl FnOnce(&mut F) -> T) -> T {
        if self.0.borrow().is_none() {
            // The gateway always configures; another host may not, and the defaults serve it.
            let _ = self.configure(&[]);
        }
        match self.0.borrow_mut().as_mut() {
            Some(format) => work(format),
            None => wasm32::unreachable(),
        }
    }
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

/// How the gateway asks for the memory of a call's lists. The target's C library would bring its own, on a heap of
/// its own, beside which the lists could not be given back.
///
/// # Safety
/// As for `realloc`; a block of no bytes asks for a new one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(block: *mut u8, old: usize, align: usize, new: usize) -> *mut u8 {
    // SAFETY: the component model only asks for alignments of its own types, which are powers of two.
    let layout = unsafe { Layout::from_size_align_unchecked(if old == 0 { new } else { old }, align) };
    let block = match (old, new) {
        // A list without elements has no block, only an aligned address that nobody reads.
        (0, 0) => return core::ptr::without_provenance_mut(align),
        // SAFETY: the size is not zero.
        (0, _) => unsafe { MEMORY.alloc(layout) },
        // SAFETY: the caller vouches for the block and both sizes.
        _ => unsafe { MEMORY.realloc(block, layout, new) },
    };
    if block.is_null() {
        wasm32::unreachable();
    }
    block
}

/// A panic ends the call, which the gateway sees as a trap; there is nobody here to read a message.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
