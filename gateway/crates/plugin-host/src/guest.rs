//! What belongs to one instance on the host's side, and the only thing a guest can reach: a rate-limited log.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::v0_1::tallygate::plugin::{log, types};
use crate::deadline::Deadline;
use crate::limits::{Limits, Meter};

/// Messages that a plugin may log in a [`WINDOW`], all its instances together.
const MESSAGES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// Longer messages are cut.
const MESSAGE_BYTES: usize = 1024;

pub(crate) struct Guest {
    pub(crate) meter: Meter,
    pub(crate) deadline: Deadline,
    plugin: Arc<str>,
    /// Locked for one message at a time. Nothing if nobody listens.
    log: Option<Arc<Mutex<LogWindow>>>,
}

/// What all instances of a plugin have logged lately.
pub(crate) struct LogWindow {
    start: Instant,
    messages: u32,
    suppressed: u64,
}

// === impl Guest ===

impl Guest {
    pub(crate) fn new(
        plugin: Arc<str>,
        limits: Limits,
        memory_total: Arc<AtomicU64>,
        log: Option<Arc<Mutex<LogWindow>>>,
    ) -> Self {
        Self { meter: Meter::new(limits.memory, memory_total), deadline: Deadline::new(limits.time), plugin, log }
    }

    /// Whether one more message may go out now. Tells of those that could not, when a new window begins.
    fn may_log(&self) -> bool {
        let Some(log) = &self.log else { return false };
        let mut window = log.lock().unwrap_or_else(PoisonError::into_inner);
        if window.start.elapsed() >= WINDOW {
            if window.suppressed > 0 {
                tracing::warn!(plugin = %self.plugin, suppressed = window.suppressed, "plugin logs too much");
            }
            *window = LogWindow::default();
        }
        if window.messages >= MESSAGES {
            window.suppressed += 1;
            return false;
        }
        window.messages += 1;
        true
    }
}

// === impl LogWindow ===

impl Default for LogWindow {
    fn default() -> Self {
        Self { start: Instant::now(), messages: 0, suppressed: 0 }
    }
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn emit(&mut self, level: log::Level, message: String) {
        if !self.may_log() {
            return;
        }
        let (plugin, message) = (&self.plugin, printable(&message, MESSAGE_BYTES));
        match level {
            log::Level::Debug => tracing::debug!(%plugin, "{message}"),
            log::Level::Info => tracing::info!(%plugin, "{message}"),
            log::Level::Warn => tracing::warn!(%plugin, "{message}"),
            log::Level::Error => tracing::error!(%plugin, "{message}"),
        }
    }
}

/// A guest's text, fit for a log line and a terminal: of bounded length, control characters escaped.
pub(crate) fn printable(text: &str, bytes: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(bytes));
    for character in text.chars() {
        if safe.len() >= bytes {
            safe.push('…');
            break;
        }
        if character.is_control() { safe.extend(character.escape_default()) } else { safe.push(character) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_guest_cannot_forge_a_line_or_move_the_cursor() {
        assert_eq!(printable("a\nb\u{1b}[2J", 100), "a\\nb\\u{1b}[2J");
        assert_eq!(printable("aaaa", 2), "aa…");
    }
}
