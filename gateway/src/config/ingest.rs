//! The section `[ingest]`: the port that takes logs in.

use std::net::SocketAddr;
use std::time::Duration;

use super::key::{Effect, Key, Keys};
use super::section::Section;
use super::units::{ADDRESS, COUNT, COUNT_OR_ZERO, DURATION, SIZE};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ingest {
    pub(crate) listen: SocketAddr,
    pub(crate) max_body: usize,
    pub(crate) max_decompressed: usize,
    pub(crate) max_record: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) workers: usize,
}

pub(super) const KEYS: Keys = Keys::table(
    "ingest",
    &[
        Key::new("listen", &ADDRESS, r#""0.0.0.0:5000""#, Effect::Restart, "Where logs are taken in."),
        Key::new("max_body", &SIZE, r#""16 MiB""#, Effect::NextRequest, "The largest request body, as received."),
        Key::new(
            "max_decompressed",
            &SIZE,
            r#""64 MiB""#,
            Effect::NextRequest,
            "The largest request body after decompression.",
        ),
        Key::new(
            "max_record",
            &SIZE,
            r#""1 MiB""#,
            Effect::NextRequest,
            "A longer record is rejected with the code `too-long`; the others of the request are judged.",
        ),
        Key::new(
            "max_in_flight",
            &SIZE,
            r#""256 MiB""#,
            Effect::NextRequest,
            "Request bodies, large headers, streams of HTTP/2 and answers held in memory at once, over all connections. \
             Beyond it requests are answered 429. At least `max_body` and `max_record`.",
        ),
        Key::new(
            "max_connections",
            &COUNT,
            "16384",
            Effect::NextConnection,
            "Connections at once. Further ones are answered 503 and closed.",
        ),
        Key::new(
            "header_timeout",
            &DURATION,
            r#""10 s""#,
            Effect::NextConnection,
            "For a request's header (64 KiB at most), or what else opens a connection, from its first byte on; cut within one \
             and a half times that. On the operations port as well.",
        ),
        Key::new(
            "body_timeout",
            &DURATION,
            r#""30 s""#,
            Effect::NextRequestAndConnection,
            "For a request's body, and for the client to take a piece of an answer, whatever else it sends. On the operations \
             port as well.",
        ),
        Key::new(
            "idle_timeout",
            &DURATION,
            r#""75 s""#,
            Effect::NextConnection,
            "For the next request on a connection.",
        ),
        Key::new(
            "drain_timeout",
            &DURATION,
            r#""30 s""#,
            Effect::AtOnce,
            "For requests in flight, after SIGTERM or SIGINT.",
        ),
        Key::new(
            "workers",
            &COUNT_OR_ZERO,
            "0",
            Effect::Restart,
            "Threads that serve connections. 0: one for each core.",
        ),
    ],
);

pub(super) fn read(mut section: Section<'_>) -> Ingest {
    let ingest = Ingest {
        listen: section.take("listen", &ADDRESS),
        max_body: section.take("max_body", &SIZE),
        max_decompressed: section.take("max_decompressed", &SIZE),
        max_record: section.take("max_record", &SIZE),
        max_in_flight: section.take("max_in_flight", &SIZE),
        max_connections: section.take("max_connections", &COUNT),
        header_timeout: section.take("header_timeout", &DURATION),
        body_timeout: section.take("body_timeout", &DURATION),
        idle_timeout: section.take("idle_timeout", &DURATION),
        drain_timeout: section.take("drain_timeout", &DURATION),
        workers: section.take("workers", &COUNT_OR_ZERO),
    };
    if ingest.max_in_flight < ingest.max_body.max(ingest.max_record) {
        section.problem("max_in_flight", "max_in_flight must be at least max_body and max_record");
    }
    section.finish();
    ingest
}
