//! One HTTP connection, on either port: HTTP/1.1 or HTTP/2 by its first bytes, with every wait bounded.

mod idle;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use idle::{Activity, Order, Watch, Watched};

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

/// Runs what HTTP/2 wants to run beside a connection, on the connection's own thread.
#[derive(Clone, Copy)]
struct OwnThread;

/// Requests of one connection that may be under way at once; HTTP/2's own default for careful servers.
const STREAMS: u32 = 128;
/// What a connection may have buffered: its header, and what was read ahead of a body.
const READ_BUFFER: usize = 256 << 10;
/// When the gateway drains, a request that was sent on a new connection may not have been seen yet; it gets so long.
const LAST_CALL: Duration = Duration::from_millis(100);
/// Windows of HTTP/2: how much of a body may be on its way before it is read.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Serves a connection to its end, or to the end of its current request once `draining` turns true.
///
/// Errors of a connection are the peer's business (it hung up, or sent garbage), so they end it and nothing else.
pub(crate) async fn serve<S, B>(stream: TcpStream, service: S, waits: Waits, mut draining: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
    S::Future: 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    prepare(&stream, waits.write);
    let Some(speaks_http2) = greet(&stream, waits, draining.clone()).await else { return };
    let drain = async move {
        // An error means that the sender is gone, and with it the process.
        drop(draining.wait_for(|draining| *draining).await);
    };
    let activity = Rc::new(Activity::default());
    let service = idle::note(service, Rc::clone(&activity));
    let _watch = Watch::start(Rc::clone(&activity), waits, drain);
    if speaks_http2 {
        // Its reads are not watched, as pings are no requests: while none is under way, it is idle.
        let connection = pin!(http2_builder(waits).serve_connection(TokioIo::new(stream), service));
        obey(connection, &activity, http2::Connection::graceful_shutdown).await;
    } else {
        let stream = TokioIo::new(Watched::new(stream, &activity));
        let connection = pin!(http1_builder().serve_connection(stream, service));
        obey(connection, &activity, http1::Connection::graceful_shutdown).await;
    }
}

/// Runs a connection to its end, or to when the watch wants it to end.
async fn obey<C: Future>(mut connection: Pin<&mut C>, activity: &Activity, drain: impl Fn(Pin<&mut C>)) {
    poll_fn(|context| {
        match activity.take_order() {
            Some(Order::Drain) => drain(connection.as_mut()),
            Some(Order::End) => return Poll::Ready(()),
            None => {}
        }
        let ended = connection.as_mut().poll(context).map(drop);
        activity.wake_with(context.waker());
        ended
    })
    .await;
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // No timer: `idle` ends connections that wait too long. No `pipeline_flush`: with bytes left to read it flushes
    // nothing, so garbage behind a request takes the reply to that request with it, and its own.
    builder.header_read_timeout(None).max_buf_size(READ_BUFFER).writev(false);
    builder
}

fn http2_builder(waits: Waits) -> http2::Builder<OwnThread> {
    let mut builder = http2::Builder::new(OwnThread);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(waits.idle)
        .keep_alive_timeout(waits.header);
    builder
}

/// Small replies leave at once, and a peer that takes nothing does not hold its socket for ever.
fn prepare(stream: &TcpStream, write_wait: Duration) {
    // Neither setting can fail on a connected socket; if one does, the connection works without it.
    drop(stream.set_nodelay(true));
    drop(socket2::SockRef::from(stream).set_tcp_user_timeout(Some(write_wait)));
}

/// Waits for the first bytes and tells whether they are HTTP/2's. `None` if the connection is to end without any: none
/// came in time, or the gateway drains.
async fn greet(stream: &TcpStream, waits: Waits, mut draining: watch::Receiver<bool>) -> Option<bool> {
    let patience = async {
        tokio::select! {
            () = sleep(waits.header.max(waits.idle)) => {}
            _ = draining.wait_for(|draining| *draining) => sleep(LAST_CALL).await,
        }
    };
    tokio::select! {
        biased;
        speaks_http2 = is_http2(stream) => speaks_http2.ok(),
        () = patience => None,
    }
}

/// Whether the client opens with HTTP/2's preface. All of it must have come: hyper waits for the rest without a bound.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        let seen = seen.get(..count).unwrap_or_default();
        if !PREFACE.starts_with(seen) || count == 0 {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        // Part of the preface: peeking again would return at once with the same bytes.
        sleep(Duration::from_millis(5)).await;
    }
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
