//! The operations port: metrics and health, on a runtime of its own, so that no flood of logs makes it late.

mod access;
mod admin;
mod reply;
mod visits;

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tower_service::Service;

use self::access::Peer;
use self::visits::Turns;
use crate::in_flight::InFlight;
use crate::memory;
use crate::metrics::Exposition;
use crate::net::{self, NoRoomForRequest, Places, Terms, Waits};
use crate::swap::Swap;
use crate::thread;
use crate::visits::of_default;
use crate::worker::Shared;

#[derive(Clone)]
struct Ops {
    shared: Arc<Shared>,
    swap: Arc<Swap>,
    draining: watch::Receiver<bool>,
    /// Places for what loads plugins. Each holds a thread, and a component.
    loads: Arc<Semaphore>,
    /// Places for questions that take their time.
    questions: Arc<Turns>,
    /// The place for forgetting.
    forgetting: Arc<Semaphore>,
}

/// How long a connection may be idle: longer than scrapers pause, so that they find theirs open.
const IDLE: Duration = Duration::from_secs(75);
/// Scrapers and people; nobody needs more. Over it, the one that has waited longest makes way.
const CONNECTIONS: usize = 256;

/// What requests and answers hold, over all connections of this port. Bodies that a question or an upload reads have bounds of
/// their own.
const HELD: usize = 64 << 20;

/// What an answer takes: a good deal more than the metrics, or a piece of a long one.
const ANSWER: usize = 64 << 10;

/// Uploads and reloads that may be under way at the same time: one that loads, and one that waits.
const LOADS: usize = 2;

/// Questions that may be under way at the same time, of those that take more than microseconds.
const QUESTIONS: usize = 4;

/// Requests to forget addresses that may be under way at the same time. The history does one after the other anyway.
const FORGETTING: usize = 1;

/// Bytes that a connection may have in the system's buffer besides those that are on their way: whether a client takes what is
/// written for it is seen in steps of this.
const UNSENT: u32 = 128 << 10;

/// For the data directory to be looked at.
const LOOK: Duration = Duration::from_secs(2);

const PAGE: &str = include_str!("ops/index.html");

/// Serves the port on a thread of its own until `stop` turns true. `draining` shows in `/readyz`.
///
/// The thread then ends all connections, and itself when nothing is done for them any more. Most questions notice at once;
/// some may take a while, so whoever waits for the thread should not do so for ever.
pub(crate) fn start(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    swap: Arc<Swap>,
    draining: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
) -> io::Result<JoinHandle<()>> {
    let serve = move || -> io::Result<()> {
        let mut builder = Builder::new_current_thread();
        // What takes its time, the loads of plugins, makes way for what serves.
        builder.enable_all().on_thread_start(thread::make_way);
        let runtime = builder.build_local(LocalOptions::default())?;
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            let places = |places| Arc::new(Semaphore::new(places));
            let (loads, forgetting) = (places(LOADS), places(FORGETTING));
            let questions = Arc::new(Turns::new(QUESTIONS));
            let ops = Ops { shared, swap, draining, loads, questions, forgetting };
            let shared = Arc::clone(&ops.shared);
            // Nothing here is so urgent that it could not wait a millisecond.
            drop(tokio::task::spawn_local(memory::give_back_when_quiet(|| 0, 1)));
            accept(listener, &shared, router(ops), stop).await;
            Ok(())
        })
    };
    std::thread::Builder::new().name("ops".into()).spawn(move || {
        if let Err(error) = serve() {
            tracing::error!(%error, "the operations port cannot be served");
        }
    })
}

fn router(ops: Ops) -> Router {
    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(admin::router(ops.clone()))
        .merge(visits::router(ops.clone()))
        .fallback(async || (StatusCode::NOT_FOUND, "not here; / tells what is\n"))
        .with_state(ops)
}

async fn metrics(State(ops): State<Ops>, headers: HeaderMap) -> Response {
    ops.refresh();
    let exposition = exposition(&headers);
    match ops.shared.metrics.render(exposition) {
        Ok(text) => ([(CONTENT_TYPE, exposition.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written down");
            (StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written down; see the log\n").into_response()
        }
    }
}

async fn ready(State(ops): State<Ops>) -> Response {
    if *ops.draining.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    // It looks at the data directory, which may be on a file system that hangs.
    let visits = Arc::clone(&ops.shared.visits);
    let looked = tokio::task::spawn_blocking(move || visits.ready());
    let reason = match timeout(LOOK, looked).await {
        Ok(Ok(Ok(()))) => return "ready\n".into_response(),
        Ok(Ok(Err(reason))) => reason.to_string(),
        Ok(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        Err(_) => format!("the data directory does not answer within {} s", LOOK.as_secs()),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response()
}

/// OpenMetrics for whoever asks for it and likes it no less, as Prometheus does; the older text for everybody else.
fn exposition(headers: &HeaderMap) -> Exposition {
    let wanted = quality(headers, &["application/openmetrics-text"]);
    let older = quality(headers, &["text/plain", "text/*", "*/*"]);
    if wanted > 0.0 && wanted >= older { Exposition::OpenMetrics } else { Exposition::Text }
}

/// How much a client likes a media type, which these ranges hold, the most precise first (RFC 9110, 12.5.1); 0 if not at all.
fn quality(headers: &HeaderMap, ranges: &[&str]) -> f32 {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<_> = values.flat_map(|value| value.split(',')).map(|range| range.split(';')).collect();
    let quality_of = |wanted: &&str| {
        accepted.iter().cloned().find_map(|mut parts| {
            let range = parts.next()?.trim();
            let parameter = |part: &str| part.trim().to_ascii_lowercase().strip_prefix("q=")?.parse().ok();
            range.eq_ignore_ascii_case(wanted).then(|| parts.find_map(parameter).unwrap_or(1.0))
        })
    };
    ranges.iter().find_map(quality_of).unwrap_or_default()
}

async fn accept(listener: TcpListener, shared: &Shared, router: Router, mut stop: watch::Receiver<bool>) {
    let (places, share) = (Places::new(CONNECTIONS), InFlight::new(HELD).share());
    let stopping = stop.clone();
    let accept = async {
        let mut complained = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    complained = false;
                    let limits = &shared.serving.load().config.ingest;
                    let waits = Waits { header: limits.header_timeout, idle: IDLE, write: limits.body_timeout };
                    let terms = Terms { waits, share: share.clone(), answer: ANSWER, places: Some(Rc::clone(&places)) };
                    drop(tokio::task::spawn_local(serve(
                        (stream, Peer(peer)),
                        router.clone(),
                        terms,
                        stopping.clone(),
                    )));
                }
                Err(error) => {
                    if !complained {
                        tracing::warn!(%error, "cannot accept a connection on the operations port");
                        complained = true;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn serve((stream, peer): (TcpStream, Peer), router: Router, terms: Terms, stop: watch::Receiver<bool>) {
    // Cannot fail on a connected socket; if it does, the connection works without it.
    drop(socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move {
            if request.extensions().get::<NoRoomForRequest>().is_some() {
                return Ok(reply::busy("as many requests and answers wait as may; come back later"));
            }
            let (head, body) = request.into_parts();
            if let Some(fault) = net::fault(&head) {
                return Ok(reply::error(fault.status(), fault.code(), &fault.to_string()));
            }
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(peer);
            Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    net::serve(stream, service, terms, stop).await;
}

// === impl Ops ===

impl Ops {
    /// Brings the gauges up to date that are read rather than counted.
    fn refresh(&self) {
        let Shared { serving, metrics, visits, in_flight, .. } = &*self.shared;
        let own = of_default(visits);
        let unique = own.counted();
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.unique.set(gauge(unique.len()));
        metrics.saturated_prefixes.set(gauge(own.ever().saturated_prefixes()));
        metrics.set_bytes.set(gauge(own.ever().memory_bytes() as u64));
        metrics.history.refresh(visits);
        metrics.in_flight.set(gauge(in_flight.held() as u64));
        metrics.in_flight_limit.set(gauge(in_flight.limit() as u64));
        for active in &serving.load().plugins {
            active.metrics.memory.set(gauge(active.plugin.memory_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposition_is_the_one_that_is_liked_better() {
        let asked = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a value"));
            exposition(&headers) == Exposition::OpenMetrics
        };
        assert!(exposition(&HeaderMap::new()) == Exposition::Text);
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "Application/OpenMetrics-Text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "text/plain;q=0, application/openmetrics-text;q=0.1",
        ] {
            assert!(asked(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text; version=1.0.0; q=0.000, */*",
            "application/openmetrics-text;q=0.3,text/plain;q=0.5",
            "application/openmetrics-text-like",
        ] {
            assert!(!asked(accept), "{accept}");
        }
    }
}
