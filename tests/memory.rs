//! What the gateway holds while it is abused, and afterwards, by what the system counts as resident.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{
    DATA, END_HEADERS, END_STREAM, Gateway, HEADERS, PREFACE, Request, eventually, frame, header, settings,
};

/// The bound that the gateways here are given, half of the default, and so is what they are sent.
const IN_FLIGHT: u64 = 128 << 20;
const CONFIG: &str =
    "[ingest]\nmax_body = \"8 MiB\"\nmax_decompressed = \"16 MiB\"\nmax_in_flight = \"128 MiB\"\nworkers = 2";
/// What may be left afterwards.
const LEFT: u64 = 64 << 20;

/// A gateway, and what it held when nothing had happened yet.
struct Measured {
    gateway: Gateway,
    idle: u64,
}

impl Measured {
    fn start() -> Self {
        let gateway = Gateway::with_config(CONFIG);
        // What is made at the first request is there from now on.
        for _ in 0..8 {
            gateway.post(format!("{}\n", r#"{"ip":"192.0.2.1"}"#).repeat(1000)).expect(202);
        }
        let idle = memory(&gateway, "VmRSS");
        fs::write(format!("/proc/{}/clear_refs", gateway.pid()), "5").expect("the peak is forgotten");
        Self { gateway, idle }
    }

    /// Expects that it never held more than it may, and gives back what it does not need.
    fn expect_bounded(self) {
        let peak = memory(&self.gateway, "VmHWM").saturating_sub(self.idle);
        assert!(peak <= IN_FLIGHT + IN_FLIGHT / 2, "{} MiB more than when idle", peak >> 20);
        eventually("memory to be given back", || (memory(&self.gateway, "VmRSS") <= self.idle + LEFT).then_some(()));
        self.gateway.expect_to_serve();
        eprintln!("idle {} MiB, {} MiB more at most", self.idle >> 20, peak >> 20);
    }
}

/// A line of the process's status, in bytes.
fn memory(gateway: &Gateway, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Writes to a connection that may be closed meanwhile, and keeps it.
fn send(address: std::net::SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the port takes connections");
    drop(stream.write_all(bytes));
    stream
}

/// Sends a request over so many connections at a time. Who is refused while it still writes may not read why.
fn send_beside(gateway: &Gateway, count: usize, request: &Request) {
    thread::scope(|scope| {
        let senders: Vec<_> = (0..count).map(|_| scope.spawn(|| gateway.connect().try_exchange(request))).collect();
        for sender in senders {
            let status = sender.join().expect("no panic").map(|reply| reply.status);
            assert!(matches!(status, None | Some(202 | 429)), "{status:?}");
        }
    });
}

#[test]
fn bombs_beside_each_other() {
    let measured = Measured::start();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 16 << 20]).expect("memory");
    let request = Request::post("/logs").header("Content-Encoding", "gzip").body(encoder.finish().expect("memory"));
    (0..3).for_each(|_| send_beside(&measured.gateway, 12, &request));
    measured.expect_bounded();
}

#[test]
fn bodies_beside_each_other() {
    let measured = Measured::start();
    let request = Request::post("/logs").body(vec![b' '; 8 << 20]);
    send_beside(&measured.gateway, 12, &request);
    measured.expect_bounded();
}

#[test]
fn headers_that_do_not_end() {
    let measured = Measured::start();
    let line = format!("X-Long: {}\r\n", "x".repeat(2000));
    // A little less than a header may have, and more: those are refused at once.
    let clients: Vec<_> = (0..3000)
        .map(|at| {
            let half = format!("POST /logs HTTP/1.1\r\n{}", line.repeat(if at % 2 == 0 { 30 } else { 100 }));
            send(measured.gateway.ingest(), half.as_bytes())
        })
        .collect();
    // Answered behind all of them, by each of the workers.
    (0..8).for_each(|_| drop(measured.gateway.post("")));
    drop(clients);
    measured.expect_bounded();
}

#[test]
fn answers_that_are_not_taken() {
    let measured = Measured::start();
    let mut requests = [PREFACE.as_bytes(), &settings(0)].concat();
    for stream in (0..128).map(|at| 2 * at + 1) {
        requests.extend(frame(HEADERS, END_HEADERS, stream, &header("POST", "/logs")));
        requests.extend(frame(DATA, END_STREAM, stream, br#"{"ip":"192.0.2.1"}"#));
    }
    let clients: Vec<_> = (0..250).map(|_| send(measured.gateway.ingest(), &requests)).collect();
    measured.gateway.wait_for("as many requests as there is room for", |metrics| {
        metrics.sum("tallygate_requests_total", &[]) >= 12_000
    });
    drop(clients);
    measured.expect_bounded();
}
