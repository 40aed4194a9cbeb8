//! Requests on the ingest port: from HTTP to the pipeline and back.

mod body;
mod metrics;
mod reply;

use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, Request, Response, Version};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use tallygate_connect::decompress::Encoding;
use tallygate_connect::frame;

use crate::in_flight::NoRoom;
use crate::net::{self, NoRoomForRequest};
use crate::pipeline;
use crate::serving::Refused;
use crate::worker::Worker;
use reply::Refusal;

pub(crate) use metrics::{RequestMetrics, WorkerRequests};

/// What became of a request that was taken in.
enum Taken {
    Judged(pipeline::Tally),
    /// It only tried whether somebody listens.
    Probe,
}

/// The service of one connection.
pub(crate) fn service(
    worker: Rc<Worker>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + 'static,
> + 'static {
    service_fn(move |request| {
        let worker = Rc::clone(&worker);
        async move {
            let response = answer(&worker, request).await;
            worker.metrics.requests.answered(&worker.own_metrics.requests, response.status());
            Ok(response)
        }
    })
}

async fn answer(worker: &Worker, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, mut body) = request.into_parts();
    match ingest(worker, &head, &mut body).await {
        Ok(Taken::Judged(tally)) => reply::tally(&tally),
        Ok(Taken::Probe) => reply::heard(),
        Err(refusal) => {
            if head.version < Version::HTTP_2 && !body.is_end_stream() {
                tokio::task::spawn_local(body::let_go(body));
            }
            refusal.into_response()
        }
    }
}

async fn ingest(worker: &Worker, head: &Parts, body: &mut Incoming) -> Result<Taken, Refusal> {
    let serving = worker.serving();
    let limits = &serving.config.ingest;
    if head.extensions.get::<NoRoomForRequest>().is_some() {
        return Err(Refusal::no_room(NoRoom::Now, limits.max_in_flight));
    }
    if let Some(fault) = net::fault(head) {
        return Err(Refusal::faulty(fault));
    }
    let route = serving.routes.find(&head.method, head.uri.path(), &head.headers).map_err(|refused| match refused {
        Refused::NoSuchPath => Refusal::no_such_path(head.uri.path()),
        Refused::NotPost => Refusal::not_post(),
    })?;
    if head.version == Version::HTTP_10 && !head.headers.contains_key(CONTENT_LENGTH) {
        // An old client that tells no length may as well mean all that it sends up to the end of the connection.
        return Err(Refusal::no_length());
    }
    let text = |name: HeaderName| head.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let encoding =
        Encoding::parse(text(CONTENT_ENCODING).unwrap_or_default()).map_err(|_| Refusal::unknown_encoding())?;
    if head.headers.get_all(CONTENT_ENCODING).iter().count() > 1 {
        return Err(Refusal::unknown_encoding());
    }

    let mut held = worker.in_flight.reservation();
    let body = body::read(worker, body, limits, &mut held).await?;
    let body = match encoding {
        Some(encoding) => body::decompress(encoding, body, limits, &mut held).await?,
        None => body,
    };
    if is_probe(&body) {
        return Ok(Taken::Probe);
    }
    let framing = frame::detect(text(CONTENT_TYPE), &body);
    let framed = pipeline::Framed { body: &body, framing, max_record: limits.max_record };
    let tally = pipeline::process(worker, route, framed, &mut held).await;
    tally.map(Taken::Judged).map_err(|unjudged| Refusal::unjudged(&unjudged, limits.max_in_flight))
}

/// What Cloudflare's Logpush sends to find out whether somebody listens. It wants 200, and is no record.
fn is_probe(body: &[u8]) -> bool {
    const PROBE: &[u8] = b"{\"content\":\"tests\"}";
    let rest = body.strip_prefix(PROBE);
    matches!(rest, Some(b"" | b"\n" | b"\r\n"))
}
