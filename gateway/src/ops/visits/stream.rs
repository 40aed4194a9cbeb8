//! Bodies that come and go piece by piece, between connections and threads that take their time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// The end of an answer that a thread writes to. It waits while the client does not read.
pub(super) struct Writer(mpsc::Sender<io::Result<Bytes>>);

/// The other end: the body of the answer.
struct Answer(mpsc::Receiver<io::Result<Bytes>>);

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
/// For the next piece of a body to come.
const BODY: Duration = Duration::from_secs(30);

/// An answer, and the end to write it to.
pub(super) fn answer() -> (Writer, Body) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Writer(sender), Body::new(Answer(receiver)))
}

/// Begins to read a body. Reading ends with the connection, or when nobody reads any more.
pub(super) fn read(mut body: Body) -> Reader {
    let (sender, pieces) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(ROOM));
    let taken = Arc::clone(&room);
    tokio::task::spawn_local(async move {
        loop {
            let piece = match timeout(BODY, body.frame()).await {
                Ok(None) => return,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Ok(data),
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => Err(io::Error::other(error)),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
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
    /// Passes a piece on; fails if nobody reads any more.
    pub(super) fn write(&self, piece: Vec<u8>) -> io::Result<()> {
        self.0.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Breaks the answer off, so that nobody takes it for whole.
    pub(super) fn fail(&self, error: io::Error) {
        // If nobody reads any more, there is nobody to tell.
        drop(self.0.blocking_send(Err(error)));
    }
}

// === impl Reader ===

impl Reader {
    /// The next piece; `None` at the end. While none is there, `before_waiting` may do something first.
    pub(super) fn next(&mut self, before_waiting: impl FnOnce() -> io::Result<()>) -> io::Result<Option<Bytes>> {
        let piece = match self.pieces.try_recv() {
            Ok(piece) => Some(piece),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => {
                before_waiting()?;
                self.pieces.blocking_recv()
            }
        };
        let piece = piece.transpose()?;
        if let Some(piece) = &piece {
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
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
