//! Who may ask about visits: they tell every client's address.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, FORWARDED, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::{Ops, reply};
use crate::config::Secret;

/// Where a request comes from, as the system says.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Lets through who may read: who brings a token for it, or who is on this machine where no token was set.
pub(super) async fn read(State(ops): State<Ops>, request: Request, next: Next) -> Response {
    let serving = ops.common.serving.load_full();
    let (headers, tokens) = (request.headers(), &serving.config.ops);
    if tokens.read_token.iter().chain(&tokens.admin_token).any(|token| brings(headers, token)) {
        return next.run(request).await;
    }
    if tokens.read_token.is_some() {
        return unauthorized(
            "questions need the header Authorization: Bearer TOKEN, with ops.read_token or ops.admin_token",
        );
    }
    let peer = request.extensions().get::<Peer>();
    let is_local = peer.is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    // What comes through a proxy on this machine comes from elsewhere.
    let is_forwarded = headers.contains_key(FORWARDED) || headers.contains_key(X_FORWARDED_FOR);
    if is_local && !is_forwarded {
        return next.run(request).await;
    }
    let message = "without ops.read_token, questions are answered on the gateway's own machine alone, and not through a \
                   proxy; set ops.read_token or ops.read_token_file, and send Authorization: Bearer TOKEN";
    reply::error(StatusCode::FORBIDDEN, "not-local", message)
}

/// Whether a request brings a token.
pub(super) fn brings(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, given) = given.split_once(' ').unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && token.is(given.trim())
}

pub(super) fn unauthorized(message: &str) -> Response {
    let mut response = reply::error(StatusCode::UNAUTHORIZED, "unauthorized", message);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
