//! The bytes of a connection, on their way to hyper and back: what comes and what is taken is noted.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::activity::{Activity, Overflow};
use super::fault::asks_for_a_coding;
use super::frames::Frames;

/// What a client opens HTTP/2 with.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What HTTP may be spoken over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Stream for S {}

/// A stream that notes what happens on it.
pub(super) struct Watched<S> {
    stream: S,
    activity: Rc<Activity>,
    /// What was read to find out about the protocol, and not yet read again.
    first: First,
    /// Of HTTP/2.
    frames: Option<Frames>,
    /// Once a request was answered here, and hyper is shown nothing more.
    farewell: Option<Farewell>,
}

/// How a connection ends that hyper is not shown.
#[derive(Clone, Copy)]
enum Farewell {
    /// So much is still to be written.
    Write(&'static [u8]),
    /// Nothing more is written, which the peer is to be told.
    Close,
    /// What the peer still sends is dropped.
    Drain,
}

/// hyper would call it a broken request, and say 400.
const NOT_IMPLEMENTED: &[u8] = b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The first bytes of a connection.
#[derive(Default)]
struct First {
    bytes: [u8; PREFACE.len()],
    from: usize,
    to: usize,
}

// === impl Watched ===

impl<S: Stream> Watched<S> {
    pub(super) fn new(stream: S, activity: Rc<Activity>) -> Self {
        Self { stream, activity, first: First::default(), frames: None, farewell: None }
    }

    /// Waits for the first bytes and tells whether they are HTTP/2's preface, all of it. An error if the peer is gone before
    /// that is clear.
    pub(super) async fn find_http2(&mut self) -> io::Result<bool> {
        self.read_first().await?;
        if !PREFACE.starts_with(self.first.seen()) {
            return Ok(false);
        }
        // The rest must follow soon, and frames behind it.
        self.activity.note_header();
        while self.first.seen().len() < PREFACE.len() {
            self.read_first().await?;
            if !PREFACE.starts_with(self.first.seen()) {
                return Ok(false);
            }
        }
        self.frames = Some(Frames::default());
        Ok(true)
    }

    async fn read_first(&mut self) -> io::Result<()> {
        let room = self.first.bytes.get_mut(self.first.to..).unwrap_or_default();
        let count = self.stream.read(room).await?;
        self.first.to += count;
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Reads; first of all, what was read already to find out about the protocol.
    fn poll_next(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.from == self.first.to {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = (self.first.to - self.first.from).min(buffer.remaining());
        buffer.put_slice(self.first.bytes.get(self.first.from..self.first.from + count).unwrap_or_default());
        self.first.from += count;
        if self.frames.is_none() && buffer.remaining() > 0 {
            // A header is best seen as it came, in one piece. If nothing more is there, this was all of it.
            let more = Pin::new(&mut self.stream).poll_read(context, buffer);
            if let Poll::Ready(Err(error)) = more {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Answers a request that hyper is not shown.
    fn say_not_implemented(&mut self) {
        self.farewell = Some(Farewell::Write(NOT_IMPLEMENTED));
        self.activity.note_header();
    }

    /// Writes the farewell, then takes what the peer still sends and drops it, so that the answer is not lost; for no longer than
    /// a header may take. To hyper, it has closed in the end.
    fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(farewell) = self.farewell {
            match farewell {
                Farewell::Write([]) => self.farewell = Some(Farewell::Close),
                Farewell::Write(left) => {
                    let count = ready!(Pin::new(&mut self.stream).poll_write(context, left))?;
                    let left = left.get(count..).filter(|_| count > 0).ok_or(io::ErrorKind::WriteZero)?;
                    self.farewell = Some(Farewell::Write(left));
                }
                Farewell::Close => {
                    ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
                    self.farewell = Some(Farewell::Drain);
                }
                Farewell::Drain => {
                    let mut dropped = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut dropped);
                    ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
                    if buffer.filled().is_empty() {
                        break;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
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

// === impl First ===

impl First {
    fn seen(&self) -> &[u8] {
        self.bytes.get(..self.to).unwrap_or_default()
    }
}

impl<S: Stream> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.farewell.is_some() {
            return this.poll_farewell(context);
        }
        let before = buffer.filled().len();
        let is_preface = this.frames.is_some() && this.first.from < this.first.to;
        ready!(this.poll_next(context, buffer))?;
        if is_preface {
            // It is no frame.
            return Poll::Ready(Ok(()));
        }
        let room = buffer.capacity() - before;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if came.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if this.frames.is_none() && !this.activity.is_busy() && asks_for_a_coding(came) {
            this.say_not_implemented();
            buffer.set_filled(before);
            return this.poll_farewell(context);
        }
        Poll::Ready(this.note(came, room))
    }
}

impl<S: Stream> AsyncWrite for Watched<S> {
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
