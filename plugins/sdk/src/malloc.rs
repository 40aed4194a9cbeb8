//! The memory of a plugin with a standard library.
//!
//! The standard library asks the target's C library for it, whose functions of those names are taken from here instead:
//! theirs would be a sixth of a small plugin. The C library's own names for them are here as well, so that its allocator
//! is never linked beside this one, whatever else of it a plugin uses.

use core::{
    arch::wasm32,
    cell::UnsafeCell,
    ffi::c_int,
    ptr::{self, with_exposed_provenance, with_exposed_provenance_mut},
};

use crate::heap::{Heap, Memory};

const PAGE: usize = 65_536;
/// That there is no memory (`ENOMEM`), in the target's C library.
const NO_MEMORY: c_int = 48;

static HEAP: Single = Single(UnsafeCell::new(Heap::new(Linear)));

/// The only heap of the only thread.
struct Single(UnsafeCell<Heap<Linear>>);

// SAFETY: the target has no threads, so no reference ever reaches another one.
unsafe impl Sync for Single {}

/// The component's memory.
struct Linear;

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    with(|heap| heap.take(size))
}

/// # Safety
/// As for POSIX: the block must be null, or in use.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut u8) {
    if !block.is_null() {
        with(|heap| {
            heap.give_back(block.addr());
            None
        });
    }
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut u8 {
    let Some(length) = count.checked_mul(size) else { return ptr::null_mut() };
    let block = with(|heap| heap.take(length));
    if !block.is_null() {
        // SAFETY: the block is that long, and nobody has it yet.
        unsafe { block.write_bytes(0, length) };
    }
    block
}

/// # Safety
/// As for POSIX: the block must be null, or in use.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    with(|heap| if block.is_null() { heap.take(size) } else { heap.resize(block.addr(), size) })
}

// It is rare that alignment is asked for: once is enough for its code.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut u8 {
    with(|heap| heap.take_aligned(align, size))
}

/// # Safety
/// As for POSIX: a pointer must be writable at `place`, and `align` a power of two.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut u8, align: usize, size: usize) -> c_int {
    let block = aligned_alloc(align, size);
    if block.is_null() {
        return NO_MEMORY;
    }
    // SAFETY: the caller vouches for the place.
    unsafe { place.write(block) };
    0
}

/// # Safety
/// As for GNU: the block must be null, or in use.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut u8) -> usize {
    with(|heap| (!block.is_null()).then(|| heap.usable(block.addr()))).addr()
}

#[unsafe(no_mangle)]
extern "C" fn __libc_malloc(size: usize) -> *mut u8 {
    malloc(size)
}

#[unsafe(no_mangle)]
extern "C" fn __libc_calloc(count: usize, size: usize) -> *mut u8 {
    calloc(count, size)
}

/// # Safety
/// As for `free`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __libc_free(block: *mut u8) {
    // SAFETY: the caller vouches for the block.
    unsafe { free(block) };
}

/// A block from the heap, or null.
fn with(work: impl FnOnce(&mut Heap<Linear>) -> Option<usize>) -> *mut u8 {
    // SAFETY: no other reference is in use: there is one thread, and what the heap does calls no function of this file.
    let heap = unsafe { &mut *HEAP.0.get() };
    work(heap).map_or(ptr::null_mut(), with_exposed_provenance_mut)
}

// === impl Linear ===

impl Memory for Linear {
    fn word(&self, address: usize) -> usize {
        // SAFETY: the heap reads what it has written, within the memory it was given, at multiples of 16.
        unsafe { with_exposed_provenance::<usize>(address).read() }
    }

    fn set_word(&mut self, address: usize, word: usize) {
        // SAFETY: the heap writes to what is free, and before what a block's owner uses, at multiples of 4.
        unsafe { with_exposed_provenance_mut::<usize>(address).write(word) };
    }

    fn copy(&mut self, from: usize, to: usize, length: usize) {
        let from = with_exposed_provenance::<u8>(from);
        // SAFETY: both blocks are at least that long, and a new block lies apart from one in use.
        unsafe { from.copy_to_nonoverlapping(with_exposed_provenance_mut(to), length) };
    }

    fn first(&self) -> (usize, usize) {
        unsafe extern "C" {
            /// Set by the linker: where its own data ends.
            static __heap_base: u8;
            /// And where the memory ends that a component starts with.
            static __heap_end: u8;
        }
        ((&raw const __heap_base).addr(), (&raw const __heap_end).addr())
    }

    fn end(&self) -> usize {
        wasm32::memory_size::<0>().saturating_mul(PAGE)
    }

    fn grow(&mut self, length: usize) -> bool {
        let pages = length.div_ceil(PAGE);
        // The last page stays out, so that no address of an end overflows.
        wasm32::memory_size::<0>() + pages < PAGE && wasm32::memory_grow::<0>(pages) != usize::MAX
    }
}
