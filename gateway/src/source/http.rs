//! HTTP on the ingest port: from a connection to batches, and from what became of them to answers.
//!
//! What all protocols over HTTP have in common is here: bounds, bodies, compression. What is a protocol's own is in a file of its
//! name: which paths are its, what a body holds, and what the sender is told.

mod body;
mod metrics;
mod native;
mod refusal;

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderName, Request, Response, Version};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use tallygate_connect::decompress::Encoding;
use tallygate_connect::frame::Framing;
use tallygate_event::TenantId;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::in_flight::NoRoom;
use crate::net::{self, NoRoomForRequest, Stream, Terms, Waits};
use crate::pipeline::{self, Batch, Lane, Origin, Tally};
use crate::serving::{Route, Routes};
use crate::time;
use refusal::Refusal;

pub(crate) use metrics::{RequestMetrics, WorkerRequests};

/// The protocols that are spoken over HTTP. Each request is one's, by its path.
#[derive(Clone, Copy)]
enum Protocol {
    Native,
}

/// What a body holds.
enum Content {
    /// Records, told apart like this.
    Records(Framing),
    /// Nothing: its sender tries whether somebody listens.
    Probe,
}

/// What the requests of one connection have in common.
struct Context {
    lane: Rc<Lane>,
    /// The source's name in the configuration.
    source: Arc<str>,
}

/// The name of the ingest port as a source.
const SOURCE: &str = "http";
/// What an answer takes, unless it names rejected records.
const ANSWER: usize = 1 << 10;

/// Serves a connection until it ends.
pub(super) async fn serve(stream: impl Stream, lane: Rc<Lane>, draining: watch::Receiver<bool>) {
    let limits = &lane.serving().config.ingest;
    let waits = Waits { header: limits.header_timeout, idle: limits.idle_timeout, write: limits.body_timeout };
    let terms = Terms { waits, share: lane.in_flight.clone(), answer: ANSWER, places: None };
    let context = Context { source: Arc::from(SOURCE), lane };
    net::serve(stream, service(context), terms, draining).await;
}

/// Tells a client that there are too many connections already. It is not waited for if it does not listen.
pub(super) async fn turn_away(mut stream: TcpStream) {
    const BODY: &str = "{\"error\":{\"code\":\"too-many-connections\",\
        \"message\":\"there are as many connections as ingest.max_connections allows, come back later\"}}\n";
    let text = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    if stream.write_all(text.as_bytes()).await.is_ok() {
        // It is gone otherwise, which is as well.
        drop(stream.shutdown().await);
    }
}

fn service(
    context: Context,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + 'static,
> + 'static {
    let context = Rc::new(context);
    service_fn(move |request| {
        let context = Rc::clone(&context);
        // Boxed, as it is large, and hyper and what stands between move it several times.
        Box::pin(async move {
            let response = context.answer(request).await;
            let lane = &context.lane;
            lane.metrics.requests.answered(&lane.own_metrics.requests, response.status());
            Ok(response)
        })
    })
}

fn text<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    head.headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn encoding(head: &Parts) -> Result<Option<Encoding>, Refusal> {
    if head.headers.get_all(CONTENT_ENCODING).iter().count() > 1 {
        return Err(Refusal::unknown_encoding());
    }
    let told = text(head, &CONTENT_ENCODING).unwrap_or_default();
    Encoding::parse(told).map_err(|_| Refusal::unknown_encoding())
}

// === impl Context ===

impl Context {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        let protocol = Protocol::of(&head);
        let answer = self.take_in(protocol, &head, &mut body).await;
        if answer.is_err() && head.version < Version::HTTP_2 && !body.is_end_stream() {
            tokio::task::spawn_local(body::let_go(body));
        }
        protocol.reply(answer)
    }

    /// Takes a request in. `None` is the answer to a probe.
    async fn take_in(&self, protocol: Protocol, head: &Parts, body: &mut Incoming) -> Result<Option<Tally>, Refusal> {
        let lane = &*self.lane;
        let serving = lane.serving();
        let limits = &serving.config.ingest;
        if head.extensions.get::<NoRoomForRequest>().is_some() {
            return Err(Refusal::no_room(NoRoom::Now, limits.max_in_flight));
        }
        if let Some(fault) = net::fault(head) {
            return Err(Refusal::faulty(fault));
        }
        let route = protocol.route(&serving.routes, head)?;
        if head.version == Version::HTTP_10 && !head.headers.contains_key(CONTENT_LENGTH) {
            // An old client that tells no length may as well mean all that it sends up to the end of the connection.
            return Err(Refusal::no_length());
        }
        let encoding = encoding(head)?;
        let mut held = lane.in_flight.reservation();
        let body = body::read(lane, body, limits, &mut held).await?;
        let body = match encoding {
            Some(encoding) => body::decompress(encoding, body, limits, &mut held).await?,
            None => body,
        };
        let Content::Records(framing) = protocol.decode(head, &body) else { return Ok(None) };
        let origin = Origin { tenant: TenantId::DEFAULT, source: Arc::clone(&self.source), received: time::now() };
        let batch = Batch { body, framing, max_record: limits.max_record, origin, held };
        let tally = pipeline::process(lane, route, batch).await;
        tally.map(Some).map_err(|unjudged| Refusal::unjudged(&unjudged, limits.max_in_flight))
    }
}

// === impl Protocol ===

impl Protocol {
    /// The protocol that a request's path belongs to.
    fn of(_head: &Parts) -> Self {
        Self::Native
    }

    fn route<'a>(self, routes: &'a Routes, head: &Parts) -> Result<&'a Route, Refusal> {
        match self {
            Self::Native => native::route(routes, head),
        }
    }

    fn decode(self, head: &Parts, body: &[u8]) -> Content {
        match self {
            Self::Native => native::decode(head, body),
        }
    }

    fn reply(self, answer: Result<Option<Tally>, Refusal>) -> Response<Full<Bytes>> {
        match self {
            Self::Native => native::reply(answer),
        }
    }
}
