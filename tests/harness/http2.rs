//! A client for HTTP/2 without TLS, which knows beforehand that the other side speaks it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{PATIENCE, Reply};

/// One connection.
pub(crate) struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Fed>,
}

/// A body that is sent as it is fed to the other end of its channel.
struct Fed(UnboundedReceiver<Bytes>);

/// A request of which some of the body has been sent.
pub(crate) struct Begun {
    runtime: Handle,
    feed: UnboundedSender<Bytes>,
    stream: JoinHandle<Reply>,
}

// === impl Http2 ===

impl Http2 {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the port takes connections");
            let (sender, connection) =
                handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
            // It ends when the sender is gone, or the peer is; requests on it say so then.
            drop(tokio::spawn(connection));
            sender
        });
        Self { runtime, sender }
    }

    /// Begins to post to `/logs`, with the beginning of a body.
    pub(crate) fn begin(&self, beginning: &'static str) -> Begun {
        let (feed, fed) = unbounded_channel();
        feed.send(Bytes::from(beginning)).expect("the receiver is here");
        let stream = self.runtime.spawn(post(self.sender.clone(), "/logs", Fed(fed)));
        Begun { runtime: self.runtime.handle().clone(), feed, stream }
    }

    /// Posts all the bodies to `/logs` at the same time, each on a stream of its own. The replies are in order.
    pub(crate) fn post_all(&self, bodies: Vec<String>) -> Vec<Reply> {
        self.post_all_to("/logs", bodies)
    }

    /// As [`Self::post_all`], to another path.
    pub(crate) fn post_all_to(&self, path: &'static str, bodies: Vec<String>) -> Vec<Reply> {
        self.runtime.block_on(async {
            let begin = |body| tokio::spawn(post(self.sender.clone(), path, Fed::whole(body)));
            let streams: Vec<_> = bodies.into_iter().map(begin).collect();
            let mut replies = Vec::with_capacity(streams.len());
            for stream in streams {
                replies.push(timeout(PATIENCE, stream).await.expect("an answer").expect("no panic"));
            }
            replies
        })
    }
}

// === impl Begun ===

impl Begun {
    /// Sends the rest of the body and waits for the reply.
    pub(crate) fn end(self, rest: &'static str) -> Reply {
        self.feed.send(Bytes::from(rest)).expect("the body is being read");
        drop(self.feed);
        self.runtime.block_on(async { timeout(PATIENCE, self.stream).await.expect("an answer").expect("no panic") })
    }
}

// === impl Fed ===

impl Fed {
    fn whole(body: String) -> Self {
        let (feed, fed) = unbounded_channel();
        feed.send(Bytes::from(body)).expect("the receiver is here");
        Self(fed)
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

async fn post(mut sender: SendRequest<Fed>, path: &str, body: Fed) -> Reply {
    let request = http::Request::post(format!("http://tallygate.example{path}")).body(body).expect("a request");
    sender.ready().await.expect("the connection is open");
    let (head, body) = sender.send_request(request).await.expect("a reply").into_parts();
    let body = body.collect().await.expect("a whole reply").to_bytes().to_vec();
    Reply { status: head.status.as_u16(), headers: text(&head.headers), body }
}

fn text(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    headers.iter().map(pair).collect()
}
