//! Tells an idle connection from one that is slow to send a header.
//!
//! hyper arms one timer when it begins to wait for a request, whether or not a byte of it has come. A connection kept
//! open between two requests is entitled to a long wait, half a header to a short one. So the stream notes when the
//! first byte came after a wait began, and the timer given to hyper counts the short wait from there.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Waits;

/// A stream that notes when a request begins.
pub(super) struct Watched {
    stream: TcpStream,
    begun: Begun,
}

/// The timer of one connection.
#[derive(Clone)]
pub(super) struct IdleTimer {
    begun: Begun,
    waits: Waits,
}

/// When the first byte came since a wait began: milliseconds of the connection's life, plus one; 0 while none has.
#[derive(Clone)]
struct Begun {
    at: Arc<AtomicU64>,
    birth: Instant,
}

struct IdleSleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    timer: IdleTimer,
    /// When even an idle connection has waited long enough.
    idle_until: Instant,
}

/// A stream, and the timer that knows when it is idle.
pub(super) fn watch(stream: TcpStream, waits: Waits) -> (Watched, IdleTimer) {
    let begun = Begun { at: Arc::new(AtomicU64::new(0)), birth: Instant::now() };
    (Watched { stream, begun: begun.clone() }, IdleTimer { begun, waits })
}

// === impl Begun ===

impl Begun {
    fn reset(&self) {
        self.at.store(0, Ordering::Relaxed);
    }

    fn note(&self) {
        if self.at.load(Ordering::Relaxed) == 0 {
            let millis = u64::try_from(self.birth.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
            self.at.store(millis + 1, Ordering::Relaxed);
        }
    }

    fn get(&self) -> Option<Instant> {
        let millis = self.at.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.birth + Duration::from_millis(millis))
    }
}

// === impl IdleTimer ===

impl IdleTimer {
    fn sleep_from(&self, now: Instant, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.begun.reset();
        Box::pin(IdleSleep {
            sleep: Box::pin(tokio::time::sleep(duration)),
            timer: self.clone(),
            idle_until: now + self.waits.idle,
        })
    }
}

impl Timer for IdleTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_from(Instant::now(), duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let now = Instant::now();
        self.sleep_from(now, deadline.saturating_duration_since(now))
    }
}

// === impl IdleSleep ===

impl Sleep for IdleSleep {}

impl Future for IdleSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            let (now, header) = (Instant::now(), self.timer.waits.header);
            let (until, next) = match self.timer.begun.get() {
                Some(begun) => (begun + header, begun + header),
                // Looking again after each short wait is soon enough: a header that begins meanwhile has just begun.
                None => (self.idle_until, self.idle_until.min(now + header)),
            };
            if now >= until {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(next.into());
        }
    }
}

// === impl Watched ===

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.begun.note();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
