//! Requests on the ingest port: from HTTP to the pipeline and back.

mod body;
mod reply;

use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, Request, Response, Version};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use tallygate_connect::decompress::Encoding;
use tallygate_connect::frame;

use crate::in_flight::NoRoom;
use crate::net::NoRoomForRequest;
use crate::pipeline;
use crate::serving::Refused;
use crate::worker::Worker;
use reply::Refusal;

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
            worker.metrics.request(&worker.own_metrics, response.status());
            Ok(response)
        }
    })
}

async fn answer(worker: &Worker, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, mut body) = request.into_parts();
    match ingest(worker, &head, &mut body).await {
        Ok(tally) => reply::tally(&tally),
        Err(refusal) => {
            if head.version < Version::HTTP_2 && !body.is_end_stream() {
                tokio::task::spawn_local(body::let_go(body));
            }
            refusal.into_response()
        }
    }
}

async fn ingest(worker: &Worker, head: &Parts, body: &mut Incoming) -> Result<pipeline::Tally, Refusal> {
    let serving = worker.serving();
    let limits = &serving.config.ingest;
    if head.extensions.get::<NoRoomForRequest>().is_some() {
        return Err(Refusal::no_room(NoRoom::Now, limits.max_in_flight));
    }
    let route = serving.routes.find(&head.method, head.uri.path(), &head.headers).map_err(|refused| match refused {
        Refused::NoSuchPath => Refusal::no_such_path(head.uri.path()),
        Refused::NotPost => Refusal::not_post(),
    })?;
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
    let framing = frame::detect(text(CONTENT_TYPE), &body);
    let framed = pipeline::Framed { body: &body, framing, max_record: limits.max_record };
    let tally = pipeline::process(worker, route, framed, &mut held).await;
    tally.map_err(|unjudged| Refusal::unjudged(&unjudged, limits.max_in_flight))
}
