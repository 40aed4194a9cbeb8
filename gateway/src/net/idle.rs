//! Ends connections that wait too long, at no cost to those that do not.
//!
//! hyper can arm a timer for each request header. That is two allocations and two turns of the timer wheel a request, and
//! it does not tell a connection kept open between requests, which is entitled to a long wait, from half a header, which
//! is not. So hyper gets no timer. The stream notes that bytes came, the service that a request is under way, and a watch
//! looks at both at intervals: of a quarter of the wait for a header, so that one is cut after one to one and a half
//! times the wait.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Waits;

/// Looks in the time of one wait for a header.
const LOOKS: u32 = 4;

/// What has happened on a connection.
#[derive(Default)]
pub(super) struct Activity {
    /// Reads that brought something.
    reads: Cell<u64>,
    /// The same when the last request ended.
    reads_before: Cell<u64>,
    /// Requests whose header has come.
    begun: Cell<u64>,
    /// Requests that were answered.
    ended: Cell<u64>,
}

/// A stream that notes what it reads.
pub(super) struct Watched {
    stream: TcpStream,
    activity: Rc<Activity>,
}

/// One request under way.
struct UnderWay(Rc<Activity>);

/// A stream that notes what happens, and where it notes it.
pub(super) fn watch(stream: TcpStream) -> (Watched, Rc<Activity>) {
    let activity = Rc::new(Activity::default());
    (Watched { stream, activity: Rc::clone(&activity) }, activity)
}

/// The service, noting which requests are under way.
pub(super) fn note<S, B>(
    service: S,
    activity: &Rc<Activity>,
) -> impl Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: 'static>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: 'static,
    B: Body + 'static,
{
    let activity = Rc::clone(activity);
    service_fn(move |request| {
        let under_way = UnderWay::new(&activity);
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            drop(under_way);
            answer
        }
    })
}

/// Ends when the connection has waited too long, for the rest of a header or for a request to begin.
pub(super) async fn too_long(activity: &Activity, waits: Waits) {
    let interval = waits.header / LOOKS;
    let (mut ended, mut idle, mut partial) = (0, Duration::ZERO, Duration::ZERO);
    loop {
        tokio::time::sleep(interval).await;
        if activity.is_busy() || activity.ended.get() != ended {
            (ended, idle, partial) = (activity.ended.get(), Duration::ZERO, Duration::ZERO);
        } else if activity.has_begun_a_header() {
            partial += interval;
        } else {
            idle += interval;
        }
        // The first look that sees a header may come right after its first byte.
        if partial > waits.header || idle >= waits.idle {
            return;
        }
    }
}

// === impl Activity ===

impl Activity {
    fn is_busy(&self) -> bool {
        self.begun.get() != self.ended.get()
    }

    fn has_begun_a_header(&self) -> bool {
        self.reads.get() != self.reads_before.get()
    }
}

// === impl UnderWay ===

impl UnderWay {
    fn new(activity: &Rc<Activity>) -> Self {
        activity.begun.set(activity.begun.get() + 1);
        Self(Rc::clone(activity))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.set(self.0.ended.get() + 1);
        self.0.reads_before.set(self.0.reads.get());
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
            self.activity.reads.set(self.activity.reads.get() + 1);
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
