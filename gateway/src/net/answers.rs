//! Answers, from when their request comes until the peer has taken them.
//!
//! HTTP/2's peer says how much of each answer it takes. What it does not take waits here, in hyper or in h2, and none of
//! them bounds that in time or over all streams. So each piece of an answer is noted until it is dropped, which h2 does when
//! it has been written.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::{Service, service_fn};

use super::activity::{Activity, Hold};

/// The body of an answer. Its request is under way until all of it is taken.
pub(super) struct Noted<B> {
    body: B,
    /// Bytes that were offered before they came.
    announced: usize,
    hold: Hold,
}

/// A piece of an answer.
pub(super) struct Piece {
    bytes: Bytes,
    length: usize,
    hold: Hold,
}

/// An answer in the making.
struct Making<'a>(&'a Hold);

/// What a header takes besides its letters (RFC 9113, 6.5.2, counts it like this).
const HEADER: usize = 32;

/// The service, noting which requests are under way and what their answers hold.
pub(super) fn note<S, B>(
    service: S,
    activity: Rc<Activity>,
) -> impl Service<Request<Incoming>, Response = Response<Noted<B>>, Error = Infallible, Future: 'static>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    service_fn(move |mut request: Request<Incoming>| {
        let header = (request.version() == Version::HTTP_2).then(|| memory(request.headers()));
        let (hold, room) = activity.begin(header);
        if let Err(no_room) = room {
            request.extensions_mut().insert(no_room);
        }
        let answer = service.call(request);
        let activity = Rc::clone(&activity);
        async move {
            poll_fn(|context| activity.poll_room(context)).await;
            let work = Making::begin(&hold);
            let answer = answer.await?;
            drop(work);
            Ok(answer.map(|body| Noted::new(body, hold)))
        }
    })
}

fn memory(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER).sum()
}

// === impl Making ===

impl<'a> Making<'a> {
    fn begin(hold: &'a Hold) -> Self {
        hold.work();
        Self(hold)
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.rest();
    }
}

// === impl Noted ===

impl<B: Body> Noted<B> {
    fn new(body: B, hold: Hold) -> Self {
        let announced = usize::try_from(body.size_hint().exact().unwrap_or_default()).unwrap_or(usize::MAX);
        hold.offer(announced);
        Self { body, announced, hold }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Noted<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = &mut *self;
        let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(context) else {
            this.hold.make_wait();
            return Poll::Pending;
        };
        Poll::Ready(next.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| {
                    let length = bytes.len();
                    let known = length.min(this.announced);
                    this.announced -= known;
                    this.hold.offer(length - known);
                    Piece { bytes, length, hold: this.hold.clone() }
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Piece ===

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.hold.take(self.length);
    }
}
