//! One HTTP connection, on either port and over any stream: HTTP/1.1 or HTTP/2 by its first bytes, with every wait bounded, and
//! what waits.

mod activity;
mod answers;
mod fault;
mod frames;
mod places;
mod stream;
mod watch;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch as channel;
use tokio::time::sleep;

use crate::in_flight::Share;
use activity::{Activity, Order};
use stream::Watched;
use watch::Watch;

pub(crate) use activity::NoRoomForRequest;
pub(crate) use fault::{Fault, fault};
pub(crate) use places::Places;
pub(crate) use stream::Stream;

/// The waits of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// For a request's header, once its first byte has come.
    pub(crate) header: Duration,
    /// For the next request.
    pub(crate) idle: Duration,
    /// For the peer to take what was written.
    pub(crate) write: Duration,
}

/// What a port asks of its connections.
pub(crate) struct Terms {
    pub(crate) waits: Waits,
    /// What requests and answers hold is reserved here.
    pub(crate) share: Share,
    /// What an answer takes, at a guess: so many less are made at a time.
    pub(crate) answer: usize,
    /// Where places are few: the connection that has waited longest makes way for a new one.
    pub(crate) places: Option<Rc<Places>>,
}

/// Runs what HTTP/2 wants to run beside a connection, on the connection's own thread.
#[derive(Clone, Copy)]
struct OwnThread;

/// Requests of one connection that may be under way at once; HTTP/2's own default for careful servers.
const STREAMS: u32 = 128;
/// What a connection may have buffered: its header, and what was read ahead of a body.
const READ_BUFFER: usize = 64 << 10;
/// When the gateway drains, a request that was sent on a new connection may not have been seen yet; it gets so long.
const LAST_CALL: Duration = Duration::from_millis(100);
/// Windows of HTTP/2: how much of all bodies may be on their way before they are read.
const CONNECTION_WINDOW: u32 = 256 << 10;

/// Serves a connection to its end, or to the end of its current request once `draining` turns true.
///
/// Errors of a connection are the peer's business (it hung up, or sent garbage), so they end it and nothing else.
pub(crate) async fn serve<I, S, B>(stream: I, service: S, terms: Terms, mut draining: channel::Receiver<bool>)
where
    I: Stream,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
    S::Future: 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    let Terms { waits, share, answer, places } = terms;
    let activity = match &places {
        Some(places) => places.enter(|place| Rc::new(Activity::new(&share, answer, Some(place)))),
        None => Rc::new(Activity::new(&share, answer, None)),
    };
    let drain = async move {
        // An error means that the sender is gone, and with it the process.
        drop(draining.wait_for(|draining| *draining).await);
    };
    let _watch = Watch::start(Rc::clone(&activity), waits, drain);
    let mut stream = Watched::new(stream, Rc::clone(&activity));
    let Some(speaks_http2) = greet(&mut stream, &activity).await else { return };
    let service = answers::note(service, Rc::clone(&activity));
    let stream = TokioIo::new(stream);
    if speaks_http2 {
        // Boxed, so that of a request whose answer waits to be taken no more is left than the answer.
        let service = service_fn(move |request| Box::pin(service.call(request)));
        let connection = pin!(http2_builder().serve_connection(stream, service));
        obey(connection, &activity, http2::Connection::graceful_shutdown).await;
    } else {
        let connection = pin!(http1_builder().serve_connection(stream, service));
        obey(connection, &activity, http1::Connection::graceful_shutdown).await;
    }
}

/// Runs a connection to its end, or to when the watch wants it to end.
async fn obey<C: Future>(mut connection: Pin<&mut C>, activity: &Activity, drain: impl Fn(Pin<&mut C>)) {
    poll_fn(|context| {
        loop {
            activity.wake_with(context.waker());
            // Before any order: a request that has come already is not lost to the drain.
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            match activity.take_order() {
                Some(Order::Drain) => drain(connection.as_mut()),
                Some(Order::End) => return Poll::Ready(()),
                None => return Poll::Pending,
            }
        }
    })
    .await;
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // No timer: `watch` ends connections that wait too long. No `pipeline_flush`: with bytes left to read it flushes
    // nothing, so garbage behind a request takes the reply to that request with it, and its own.
    builder.header_read_timeout(None).max_buf_size(READ_BUFFER).writev(false);
    builder
}

/// No timer here either: whoever answers pings has an answer to take all the same.
fn http2_builder() -> http2::Builder<OwnThread> {
    let mut builder = http2::Builder::new(OwnThread);
    builder
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(CONNECTION_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Prepares a connection over TCP: small replies leave at once, and a peer that takes nothing does not hold its socket for ever.
pub(crate) fn prepare(stream: &TcpStream, write_wait: Duration) {
    // Neither setting can fail on a connected socket; if one does, the connection works without it.
    drop(stream.set_nodelay(true));
    drop(socket2::SockRef::from(stream).set_tcp_user_timeout(Some(write_wait)));
}

/// Waits for the first bytes and tells whether they are HTTP/2's. `None` if the connection is to end without any: none came
/// in time or not enough of them, the peer is gone, the gateway drains, or the connection is to make way.
async fn greet(stream: &mut Watched<impl Stream>, activity: &Activity) -> Option<bool> {
    let mut drains = false;
    let leave = async {
        if activity.ordered().await == Order::Drain {
            drains = true;
            sleep(LAST_CALL).await;
        }
    };
    let found = tokio::select! {
        biased;
        speaks_http2 = stream.find_http2() => speaks_http2.ok(),
        () = leave => None,
    };
    if drains {
        activity.give_order(Order::Drain);
    }
    found
}

// === impl OwnThread ===

impl<F> Executor<F> for OwnThread
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

#[cfg(test)]
mod tests;
