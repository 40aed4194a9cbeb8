//! A connection to a server, over HTTP/1.1.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Carries one request after the other.
pub(in crate::cli) struct Connection<B> {
    sender: http1::SendRequest<B>,
}

// === impl Connection ===

impl<B: Body<Data = Bytes, Error = Infallible> + 'static> Connection<B> {
    /// One over a stream that is connected. A task of this thread carries it.
    pub(in crate::cli) async fn over(stream: TcpStream) -> hyper::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // If it fails, the request on it says so.
        drop(tokio::task::spawn_local(connection));
        Ok(Self { sender })
    }

    /// Whether another request may be sent: the answer before was read to its end, and the server has not closed the connection.
    pub(in crate::cli) async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request, and waits for the header of its answer. The body of the answer before must have been read to its end.
    pub(in crate::cli) async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }
}
