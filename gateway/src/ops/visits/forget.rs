//! Forgetting addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::time::timeout;

use super::{place, refusal};
use crate::ops::{Ops, reply};
use crate::query;
use crate::visits::of_default;

/// Bytes of a list.
const LIST: usize = 4 << 20;
/// For a list to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);
const BUSY: &str = "other addresses are being forgotten; try again when they are";

pub(super) async fn one(State(ops): State<Ops>, Path(ip): Path<String>) -> Response {
    match query::address(&ip) {
        Ok(ip) => forget(&ops, vec![ip], |forgotten| json!({"ip": ip, "forgotten": forgotten > 0})).await,
        Err(problem) => refusal(&problem),
    }
}

pub(super) async fn list(State(ops): State<Ops>, body: Body) -> Response {
    let text = match timeout(ARRIVAL, Limited::new(body, LIST).collect()).await {
        Ok(Ok(text)) => text.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("the list has more than {LIST} bytes; send it in parts");
            return reply::error(StatusCode::PAYLOAD_TOO_LARGE, "too-large", &message);
        }
        Ok(Err(_)) | Err(_) => {
            let message = "the list did not arrive whole; nothing was forgotten";
            return reply::error(StatusCode::BAD_REQUEST, "incomplete", message);
        }
    };
    match query::addresses(&text) {
        Ok(ips) => {
            let asked = ips.len();
            forget(&ops, ips, |forgotten| json!({"forgotten": forgotten, "asked": asked})).await
        }
        Err((line, problem)) => reply::json(StatusCode::BAD_REQUEST, &problem.of_line(line)),
    }
}

async fn forget(ops: &Ops, ips: Vec<IpAddr>, told: impl FnOnce(usize) -> serde_json::Value) -> Response {
    let Some(place) = place(&ops.forgetting).await else { return reply::busy(BUSY) };
    let visits = Arc::clone(&ops.common.visits);
    let forgotten = tokio::task::spawn_blocking(move || {
        let forgotten = of_default(&visits).forget(&ips);
        drop(place);
        forgotten
    });
    match forgotten.await {
        Ok(Ok(forgotten)) => reply::json(StatusCode::OK, &told(forgotten)),
        Ok(Err(error)) => {
            let message = format!("it cannot be made durable: {error}; forget again when it can");
            let mut response = reply::error(StatusCode::SERVICE_UNAVAILABLE, "not-durable", &message);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
