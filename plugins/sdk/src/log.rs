//! The gateway's log: the only thing a plugin can reach besides its input.
//!
//! The gateway bounds how much of it is kept. It is for what happens seldom: a record that is rejected says why in its
//! [`Reject`](crate::Reject).

/// How much a message matters.
#[derive(Clone, Copy)]
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

#[cfg(target_arch = "wasm32")]
pub(crate) fn emit(level: Level, message: &str) {
    #[link(wasm_import_module = "tallygate:plugin/log@1.0.0")]
    unsafe extern "C" {
        #[link_name = "emit"]
        fn emit(level: i32, start: *const u8, length: usize);
    }
    // SAFETY: the gateway reads the message before it returns, and writes nothing.
    unsafe { emit(i32::from(level as u8), message.as_ptr(), message.len()) };
}

/// Outside of the sandbox, which is in tests, it goes where what a test prints goes.
#[cfg(all(not(target_arch = "wasm32"), any(feature = "std", test)))]
#[expect(clippy::print_stdout, reason = "a test's output is shown where it fails")]
fn emit(level: Level, message: &str) {
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    std::println!("{level}: {message}");
}

#[cfg(all(not(target_arch = "wasm32"), not(any(feature = "std", test))))]
fn emit(_: Level, _: &str) {}
