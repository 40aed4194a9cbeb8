//! Clients that are slow, many, huge or gone: bounded, while everybody else is served.

use std::fs;
use std::io::Write;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Connection, Gateway, Http2, Request, eventually};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

/// What every test here ends with: nothing of the mischief was counted, and a normal client is served.
fn expect_no_harm(gateway: &Gateway) {
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 0);
    gateway.expect_to_serve();
}

/// Writes a byte now and then, until the peer answers or closes.
fn trickle(connection: &mut Connection, bytes: &[u8]) {
    let mut bytes = bytes.iter().cycle();
    eventually("the trickle to be cut", || {
        let byte = *bytes.next().expect("never ends");
        (connection.try_write([byte]).is_err() || connection.has_something()).then_some(())
    });
}

#[test]
fn thousands_of_idle_connections_harm_nobody() {
    // Each connection is a file here and one in the gateway, which inherits the limit.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the maximum is allowed");
    let gateway = Gateway::start();
    let idle: Vec<_> = (0..2000).map(|_| gateway.connect()).collect();
    gateway.wait_for("2000 connections", |metrics| metrics.value("tallygate_connections") >= 2000);
    expect_no_harm(&gateway);
    drop(idle);
    gateway.wait_for("no connections", |metrics| metrics.value("tallygate_connections") == 0);
}

#[test]
fn a_header_that_does_not_end_is_cut_off() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"500 ms\"");
    let mut stalled = gateway.connect();
    stalled.write("POST /logs HTTP/1.1\r\nHost: tallygate.exam");
    let mut slow = gateway.connect();
    slow.write("POST /logs HTTP/1.1\r\nX-Slow: ");
    trickle(&mut slow, b"x");
    assert!(stalled.reply_or_close().is_none_or(|reply| reply.status == 408));
    expect_no_harm(&gateway);
}

#[test]
fn a_header_without_bounds_is_cut_off() {
    let gateway = Gateway::start();
    let mut endless = gateway.connect();
    endless.write("POST /logs HTTP/1.1\r\n");
    let line = format!("X-Endless: {}\r\n", "x".repeat(4000));
    eventually("the header to be refused", || endless.try_write(&line).err());
    let many: String = (0..1000).map(|at| format!("X-Header-{at}: x\r\n")).collect();
    let mut connection = gateway.connect();
    connection.write(format!("POST /logs HTTP/1.1\r\n{many}\r\n"));
    connection.reply().expect(431);
    connection.expect_close();
    expect_no_harm(&gateway);
}

#[test]
fn a_second_header_is_held_to_its_time_as_the_first() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"500 ms\"");
    let mut connection = gateway.connect();
    connection.exchange(&Request::post("/elsewhere")).expect(404);
    connection.write("POST /logs HTT");
    assert!(connection.reply_or_close().is_none_or(|reply| reply.status == 408));
    expect_no_harm(&gateway);
}

#[test]
fn idle_connections_are_closed_in_the_end() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"200 ms\"\nidle_timeout = \"500 ms\"");
    let mut fresh = gateway.connect();
    let mut used = gateway.connect();
    used.exchange(&Request::post("/elsewhere")).expect(404);
    assert!(fresh.reply_or_close().is_none_or(|reply| reply.status == 408));
    assert!(used.reply_or_close().is_none_or(|reply| reply.status == 408));
    expect_no_harm(&gateway);
}

#[test]
fn a_preface_of_http2_that_does_not_end_is_cut_off() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"500 ms\"\nidle_timeout = \"500 ms\"");
    let begin = |beginning: &str| {
        let mut connection = gateway.connect();
        connection.write(beginning);
        connection
    };
    let begun = ["P", "PR", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM"].map(begin);
    gateway.wait_for("all of them", |metrics| metrics.value("tallygate_connections") == begun.len() as u64);
    gateway.wait_for("none of them", |metrics| metrics.value("tallygate_connections") == 0);
    expect_no_harm(&gateway);
}

#[test]
fn a_slow_body_is_told_so() {
    let gateway = Gateway::with_config("[ingest]\nbody_timeout = \"500 ms\"");
    let mut stalled = gateway.connect();
    stalled.write(Request::post("/logs").header("Content-Length", 1000).head());
    stalled.write(RECORD);
    let mut slow = gateway.connect();
    slow.write(Request::post("/logs").header("Content-Length", 1_000_000).head());
    trickle(&mut slow, RECORD.as_bytes());
    slow.reply().expect_error(408, "too-slow");
    stalled.reply().expect_error(408, "too-slow");
    expect_no_harm(&gateway);
}

#[test]
fn a_body_shorter_than_said_is_not_counted() {
    let gateway = Gateway::start();
    let mut short = gateway.connect();
    short.write(Request::post("/logs").header("Content-Length", 1000).head());
    short.write(RECORD.to_owned() + "\n");
    short.finish();
    assert!(short.reply_or_close().is_none_or(|reply| reply.status == 400));
    let mut chunked = gateway.connect();
    chunked.write(Request::post("/logs").header("Transfer-Encoding", "chunked").head());
    chunked.write(format!("{:x}\r\n{RECORD}\r\n", RECORD.len()));
    chunked.finish();
    assert!(chunked.reply_or_close().is_none_or(|reply| reply.status == 400));
    gateway.wait_for("both to be gone", |metrics| metrics.value("tallygate_connections") == 0);
    expect_no_harm(&gateway);
}

#[test]
fn a_body_longer_than_said_is_counted_as_far_as_said() {
    let gateway = Gateway::start();
    let mut long = gateway.connect();
    let body = format!("{RECORD}\n{{\"ip\":\"192.0.2.2\"}}");
    long.write(Request::post("/logs").header("Content-Length", RECORD.len() + 1).head());
    long.write(body);
    long.reply().expect_tally(1, 1);
    // What follows is no request.
    long.reply().expect(400);
    long.expect_close();
    assert_eq!(gateway.unique(), 1);
    gateway.expect_to_serve();
}

#[test]
fn clients_that_hang_up_leave_nothing_behind() {
    let gateway = Gateway::start();
    for _ in 0..50 {
        let mut connection = gateway.connect();
        connection.write(Request::post("/logs").header("Content-Length", 100_000).head());
        connection.write(" ".repeat(50_000));
    }
    gateway.wait_for("all of them to be gone", |metrics| {
        metrics.value("tallygate_connections") == 0 && metrics.value("tallygate_in_flight_bytes") == 0
    });
    expect_no_harm(&gateway);
}

#[test]
fn clients_that_hang_up_on_many_streams_leave_nothing_behind() {
    let gateway = Gateway::start();
    let client = Http2::to(gateway.ingest());
    let begun: Vec<_> = (0..50).map(|_| client.begin(RECORD)).collect();
    gateway.wait_for("all of the bodies", |metrics| {
        // Each of the streams takes something, too.
        metrics.value("tallygate_in_flight_bytes") > (begun.len() * RECORD.len()) as u64
    });
    drop(client);
    gateway.wait_for("all of them to be gone", |metrics| {
        metrics.value("tallygate_connections") == 0 && metrics.value("tallygate_in_flight_bytes") == 0
    });
    // Only now: a body that is no longer fed would have ended well.
    drop(begun);
    expect_no_harm(&gateway);
}

#[test]
fn garbage_ends_its_connection_and_no_other() {
    let gateway = Gateway::start();
    let mut bystander = gateway.connect();
    for garbage in
        ["\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03", "SSH-2.0-x\r\n\r\n", "GET\r\n\r\n", "\r\n\0\0\0\r\n\r\n"]
    {
        let mut connection = gateway.connect();
        connection.write(Request::post("/elsewhere").bytes());
        connection.write(garbage);
        connection.reply().expect(404);
        connection.finish();
        connection.reply().expect(400);
        connection.expect_close();
    }
    bystander.exchange(&Request::post("/elsewhere")).expect(404);
    expect_no_harm(&gateway);
}

#[test]
fn a_decompression_bomb_is_defused() {
    let gateway = Gateway::with_config("[ingest]\nmax_decompressed = \"16 MiB\"");
    // 10 GiB of zeros, in 2560 members of 4 MiB each.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 4 << 20]).expect("memory");
    let bomb = encoder.finish().expect("memory").repeat(2560);
    assert!((8 << 20..16 << 20).contains(&bomb.len()), "{} bytes", bomb.len());
    let request = Request::post("/logs").header("Content-Encoding", "gzip").body(bomb);
    thread::scope(|scope| {
        let sender = scope.spawn(|| gateway.send(&request));
        while !sender.is_finished() {
            gateway.ask("/healthz").expect(200);
            gateway.metrics();
        }
        sender.join().expect("an answer").expect_error(413, "too-large");
    });
    let peak = peak_memory(&gateway);
    assert!(peak < 256 << 20, "{} MiB", peak >> 20);
    expect_no_harm(&gateway);
}

/// The most memory that the gateway ever had, in bytes.
fn peak_memory(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[test]
fn idle_connections_of_http2_are_closed_in_the_end_too() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"200 ms\"\nidle_timeout = \"500 ms\"");
    let client = Http2::to(gateway.ingest());
    client.post_all(vec![r#"{"ip":"192.0.2.1"}"#.to_owned()]).remove(0).expect_tally(1, 1);
    // The client is alive and answers pings.
    gateway.wait_for("the connection to be closed", |metrics| metrics.value("tallygate_connections") == 0);
    drop(client);
}
