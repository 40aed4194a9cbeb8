//! Bodies that come and go piece by piece, between connections and threads that take their time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::{Semaphore, mpsc};

use super::pace::Pace;

/// The end of an answer that a thread writes to. It waits while the client does not read. Unless it is finished, the answer
/// breaks off, so that nobody takes it for whole.
pub(super) struct Writer {
    pieces: mpsc::Sender<Bytes>,
    whole: Arc<AtomicBool>,
    pace: Pace,
}

/// The other end: the body of the answer.
struct Answer {
    pieces: mpsc::Receiver<Bytes>,
    whole: Arc<AtomicBool>,
    /// Whether it is about to break off.
    breaks: bool,
}

/// A request's body, as a thread reads it.
pub(super) struct Reader {
    pieces: mpsc::UnboundedReceiver<io::Result<Bytes>>,
    room: Arc<Semaphore>,
}

/// Pieces of an answer that wait for the client to read.
const WAITING: usize = 4;
/// Bytes of a body that may wait to be read: many clients send all of it before they read the first answer, and while
/// answers wait for them, all that they send must go somewhere.
const ROOM: usize = 32 << 20;
/// What a piece takes besides its bytes.
const OVERHEAD: usize = 64;

/// An answer, and the end to write it to.
pub(super) fn answer() -> (Writer, Body) {
    let (sender, pieces) = mpsc::channel(WAITING);
    let whole = Arc::new(AtomicBool::new(false));
    let answer = Answer { pieces, whole: Arc::clone(&whole), breaks: false };
    (Writer { pieces: sender, whole, pace: Pace::default() }, Body::new(answer))
}

/// Begins to read a body. Reading ends with the connection, or when nobody reads any more.
#[expect(clippy::disallowed_methods, reason = "its bytes are bounded by the semaphore beside it")]
pub(super) fn read(mut body: Body) -> Reader {
    let (sender, pieces) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(ROOM));
    let taken = Arc::clone(&room);
    tokio::task::spawn_local(async move {
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = sender.closed() => return,
            };
            let piece = match frame {
                None => return,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Ok(data),
                    Err(_) => continue,
                },
                Some(Err(error)) => Err(io::Error::other(error)),
            };
            let (bytes, failed) = (piece.as_ref().map_or(0, Bytes::len), piece.is_err());
            // A single piece is never longer than what a connection buffers, far less than there is room for.
            let size = u32::try_from((bytes + OVERHEAD).min(ROOM)).unwrap_or(u32::MAX);
            let place = tokio::select! {
                place = taken.acquire_many(size) => place,
                () = sender.closed() => return,
            };
            let Ok(place) = place else { return };
            place.forget();
            if sender.send(piece).is_err() || failed {
                return;
            }
        }
    });
    Reader { pieces, room }
}

// === impl Writer ===

impl Writer {
    /// Passes a piece on; fails if nobody reads any more, or somebody reads too slowly.
    pub(super) fn write(&self, piece: Vec<u8>) -> io::Result<()> {
        let bytes = piece.len();
        self.pace.wait(self.pieces.send(piece.into()))?.map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.pace.moved(bytes);
        Ok(())
    }

    /// Fails if nobody reads any more: the client is gone, or the gateway stops.
    pub(super) fn still_wanted(&self) -> io::Result<()> {
        if self.pieces.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// Says that the answer is whole.
    pub(super) fn finish(self) {
        self.whole.store(true, Ordering::Release);
    }

    /// Breaks the answer off, with last words if there is room for them at once.
    pub(super) fn break_off(self, last: Vec<u8>) {
        drop(self.pieces.try_send(last.into()));
    }
}

// === impl Reader ===

impl Reader {
    /// The next piece; `None` at the end. While none is there, `before_waiting` may do something first. Fails if the client
    /// sends too slowly, at the pace that its answers are written.
    pub(super) fn next(
        &mut self,
        writer: &Writer,
        before_waiting: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Option<Bytes>> {
        let piece = match self.pieces.try_recv() {
            Ok(piece) => Some(piece),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => {
                before_waiting()?;
                writer.pace.wait(self.pieces.recv())?
            }
        };
        let piece = piece.transpose()?;
        if let Some(piece) = &piece {
            writer.pace.moved(piece.len());
            self.room.add_permits((piece.len() + OVERHEAD).min(ROOM));
        }
        Ok(piece)
    }
}

// === impl Answer ===

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match ready!(self.pieces.poll_recv(context)) {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.whole.load(Ordering::Acquire) => Poll::Ready(None),
            None if self.breaks => Poll::Ready(Some(Err(io::Error::other("the answer breaks off")))),
            None => {
                // With an error, hyper throws away what it has not written yet: the last words. It writes them when there
                // is nothing to do for the moment.
                self.breaks = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
