//! Answers of the operations port, as JSON.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

pub(super) fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    let mut text = serde_json::to_vec(answer).expect("every answer has text for keys");
    text.push(b'\n');
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json(status, &error_body(code, message))
}

pub(super) fn error_body(code: &str, message: &str) -> serde_json::Value {
    serde_json::json!({"error": {"code": code, "message": message}})
}

/// Tells to come back.
pub(super) fn busy(message: &str) -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// For what ought not to happen. What it was is in the log.
pub(super) fn failed() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, "failed", "this could not be answered; see the log")
}
