//! The gateway's own protocol: `POST /logs` and the paths of `[[routes]]`. Records in a body, one reply about all of them.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tallygate_connect::frame;

use super::refusal::Refusal;
use super::{Content, text};
use crate::pipeline::{Named, Tally};
use crate::serving::{NoRoute, Route, Routes};

/// The route of a request.
pub(super) fn route<'a>(routes: &'a Routes, head: &Parts) -> Result<&'a Route, Refusal> {
    routes.find(&head.method, head.uri.path(), &head.headers).map_err(|none| match none {
        NoRoute::NoSuchPath => Refusal::no_such_path(head.uri.path()),
        NoRoute::NotPost => Refusal::not_post(),
    })
}

/// What a body holds.
pub(super) fn decode(head: &Parts, body: &[u8]) -> Content {
    if is_probe(body) {
        return Content::Probe;
    }
    Content::Records(frame::detect(text(head, &CONTENT_TYPE), body))
}

/// What the sender is told.
pub(super) fn reply(answer: Result<Option<Tally>, Refusal>) -> Response<Full<Bytes>> {
    match answer {
        Ok(Some(tally)) => judged(&tally),
        // Whoever tries whether somebody listens.
        Ok(None) => {
            response(StatusCode::OK, "{\"received\":0,\"accepted\":0,\"rejected\":0,\"errors\":[]}\n".to_owned())
        }
        Err(Refusal { status, code, message, header }) => {
            let mut response =
                response(status, json!({"error": {"code": code, "message": message}}).to_string() + "\n");
            response.headers_mut().extend(header);
            response
        }
    }
}

/// What Cloudflare's Logpush sends to find out whether somebody listens. It wants 200, and is no record.
fn is_probe(body: &[u8]) -> bool {
    const PROBE: &[u8] = b"{\"content\":\"tests\"}";
    let rest = body.strip_prefix(PROBE);
    matches!(rest, Some(b"" | b"\n" | b"\r\n"))
}

fn judged(tally: &Tally) -> Response<Full<Bytes>> {
    let status = if tally.accepted > 0 || tally.received == 0 { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    let (received, accepted) = (tally.received, tally.accepted);
    let errors = if tally.named.is_empty() { String::new() } else { named(&tally.named) };
    let text = format!(
        "{{\"received\":{received},\"accepted\":{accepted},\"rejected\":{},\"errors\":[{errors}]}}\n",
        received - accepted
    );
    response(status, text)
}

fn named(named: &[Named]) -> String {
    let error = |one: &Named| {
        let (code, message) = (json!(one.code), json!(one.message));
        format!("{{\"record\":{},\"code\":{code},\"message\":{message}}}", one.record)
    };
    named.iter().map(error).collect::<Vec<_>>().join(",")
}

fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
