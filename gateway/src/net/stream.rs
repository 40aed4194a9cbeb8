//! The bytes of a connection, on their way to hyper and back: what comes and what is taken is noted.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::{Activity, Overflow};
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
}

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
        Self { stream, activity, first: First::default(), frames: None }
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
        Poll::Ready(if came.is_empty() { Ok(()) } else { this.note(came, room) })
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
