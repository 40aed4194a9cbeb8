//! A client for HTTP/2 without TLS, which knows beforehand that the other side speaks it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{PATIENCE, Reply};

/// One connection.
pub(crate) struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
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

    /// Posts all the bodies to `/logs` at the same time, each on a stream of its own. The replies are in order.
    pub(crate) fn post_all(&self, bodies: Vec<String>) -> Vec<Reply> {
        self.runtime.block_on(async {
            let streams = bodies.into_iter().map(|body| tokio::spawn(post(self.sender.clone(), body)));
            let streams: Vec<_> = streams.collect();
            let mut replies = Vec::with_capacity(streams.len());
            for stream in streams {
                replies.push(timeout(PATIENCE, stream).await.expect("an answer").expect("no panic"));
            }
            replies
        })
    }
}

async fn post(mut sender: SendRequest<Full<Bytes>>, body: String) -> Reply {
    let request = http::Request::post("http://tallygate.example/logs").body(Full::from(body)).expect("a request");
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
