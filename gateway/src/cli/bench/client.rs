//! Connections that send one request after the other, each when the one before it was answered.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What all connections do together.
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) requests: Vec<Vec<u8>>,
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
    pub(super) refusals: BTreeMap<(u16, String), Refusal>,
    /// Requests that got no answer, and the last reason.
    pub(super) failed: u64,
    pub(super) last_error: Option<String>,
}

/// Why something was not taken, as the first answer that says so has it.
#[derive(Clone)]
pub(super) struct Refusal {
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

/// An answer, as far as its header tells.
#[derive(PartialEq, Eq, Debug)]
struct Answer {
    status: u16,
    /// Of header and body together, in bytes.
    length: usize,
    body: usize,
    /// Whether the server closes the connection behind it.
    closes: bool,
}

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
    let mut stream = None;
    for request in plan.requests.iter().cycle().skip(first % plan.requests.len()) {
        if !plan.begin() {
            break;
        }
        match exchange(&mut stream, plan.address, request).await {
            Ok((status, micros, told)) => tally.note(status, micros, told),
            Err(error) => {
                stream = None;
                tally.fail(&error.to_string());
                if tally.failed >= FAILURES {
                    break;
                }
            }
        }
    }
    tally
}

/// Sends one request over the connection, made if there is none, and reads its answer: status, microseconds, what it says.
async fn exchange(kept: &mut Option<TcpStream>, address: SocketAddr, request: &[u8]) -> io::Result<(u16, u64, Told)> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => {
            let fresh = TcpStream::connect(address).await?;
            fresh.set_nodelay(true)?;
            fresh
        }
    };
    let start = Instant::now();
    stream.write_all(request).await?;
    let (answer, body) = read_answer(&mut stream).await?;
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    if !answer.closes {
        *kept = Some(stream);
    }
    // What is not the gateway's says nothing.
    let told = serde_json::from_slice(&body).unwrap_or_default();
    Ok((answer.status, micros, told))
}

/// Reads one answer to its end, and its body. The gateway always tells a content length.
async fn read_answer(stream: &mut TcpStream) -> io::Result<(Answer, Vec<u8>)> {
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        let rest = buffer.get_mut(filled..).filter(|rest| !rest.is_empty());
        let Some(rest) = rest else { return Err(io::Error::other("the answer is too long")) };
        match stream.read(rest).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
        let seen = buffer.get(..filled).unwrap_or_default();
        if let Some(answer) = parse(seen)?
            && filled >= answer.length
        {
            let body = answer.length - answer.body..answer.length;
            return Ok((answer, seen.get(body).unwrap_or_default().to_vec()));
        }
    }
}

/// What the header of an answer says, once it is there.
fn parse(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let header = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let field = |name: &str| header.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
    let status = header.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = field("content-length:").and_then(|length| length.parse::<usize>().ok());
    match (status, length) {
        (Some(status), Some(length)) => {
            let closes = field("connection:") == Some("close");
            Ok(Some(Answer { status, length: end + 4 + length, body: length, closes }))
        }
        _ => Err(io::Error::other("the answer is not HTTP with a content length")),
    }
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
        for ((status, code), Refusal { message, count }) in &other.refusals {
            self.refused(*status, code, message, *count);
        }
        self.failed += other.failed;
        self.last_error = self.last_error.take().or_else(|| other.last_error.clone());
    }

    fn note(&mut self, status: u16, micros: u64, told: Told) {
        self.latencies.record(micros).expect("the histogram grows by itself");
        *self.statuses.entry(status).or_default() += 1;
        self.accepted += told.accepted;
        self.rejected += told.rejected;
        for Reason { code, message } in told.errors.iter().chain(&told.error) {
            self.refused(status, code, message, 1);
        }
    }

    fn refused(&mut self, status: u16, code: &str, message: &str, count: u64) {
        let first = || Refusal { message: message.to_owned(), count: 0 };
        self.refusals.entry((status, code.to_owned())).or_insert_with(first).count += count;
    }

    fn fail(&mut self, error: &str) {
        self.failed += 1;
        self.last_error = Some(error.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(answer).unwrap(), Some(Answer { status: 202, length: answer.len(), body: 2, closes: true }));
        assert_eq!(parse(&answer[..20]).unwrap(), None);
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
    }
}
