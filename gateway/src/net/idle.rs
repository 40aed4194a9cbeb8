//! Ends connections that wait too long, at no cost to those that do not.
//!
//! hyper can arm a timer for each request header. That is two allocations and two turns of the timer wheel a request, and
//! it does not tell a connection kept open between requests, which is entitled to a long wait, from half a header, which
//! is not. So hyper gets no timer. The stream notes that bytes came, the service that a request is under way, and a watch
//! looks at both at intervals: of a quarter of the wait for a header, so that one is cut after one to one and a half
//! times the wait. The watch is a task of its own, which wakes the connection when there is something to do: timers and
//! signals that the connection waited for itself would be asked again at every request.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::{Service, service_fn};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

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
    /// What the watch wants the connection to do.
    order: Cell<Option<Order>>,
    /// Wakes the connection.
    waker: RefCell<Option<Waker>>,
}

/// What a connection is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Finish the current request and end.
    Drain,
    /// End now.
    End,
}

/// The watch over one connection. It stops when this is dropped.
pub(super) struct Watch(JoinHandle<()>);

/// A stream that notes what it reads.
pub(super) struct Watched {
    stream: TcpStream,
    activity: Rc<Activity>,
}

/// One request under way.
struct UnderWay(Rc<Activity>);

/// The body of an answer. Its request is under way until all of it is written.
pub(super) struct Lasting<B> {
    body: B,
    _under_way: UnderWay,
}

/// The service, noting which requests are under way.
pub(super) fn note<S, B>(
    service: S,
    activity: Rc<Activity>,
) -> impl Service<Request<Incoming>, Response = Response<Lasting<B>>, Error = Infallible, Future: 'static>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: 'static,
    B: Body + Unpin + 'static,
{
    service_fn(move |request| {
        let under_way = UnderWay::new(&activity);
        let answer = service.call(request);
        async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Lasting { body, _under_way: under_way }))
        }
    })
}

/// Ends when the connection has waited too long, for the rest of a header or for a request to begin.
async fn too_long(activity: &Activity, waits: Waits) {
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

// === impl Watch ===

impl Watch {
    /// Watches over a connection: it is to drain when `drain` ends, and to end when it has waited too long.
    pub(super) fn start(activity: Rc<Activity>, waits: Waits, drain: impl Future<Output = ()> + 'static) -> Self {
        Self(tokio::task::spawn_local(async move {
            let mut too_long = pin!(too_long(&activity, waits));
            let drained = tokio::select! {
                () = drain => true,
                () = too_long.as_mut() => false,
            };
            if drained {
                activity.give_order(Order::Drain);
                too_long.await;
            }
            activity.give_order(Order::End);
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Activity ===

impl Activity {
    /// What the connection is to do now.
    pub(super) fn take_order(&self) -> Option<Order> {
        self.order.take()
    }

    /// How the connection is woken when there is an order.
    pub(super) fn wake_with(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        match &mut *known {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn give_order(&self, order: Order) {
        self.order.set(Some(order));
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

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

// === impl Lasting ===

impl<B: Body + Unpin> Body for Lasting<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Watched ===

impl Watched {
    pub(super) fn new(stream: TcpStream, activity: &Rc<Activity>) -> Self {
        Self { stream, activity: Rc::clone(activity) }
    }
}

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
