//! Where a standard library's output goes: to the gateway's log.
//!
//! The standard library calls the target's C library for what a plugin has not: files to print to, and an environment.
//! Its functions of those names are taken from here instead. So the message of a panic, which the standard library
//! prints, is in the gateway's log, and so is whatever an author prints. And the component has neither
//! imports of WASI nor the code that serves them, which would be a third of a small plugin.

use core::{arch::wasm32, cell::RefCell, ffi::c_char, ptr, slice};

use crate::{gather::Gathered, log::Level};

/// A part of what is written, as POSIX has it (`struct iovec`).
#[repr(C)]
struct Part {
    start: *const u8,
    length: usize,
}

const STDERR: i32 = 2;

/// Zeros, so that they take no room in the component.
static OUTPUT: Stream = Stream(RefCell::new(Gathered::EMPTY));
static ERROR: Stream = Stream(RefCell::new(Gathered::EMPTY));

/// What was written to a stream.
struct Stream(RefCell<Gathered>);

// SAFETY: the target has no threads, so no reference ever reaches another one.
unsafe impl Sync for Stream {}

/// Tells what was written and not ended by a line's end: the call is over. What the standard library's own buffer of
/// standard output holds, which is a line that has not ended, does not come here before it does.
#[inline(never)]
pub(crate) fn finish() {
    OUTPUT.finish(Level::Info);
    // Standard error comes last, because the gateway takes that for a plugin's last words.
    ERROR.finish(Level::Error);
}

/// # Safety
/// As for POSIX: `length` bytes must be readable at `start`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(file: i32, start: *const u8, length: usize) -> isize {
    // SAFETY: the caller vouches for the bytes.
    let written = unsafe { slice::from_raw_parts(start, length) };
    let (stream, level) = if file == STDERR { (&ERROR, Level::Error) } else { (&OUTPUT, Level::Info) };
    // Telling does not write, so the stream is not in use; and where it were, a panic would write.
    if let Ok(mut gathered) = stream.0.try_borrow_mut() {
        gathered.add(written, level);
    }
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

/// That of the target's C library takes 200 bytes, for strings longer than any here.
///
/// # Safety
/// As for C: `text` must end with a zero.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut end = text;
    // SAFETY: the caller vouches for all bytes up to the zero, which was not reached before.
    while unsafe { *end } != 0 {
        end = end.wrapping_add(1);
    }
    end.addr() - text.addr()
}

#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    finish();
    wasm32::unreachable()
}

// === impl Stream ===

impl Stream {
    #[inline]
    fn finish(&self, level: Level) {
        if let Ok(mut gathered) = self.0.try_borrow_mut()
            && !gathered.is_empty()
        {
            gathered.finish(level);
        }
    }
}
