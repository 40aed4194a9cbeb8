//! The gateway's log: the only thing a plugin can reach besides its input.
//!
//! The gateway bounds how much of it is kept. It is for what happens seldom: a record that is rejected says why in its
//! [`Reject`](crate::Reject). A message of more than 4 KiB is cut, and the gateway may cut it shorter.

/// In bytes.
const LONGEST: usize = 4096;

/// How much a message matters.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(PartialEq, Debug))]
#[repr(u8)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Tells what helps to find a mistake in the plugin.
pub fn debug(message: &str) {
    emit(Level::Debug, message);
}

/// Tells what an operator may want to know.
pub fn info(message: &str) {
    emit(Level::Info, message);
}

/// Tells what an operator should look at.
pub fn warn(message: &str) {
    emit(Level::Warn, message);
}

/// Tells what keeps the plugin from doing its work.
pub fn error(message: &str) {
    emit(Level::Error, message);
}

/// Hands a message to the gateway, which takes none that is much longer than what it keeps of one: the call would trap.
pub(crate) fn emit(level: Level, message: &str) {
    send(level, message.get(..message.floor_char_boundary(LONGEST)).unwrap_or_default());
}

#[cfg(target_arch = "wasm32")]
fn send(level: Level, message: &str) {
    #[link(wasm_import_module = "tallygate:plugin/log@1.0.0")]
    unsafe extern "C" {
        #[link_name = "emit"]
        fn emit(level: i32, start: *const u8, length: usize);
    }
    // SAFETY: the gateway reads the message before it returns, and writes nothing.
    unsafe { emit(i32::from(level as u8), message.as_ptr(), message.len()) };
}

/// Outside of the sandbox, which is in tests, it goes where what a test prints goes.
#[cfg(all(not(target_arch = "wasm32"), feature = "std", not(test)))]
#[expect(clippy::print_stdout, reason = "a test's output is shown where it fails")]
fn send(level: Level, message: &str) {
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    std::println!("{level}: {message}");
}

#[cfg(all(not(target_arch = "wasm32"), not(feature = "std"), not(test)))]
fn send(_: Level, _: &str) {}

#[cfg(test)]
fn send(level: Level, message: &str) {
    tests::SENT.with_borrow_mut(|sent| sent.push((level, message.into())));
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        cell::RefCell,
        string::{String, ToString as _},
        vec::Vec,
    };

    use super::*;

    std::thread_local!(pub(crate) static SENT: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) });

    #[test]
    fn long_messages_are_cut_between_characters() {
        debug("");
        info(&"x".repeat(LONGEST));
        warn(&"x".repeat(100_000));
        error(&("x".to_string() + &"€".repeat(50_000)));
        let (x, euro) = ("x".repeat(LONGEST), "x".to_string() + &"€".repeat(1365));
        let expect = [(Level::Debug, String::new()), (Level::Info, x.clone()), (Level::Warn, x), (Level::Error, euro)];
        assert_eq!(SENT.take(), expect);
    }
}
