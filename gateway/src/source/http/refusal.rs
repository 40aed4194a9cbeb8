//! Why a request is not taken in, whatever the protocol that says so.

use std::time::Duration;

use http::header::{ACCEPT_ENCODING, ALLOW, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use tallygate_connect::decompress::DecodeError;

use crate::in_flight::NoRoom;
use crate::net::Fault;
use crate::pipeline::Unjudged;

/// Why a request was not taken in.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// For programs.
    pub(super) code: &'static str,
    /// For people: what is wrong, and what to do about it.
    pub(super) message: String,
    /// What the answer must have besides, such as when to come back.
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

/// Seconds until a sender may try again.
const SOON: HeaderValue = HeaderValue::from_static("1");

// === impl Refusal ===

impl Refusal {
    pub(super) fn no_such_path(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("nothing is taken in at {path}; POST to /logs"))
    }

    pub(super) fn not_post() -> Self {
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "send records with POST");
        refusal.with(ALLOW, HeaderValue::from_static("POST"))
    }

    pub(super) fn unknown_encoding() -> Self {
        let message = "content-encoding must be one of gzip, zstd, deflate and identity";
        let refusal = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", message);
        // RFC 9110, 12.5.3: in an answer, what may be sent.
        refusal.with(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, deflate, identity"))
    }

    pub(super) fn faulty(fault: Fault) -> Self {
        Self::new(fault.status(), fault.code(), fault.to_string())
    }

    pub(super) fn no_length() -> Self {
        let message = "with HTTP/1.0, say in content-length how long the body is";
        Self::new(StatusCode::LENGTH_REQUIRED, "length-required", message)
    }

    pub(super) fn bad_encoding(error: &DecodeError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-encoding", error.to_string())
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body is larger than {limit} bytes (ingest.max_body); send fewer records at a time");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    pub(super) fn too_large_decompressed(limit: usize) -> Self {
        let message = format!(
            "the body is larger than {limit} bytes when decompressed (ingest.max_decompressed); send fewer records at a time"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    pub(super) fn too_slow(limit: Duration) -> Self {
        let message = format!("the body did not arrive within {} s (ingest.body_timeout)", limit.as_secs_f32());
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", message)
    }

    pub(super) fn broke_off() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "broken-body", "the body broke off or is not framed as HTTP asks")
    }

    pub(super) fn no_room(no_room: NoRoom, limit: usize) -> Self {
        if no_room == NoRoom::Ever {
            let message = format!(
                "the request needs more than {limit} bytes of memory, decompressed and judged (ingest.max_in_flight); send \
                 fewer records at a time"
            );
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message);
        }
        let message = "the gateway holds as many bytes as it may (ingest.max_in_flight); send again shortly";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "over-capacity", message).with(RETRY_AFTER, SOON)
    }

    pub(super) fn unjudged(unjudged: &Unjudged, limit: usize) -> Self {
        match unjudged {
            Unjudged::NoRoom(no_room) => Self::no_room(*no_room, limit),
            Unjudged::Unwritable(unwritable) => {
                let message = format!("{unwritable}; nothing of this request is acknowledged, send it again");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-durable", message).with(RETRY_AFTER, SOON)
            }
            Unjudged::Unavailable(unavailable) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "plugin-failing", unavailable.to_string())
                    .with(RETRY_AFTER, SOON)
            }
        }
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}
