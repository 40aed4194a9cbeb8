//! The only `unsafe` of this crate besides `disk/map.rs`: the hint that lets the cache misses of a batch overlap.

/// Asks the processor to bring the cache line of `target` close. A hint: it never changes a result.
///
/// Compiled to nothing where stable Rust has no such instruction, and under Miri.
#[inline(always)]
pub(crate) fn prefetch<T>(target: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch neither faults nor writes, whatever the address, and every x86_64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(target).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = target;
}
