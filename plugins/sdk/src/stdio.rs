//! Where a standard library's output goes: to the gateway's log.
//!
//! The standard library calls the target's C library for what a plugin has not: files to print to, and an environment. Its functions of those names are taken from here instead. So the message of a panic, which the
//! standard library prints, is in the gateway's log, and so is whatever an author prints. And the component has neither
//! imports of WASI nor the code that serves them, which would be a third of a small plugin.

use alloc::vec::Vec;
use core::{arch::wasm32, ffi::c_char, ptr, slice};

use crate::log;

/// A part of what is written, as POSIX has it (`struct iovec`).
#[repr(C)]
struct Part {
    start: *const u8,
    length: usize,
}

const STDERR: i32 = 2;

/// # Safety
/// As for POSIX: `length` bytes must be readable at `start`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(file: i32, start: *const u8, length: usize) -> isize {
    // SAFETY: the caller vouches for the bytes.
    print(file, unsafe { slice::from_raw_parts(start, length) });
    length.cast_signed()
}

/// # Safety
/// As for POSIX: `count` parts must be readable at `parts`, and their bytes, too.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(file: i32, parts: *const Part, count: i32) -> isize {
    // SAFETY: the caller vouches for the parts.
    let parts = unsafe { slice::from_raw_parts(parts, count.unsigned_abs() as usize) };
    let mut all = Vec::new();
    for part in parts {
        // SAFETY: and for their bytes.
        all.extend_from_slice(unsafe { slice::from_raw_parts(part.start, part.length) });
    }
    print(file, &all);
    all.len().cast_signed()
}

/// There is no environment.
#[unsafe(no_mangle)]
extern "C" fn getenv(_: *const c_char) -> *mut c_char {
    ptr::null_mut()
}

#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    wasm32::unreachable()
}

fn print(file: i32, bytes: &[u8]) {
    // What to set in an environment that there is not.
    const ADVICE: &[u8] = b"note: run with `RUST_BACKTRACE";
    let length = bytes.windows(ADVICE.len()).position(|window| window == ADVICE).unwrap_or(bytes.len());
    let bytes = bytes.get(..length).unwrap_or_default().trim_ascii();
    // There is one thread.
    let bytes = bytes.strip_prefix(b"thread '<unnamed>' (1) ").unwrap_or(bytes);
    for text in bytes.utf8_chunks().map(|chunk| chunk.valid()).filter(|text| !text.is_empty()) {
        if file == STDERR { log::error(text) } else { log::info(text) }
    }
}
