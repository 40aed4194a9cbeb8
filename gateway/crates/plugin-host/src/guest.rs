//! What belongs to one instance on the host's side, and the only thing a guest can reach: a rate-limited log.

mod words;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::{v0_1, v1_0};
use crate::deadline::Deadline;
use crate::limits::{Limits, Meter};
use words::Words;
pub(crate) use words::{Stream, printable};

/// Messages that a plugin may log in a [`WINDOW`], all its instances together. What it writes to its standard streams in one
/// call is one message, of several lines.
const MESSAGES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// Longer messages are cut.
const MESSAGE_BYTES: usize = 1024;

pub(crate) struct Guest {
    pub(crate) meter: Meter,
    pub(crate) deadline: Deadline,
    pub(crate) counts_instructions: bool,
    plugin: Arc<str>,
    /// Locked for one message at a time. Nothing if nobody listens.
    log: Option<Arc<Mutex<LogWindow>>>,
    /// What it said in the call that it is in.
    words: Words,
}

/// What all instances of a plugin have logged lately.
pub(crate) struct LogWindow {
    start: Instant,
    messages: u32,
    suppressed: u64,
}

/// How much a message matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

// === impl Guest ===

impl Guest {
    pub(crate) fn new(
        plugin: Arc<str>,
        limits: Limits,
        memory_total: Arc<AtomicU64>,
        log: Option<Arc<Mutex<LogWindow>>>,
    ) -> Self {
        let (meter, deadline) = (Meter::new(limits.memory, memory_total), Deadline::new(limits.time));
        Self { meter, deadline, counts_instructions: false, plugin, log, words: Words::default() }
    }

    /// The same, with the instructions of each call counted, if the engine does that.
    pub(crate) fn counting_instructions(self, counts_instructions: bool) -> Self {
        Self { counts_instructions, ..self }
    }

    /// A call begins: what was said and refused before says nothing about it.
    #[inline]
    pub(crate) fn begin_call(&mut self) {
        self.words.forget();
        self.meter.take_refusal();
    }

    /// Takes what the guest writes to a standard stream.
    pub(crate) fn write(&mut self, stream: Stream, bytes: impl Iterator<Item = u8>) {
        self.words.write(stream, bytes);
    }

    /// Whether the guest wrote something to a standard stream that is not in the log yet.
    #[inline]
    pub(crate) fn has_written(&self) -> bool {
        self.words.has_written()
    }

    /// Logs what the guest wrote to its standard streams in the call that has ended.
    #[cold]
    pub(crate) fn log_written(&mut self, failed: bool) {
        let (stream, lines) = self.words.take_written();
        if lines.is_empty() || !self.may_log() {
            return;
        }
        let level = match stream {
            _ if failed => Level::Error,
            Stream::Error => Level::Warn,
            Stream::Output => Level::Info,
        };
        lines.iter().for_each(|line| self.log(level, line));
    }

    /// The last that the guest said in the call that failed, if it said anything, for whoever is told about the failure.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        self.words.take_last()
    }

    fn emit(&mut self, level: Level, message: String) {
        // Made printable only where somebody reads it: a flood must cost as little as it can.
        if self.may_log() {
            self.log(level, &printable(&message, MESSAGE_BYTES));
        }
        if level == Level::Error {
            self.words.note(message);
        }
    }

    fn log(&self, level: Level, message: &str) {
        let plugin = &self.plugin;
        match level {
            Level::Debug => tracing::debug!(%plugin, "{message}"),
            Level::Info => tracing::info!(%plugin, "{message}"),
            Level::Warn => tracing::warn!(%plugin, "{message}"),
            Level::Error => tracing::error!(%plugin, "{message}"),
        }
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

impl v0_1::types::Host for Guest {}

impl v0_1::log::Host for Guest {
    fn emit(&mut self, level: v0_1::log::Level, message: String) {
        use v0_1::log::Level as Given;
        let level = match level {
            Given::Debug => Level::Debug,
            Given::Info => Level::Info,
            Given::Warn => Level::Warn,
            Given::Error => Level::Error,
        };
        Self::emit(self, level, message);
    }
}

impl v1_0::types::Host for Guest {}

impl v1_0::log::Host for Guest {
    fn emit(&mut self, level: v1_0::log::Level, message: String) {
        use v1_0::log::Level as Given;
        let level = match level {
            Given::Debug => Level::Debug,
            Given::Info => Level::Info,
            Given::Warn => Level::Warn,
            Given::Error => Level::Error,
        };
        Self::emit(self, level, message);
    }
}
