//! The bytes of a connection, on their way to hyper and back: what comes and what is taken is noted.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::{Activity, Overflow};
use super::fault::asks_for_a_coding;
use super::frames::Frames;

/// What a client opens HTTP/2 with.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that notes what happens on it.
pub(super) struct Watched {
    stream: TcpStream,
    activity: Rc<Activity>,
    /// What was read to find out about the protocol, and not yet read again.
    first: First,
    /// Of HTTP/2.
    frames: Option<Frames>,
    /// Whether a request was answered here and nothing more is read.
    is_done: bool,
}

/// hyper would call it a broken request, and say 400.
const NOT_IMPLEMENTED: &str = "HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The first bytes of a connection.
#[derive(Default)]
struct First {
    bytes: [u8; PREFACE.len()],
    from: usize,
    to: usize,
}

// === impl Watched ===

impl Watched {
    pub(super) fn new(stream: TcpStream, activity: Rc<Activity>) -> Self {
        Self { stream, activity, first: First::default(), frames: None, is_done: false }
    }

    /// Waits for the first bytes and tells whether they are HTTP/2's preface, all of it. An error if the peer is gone before
    /// that is clear.
    pub(super) async fn find_http2(&mut self) -> io::Result<bool> {
        // Almost always the first look tells, and nothing needs to be kept.
        let mut seen = [0; PREFACE.len()];
        let count = self.stream.peek(&mut seen).await?;
        let seen = seen.get(..count).unwrap_or_default();
        if !PREFACE.starts_with(seen) {
            return Ok(false);
        }
        self.activity.note_header();
        // Looking again would show the same bytes at once, and not that the peer is gone.
        while self.first.to < PREFACE.len() {
            let room = self.first.bytes.get_mut(self.first.to..).unwrap_or_default();
            let count = self.stream.read(room).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.first.to += count;
            if !PREFACE.starts_with(self.first.bytes.get(..self.first.to).unwrap_or_default()) {
                return Ok(false);
            }
        }
        self.frames = Some(Frames::default());
        Ok(true)
    }

    /// Answers a request that hyper is not shown.
    fn say_not_implemented(&mut self) {
        self.is_done = true;
        self.activity.note_header();
        // If the peer takes nothing, it does not take this either; and it is closed in any case.
        drop(self.stream.try_write(NOT_IMPLEMENTED.as_bytes()));
        drop(socket2::SockRef::from(&self.stream).shutdown(Shutdown::Write));
    }

    /// Takes what the peer still sends and drops it, so that the answer is not lost; for no longer than a header may take. To
    /// hyper, it has closed in the end.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut dropped = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut dropped);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Takes note of what came, into a buffer that had so much room. An error if that is more than a connection may hold.
    fn note(&mut self, came: &[u8], room: usize) -> io::Result<()> {
        let noted = match &mut self.frames {
            None => self.activity.note_read(came.len(), room),
            Some(frames) => {
                let was_whole = frames.follow(came);
                self.activity.note_frames(came.len(), was_whole, frames.lacks())
            }
        };
        noted.map_err(|Overflow| io::Error::other("the connection holds more than it may"))
    }

    fn note_written<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.note_write(written.is_pending());
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if this.is_done {
            return this.poll_drain(context);
        }
        if this.first.from < this.first.to {
            let count = (this.first.to - this.first.from).min(buffer.remaining());
            buffer.put_slice(this.first.bytes.get(this.first.from..this.first.from + count).unwrap_or_default());
            this.first.from += count;
            if this.frames.is_some() {
                // The preface is no frame.
                return Poll::Ready(Ok(()));
            }
        } else {
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        }
        let room = buffer.capacity() - before;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if came.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if this.frames.is_none() && !this.activity.is_busy() && asks_for_a_coding(came) {
            this.say_not_implemented();
            buffer.set_filled(before);
            return this.poll_drain(context);
        }
        Poll::Ready(this.note(came, room))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_written(written)
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
