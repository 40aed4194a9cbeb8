//! Where a standard library's output goes: to the gateway's log.
//!
//! The standard library calls the target's C library for what a plugin has not: files to print to, and an environment. Its functions of those names are taken from here instead. So the message of a panic, which the
//! standard library prints, is in the gateway's log, and so is whatever an author prints. And the component has neither
//! imports of WASI nor the code that serves them, which would be a third of a small plugin.

use core::{arch::wasm32, ffi::c_char, ptr, slice, str};

use crate::log::{self, Level};

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

/// Writes the first part that is not empty, and says so: the standard library comes again with the others.
///
/// # Safety
/// As for POSIX: `count` parts must be readable at `parts`, and their bytes, too.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(file: i32, parts: *const Part, count: i32) -> isize {
    // SAFETY: the caller vouches for the parts.
    let parts = unsafe { slice::from_raw_parts(parts, count.unsigned_abs() as usize) };
    match parts.iter().find(|part| part.length > 0) {
        // SAFETY: and for their bytes.
        Some(part) => unsafe { write(file, part.start, part.length) },
        None => 0,
    }
}

/// There is no environment.
#[unsafe(no_mangle)]
extern "C" fn getenv(_: *const c_char) -> *mut c_char {
    ptr::null_mut()
}

/// That of the target's C library takes 400 bytes, for strings longer than any here: the standard library asks for the
/// path that it is at before it writes a backtrace.
///
/// # Safety
/// As for C: `from` must end with a zero, and `to` must have room for it.
#[unsafe(no_mangle)]
unsafe extern "C" fn strcpy(to: *mut u8, from: *const u8) -> *mut u8 {
    let (mut read, mut written) = (from, to);
    loop {
        // SAFETY: the caller vouches for all bytes up to the zero, which was not reached before.
        let byte = unsafe { *read };
        // SAFETY: and for room for as many.
        unsafe { *written = byte };
        if byte == 0 {
            return to;
        }
        (read, written) = (read.wrapping_add(1), written.wrapping_add(1));
    }
}

#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    wasm32::unreachable()
}

fn print(file: i32, bytes: &[u8]) {
    // What to set in an environment that there is not: the standard library writes it by itself, after a panic's message.
    if bytes.starts_with(b"note: run with `RUST_BACKTRACE") {
        return;
    }
    let bytes = bytes.trim_ascii();
    // There is one thread.
    let bytes = bytes.strip_prefix(b"thread '<unnamed>' (1) ").unwrap_or(bytes);
    let level = if file == STDERR { Level::Error } else { Level::Info };
    let mut rest = bytes;
    while !rest.is_empty() {
        // What is no text is left out. The standard library's chunks would do that in half a kilobyte more.
        let (valid, skipped) = match str::from_utf8(rest) {
            Ok(_) => (rest.len(), 0),
            Err(error) => (error.valid_up_to(), error.error_len().unwrap_or(rest.len())),
        };
        let (text, others) = rest.split_at(valid);
        if !text.is_empty() {
            // SAFETY: it was just seen that this is UTF-8.
            log::emit(level, unsafe { str::from_utf8_unchecked(text) });
        }
        rest = others.get(skipped..).unwrap_or_default();
    }
}
