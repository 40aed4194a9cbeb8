//! Starts the real binary on free ports, in a folder of its own, and talks to it.
//!
//! Whatever a test did to a gateway, at its end the books must balance: when a [`Gateway`] goes out of scope it is asked
//! for its counters, stopped with SIGTERM and expected to end well.

mod admin;
mod frames;
mod guests;
mod http;
mod http2;
mod load;
mod metrics;
mod nginx;
mod process;
mod programs;
mod setup;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use setup::CONFIG_FILE;
use tempfile::TempDir;

pub(crate) use admin::{ADMIN, TOKEN};
pub(crate) use frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PING, PREFACE, frame, header, settings,
};
pub(crate) use guests::{ACCESS_LOG, JSON, config_with_unruly_guest, guest, root, sinner, variant};
pub(crate) use http::{Connection, Reply, Request};
pub(crate) use http2::Http2;
pub(crate) use load::{Client, Load, Protocol};
pub(crate) use metrics::{Metrics, Sample};
pub(crate) use nginx::Nginx;
pub(crate) use process::Process;
pub(crate) use programs::{program, python_with, run, say_loudly};
pub(crate) use setup::{Setup, forget_own_variables, shared_compiled_plugins};

/// How long anything may take before a test gives up on it. No test asserts how long things took.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long may take what has to compile a plugin, such as the start: in a debug build, the first to need one compiles for
/// seconds, at a low priority, so that on a busy machine these are minutes.
const PATIENCE_TO_COMPILE: Duration = Duration::from_secs(120);

/// A gateway that serves.
pub(crate) struct Gateway {
    process: Process,
    ingest: SocketAddr,
    ops: SocketAddr,
    /// Gone when the gateway is.
    folder: TempDir,
}

// === impl Gateway ===

impl Gateway {
    /// One that needs no configuration.
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    /// One with this configuration file.
    pub(crate) fn with_config(text: &str) -> Self {
        Setup::new().config(text).start()
    }

    /// The one that this process, just started, becomes when it is ready.
    pub(crate) fn of(mut process: Process, folder: TempDir) -> Self {
        let ready = process.wait_for_message("ready");
        let address = |key: &str| ready[key].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Self { ingest: address("ingest"), ops: address("ops"), process, folder }
    }

    pub(crate) fn ingest(&self) -> SocketAddr {
        self.ingest
    }

    pub(crate) fn ops(&self) -> SocketAddr {
        self.ops
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ingest)
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join(CONFIG_FILE)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A connection to the ingest port, on which nothing has been sent.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.ingest)
    }

    /// Sends a request to the ingest port, over a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Reply {
        self.connect().exchange(request)
    }

    /// Posts records to `/logs`, as a client does that says nothing about their type.
    pub(crate) fn post(&self, body: impl AsRef<[u8]>) -> Reply {
        self.send(&Request::post("/logs").body(body))
    }

    /// Asks the operations port.
    pub(crate) fn ask(&self, path: &str) -> Reply {
        Connection::to(self.ops).exchange(&Request::get(path))
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::parse(&self.ask("/metrics").expect(200).text())
    }

    /// The count that all of this is about.
    pub(crate) fn unique(&self) -> u64 {
        self.metrics().value("unique_ip_addresses")
    }

    /// Expects what must work whatever others do: health and metrics are told, a record is taken.
    pub(crate) fn expect_to_serve(&self) {
        self.ask("/healthz").expect(200);
        self.metrics();
        self.post(r#"{"ip":"192.0.2.1"}"#).expect_tally(1, 1);
    }

    /// Waits until the metrics are as asked for.
    pub(crate) fn wait_for(&self, what: &str, condition: impl Fn(&Metrics) -> bool) {
        eventually(what, || condition(&self.metrics()).then_some(()));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// What the gateway has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Expects the gateway, which has been told to stop, to end well.
    pub(crate) fn expect_end(mut self) -> String {
        let status = self.process.wait();
        assert!(status.success(), "ended with {status}:\n{}", self.log());
        self.log()
    }

    /// Stops it, and starts another one on its folder.
    pub(crate) fn restart(self) -> Self {
        self.restart_after(|| ())
    }

    /// Stops it, does something while nothing serves, and starts another one on its folder.
    pub(crate) fn restart_after(mut self, between: impl FnOnce()) -> Self {
        self.check_and_stop();
        between();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a temporary folder"));
        Setup::again(folder).start()
    }

    /// Kills it, which it cannot notice, and gives its folder.
    pub(crate) fn kill(mut self) -> TempDir {
        self.signal(Signal::KILL);
        self.process.wait();
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a temporary folder"))
    }

    /// Stops it as an operator does, the books having been checked, and gives its folder.
    pub(crate) fn stop_and_leave(mut self) -> TempDir {
        self.check_and_stop();
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a temporary folder"))
    }

    /// Stops it as an operator does, the books having been checked.
    pub(crate) fn stop(mut self) {
        self.check_and_stop();
    }

    fn check_and_stop(&mut self) {
        self.expect_balance();
        self.signal(Signal::TERM);
        let status: ExitStatus = self.process.wait();
        assert!(status.success(), "stopped with {status}:\n{}", self.log());
    }

    /// Every record received is accounted for, and nothing is held any more.
    fn expect_balance(&self) {
        let still_held = |metrics: &Metrics| metrics.value("tallygate_in_flight_bytes") > 0;
        let metrics = eventually("no bytes in flight", || Some(self.metrics()).filter(|metrics| !still_held(metrics)));
        let sum = |name: &str| metrics.sum(name, &[]);
        let accounted = sum("tallygate_records_accepted_total")
            + sum("tallygate_records_rejected_total")
            + sum("tallygate_records_refused_total");
        let received = sum("tallygate_records_received_total");
        assert_eq!(received, accounted, "received = accepted + rejected + refused:\n{}", metrics.text());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the gateway's log:\n{}---", self.log());
        } else if !self.process.has_ended() {
            self.check_and_stop();
        }
    }
}

/// The counts of a reply.
pub(crate) fn tally(received: u64, accepted: u64) -> Value {
    json!({"received": received, "accepted": accepted, "rejected": received - accepted})
}

/// Tries until there is an answer, for as long as there is patience.
pub(crate) fn eventually<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, attempt)
}

/// As [`eventually`], for what has to build or compile something first.
pub(crate) fn patiently<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE_TO_COMPILE, what, attempt)
}

fn within<T>(patience: Duration, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = attempt() {
            return answer;
        }
        assert!(start.elapsed() < patience, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
