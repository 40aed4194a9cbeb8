//! Connections that send one request after the other, each when the one before it was answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use tokio::net::TcpStream;

use crate::cli::client::Connection;

/// What all connections do together.
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) requests: Vec<Request<Full<Bytes>>>,
    /// Requests that nobody has begun yet.
    pub(super) left: AtomicU64,
    pub(super) until: Option<Instant>,
}

/// What some connections saw.
pub(super) struct Tally {
    /// Microseconds from the first byte sent to the last received.
    pub(super) latencies: Histogram<u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Records that were accepted and rejected.
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    /// Answers that say why something was not taken, by status and code.
    pub(super) refusals: BTreeMap<(u16, String), Refused>,
    /// Requests that got no answer, and the last reason.
    pub(super) failed: u64,
    pub(super) last_error: Option<String>,
}

/// Why something was not taken, as the first answer that says so has it.
#[derive(Clone)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) count: u64,
}

/// What an answer's body says of the records.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Told {
    accepted: u64,
    rejected: u64,
    errors: Vec<Reason>,
    error: Option<Reason>,
}

#[derive(serde::Deserialize)]
struct Reason {
    code: String,
    message: String,
}

/// What became of one request.
struct Answered {
    status: u16,
    microseconds: u64,
    told: Told,
}

/// No answer is longer: the gateway names the first rejected records alone.
const LONGEST_ANSWER: usize = 64 << 10;
/// A connection that keeps failing gives up; the target is not there.
const FAILURES: u64 = 10;

/// Sends over so many connections until the plan is done.
pub(super) async fn run(plan: Arc<Plan>, connections: usize) -> Tally {
    let tasks: Vec<_> =
        (0..connections).map(|at| tokio::task::spawn_local(connection(Arc::clone(&plan), at))).collect();
    let mut tally = Tally::default();
    for task in tasks {
        match task.await {
            Ok(part) => tally.add(&part),
            Err(error) => tally.fail(&error.to_string()),
        }
    }
    tally
}

async fn connection(plan: Arc<Plan>, first: usize) -> Tally {
    let mut tally = Tally::default();
    let mut kept = None;
    for request in plan.requests.iter().cycle().skip(first % plan.requests.len()) {
        if !plan.begin() {
            break;
        }
        match exchange(&mut kept, plan.address, request).await {
            Ok(answered) => tally.note(answered),
            Err(error) => {
                kept = None;
                tally.fail(&format!("{error:#}"));
                if tally.failed >= FAILURES {
                    break;
                }
            }
        }
    }
    tally
}

/// Sends one request over the connection that is kept, or a new one if there is none or the server has closed it, and reads its
/// answer.
async fn exchange(
    kept: &mut Option<Connection<Full<Bytes>>>,
    address: SocketAddr,
    request: &Request<Full<Bytes>>,
) -> Result<Answered> {
    let open = match kept.take() {
        Some(mut connection) => connection.is_open().await.then_some(connection),
        None => None,
    };
    let mut connection = match open {
        Some(connection) => connection,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Connection::over(stream).await?
        }
    };
    let request = request.clone();
    let start = Instant::now();
    let response = connection.send(request).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| anyhow!(error))?.to_bytes();
    let microseconds = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    *kept = Some(connection);
    // What is not the gateway's says nothing.
    let told = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Answered { status: head.status.as_u16(), microseconds, told })
}

// === impl Plan ===

impl Plan {
    /// Takes one of the requests that are left, if there is time.
    fn begin(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

// === impl Tally ===

impl Default for Tally {
    fn default() -> Self {
        let latencies = Histogram::new(3).expect("three digits are a precision that exists");
        let (statuses, refusals) = (BTreeMap::new(), BTreeMap::new());
        Self { latencies, statuses, accepted: 0, rejected: 0, refusals, failed: 0, last_error: None }
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("both grow by themselves");
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        for ((status, code), Refused { message, count }) in &other.refusals {
            self.refused(*status, code, message, *count);
        }
        self.failed += other.failed;
        self.last_error = self.last_error.take().or_else(|| other.last_error.clone());
    }

    fn note(&mut self, answered: Answered) {
        let Answered { status, microseconds, told } = answered;
        self.latencies.record(microseconds).expect("the histogram grows by itself");
        *self.statuses.entry(status).or_default() += 1;
        self.accepted += told.accepted;
        self.rejected += told.rejected;
        for Reason { code, message } in told.errors.iter().chain(&told.error) {
            self.refused(status, code, message, 1);
        }
    }

    fn refused(&mut self, status: u16, code: &str, message: &str, count: u64) {
        let first = || Refused { message: message.to_owned(), count: 0 };
        self.refusals.entry((status, code.to_owned())).or_insert_with(first).count += count;
    }

    fn fail(&mut self, error: &str) {
        self.failed += 1;
        self.last_error = Some(error.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use tokio::runtime::{Builder, LocalOptions};

    use super::*;

    /// What one connection makes of a server that gives this answer to the first request of each connection, then closes it.
    fn tally_of(answer: &'static str, requests: u64) -> Tally {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = Vec::new();
                while !request.ends_with(b"{}") {
                    let mut buffer = [0; 1024];
                    let count = stream.read(&mut buffer).expect("a request");
                    request.extend_from_slice(&buffer[..count]);
                }
                stream.write_all(answer.as_bytes()).expect("it is taken");
            }
        });
        let request = Request::post("/").header("host", "localhost").body(Full::from("{}")).expect("a request");
        let plan = Plan { address, requests: vec![request], left: AtomicU64::new(requests), until: None };
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        runtime.expect("a runtime").block_on(run(Arc::new(plan), 1))
    }

    #[test]
    fn a_server_that_says_that_it_closes_fails_nothing() {
        for answer in [
            "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 14\r\n\r\n{\"accepted\":7}",
            "HTTP/1.1 202 Accepted\r\nConnection: close, te\r\nContent-Length: 14\r\n\r\n{\"accepted\":7}",
            "HTTP/1.1 202 Accepted\r\n\r\n{\"accepted\":7}",
            "HTTP/1.0 202 Accepted\r\n\r\n{\"accepted\":7}",
        ] {
            let tally = tally_of(answer, 5);
            assert_eq!((tally.latencies.len(), tally.failed, tally.accepted), (5, 0, 35), "{:?}", tally.last_error);
        }
    }

    /// Whether that is seen before the next request is on its way is a matter of luck.
    #[test]
    fn a_connection_that_is_closed_without_a_word_fails_the_request_on_it_at_most() {
        let tally = tally_of("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}", 4);
        let answered = tally.latencies.len();
        assert!(answered >= 2 && answered + tally.failed == 4, "{answered}, {:?}", tally.last_error);
        assert_eq!(tally.statuses[&202], answered);
    }

    #[test]
    fn what_is_not_http_fails_until_the_connection_gives_up() {
        let tally = tally_of("SSH-2.0\r\n\r\n", 50);
        assert_eq!((tally.latencies.len(), tally.failed), (0, FAILURES));
        let short = tally_of("HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{}", 3);
        assert_eq!((short.latencies.len(), short.failed), (0, 3), "an answer is whole when its body is");
    }
}
