//! A list on its way to a gateway, read by a thread of its own.

use std::convert::Infallible;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

pub(super) struct List {
    pieces: mpsc::Receiver<Bytes>,
}

/// Why a list could not be read to its end.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<io::Error>>>);

/// Pieces that were read and are not sent yet.
const AHEAD: usize = 4;
pub(super) const PIECE: usize = 64 << 10;

// === impl List ===

impl List {
    /// Begins to read. The thread ends with the list, or when nobody reads any more; or with the process, if neither does.
    pub(super) fn read(mut list: Box<dyn Read + Send>) -> (Self, Failure) {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let failure = Failure::default();
        let failed = failure.clone();
        let thread = std::thread::Builder::new().name("list".into());
        let begun = thread.spawn(move || {
            let mut buffer = vec![0; PIECE];
            loop {
                match list.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        if sender.blocking_send(Bytes::copy_from_slice(&buffer[..count])).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        *failed.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return;
                    }
                }
            }
        });
        if let Err(error) = begun {
            *failure.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        (Self { pieces }, failure)
    }
}

impl Body for List {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

// === impl Failure ===

impl Failure {
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
