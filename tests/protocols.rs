//! The ways HTTP gets here: connections kept open, requests in a row, HTTP/2, curl, nginx.

use std::fs;
use std::process::Command;

use crate::harness::{Connection, Gateway, Http2, Nginx, Request, program, run};

fn record(last: usize) -> String {
    format!(r#"{{"ip":"192.0.2.{last}"}}"#)
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let gateway = Gateway::start();
    let mut connection = gateway.connect();
    for last in 1..=20 {
        connection.exchange(&Request::post("/logs").body(record(last))).expect_tally(1, 1);
        // What was refused does not end the connection either, as long as its body was taken.
        connection.exchange(&Request::post("/elsewhere")).expect(404);
    }
    assert_eq!(gateway.metrics().value("tallygate_connections"), 1);
    assert_eq!(gateway.unique(), 20);
    connection.exchange(&Request::post("/logs").header("Connection", "close").body(record(1))).expect_tally(1, 1);
    connection.expect_close();
}

#[test]
fn requests_in_a_row_are_answered_in_order() {
    let gateway = Gateway::start();
    let mut connection = gateway.connect();
    let mut all = Vec::new();
    for count in 1..=30 {
        all.extend(Request::post("/logs").body(vec![record(count); count].join("\n")).bytes());
    }
    connection.write(all);
    for count in 1..=30 {
        connection.reply().expect_tally(count, count);
    }
    assert_eq!(gateway.unique(), 30);
}

#[test]
fn an_old_client_gets_its_answer_and_a_close() {
    let gateway = Gateway::start();
    let mut connection = gateway.connect();
    let record = record(1);
    connection.write(format!("POST /logs HTTP/1.0\r\nContent-Length: {}\r\n\r\n{record}", record.len()));
    connection.reply().expect_tally(1, 1);
    connection.expect_close();
}

#[test]
fn a_client_may_ask_before_it_sends() {
    let gateway = Gateway::start();
    let mut connection = gateway.connect();
    let record = record(1);
    let length = record.len();
    connection.write(Request::post("/logs").header("Content-Length", length).header("Expect", "100-continue").head());
    connection.write(record);
    connection.reply().expect_tally(1, 1);
}

#[test]
fn http2_serves_many_streams_at_once() {
    let gateway = Gateway::start();
    let client = Http2::to(gateway.ingest());
    let bodies = (1..=200).map(|count| vec![record(count); count].join("\n")).collect();
    for (reply, count) in client.post_all(bodies).into_iter().zip(1..) {
        reply.expect_tally(count, count);
    }
    assert_eq!(gateway.unique(), 200);
    assert_eq!(gateway.metrics().value("tallygate_connections"), 1);
}

#[test]
fn http2_takes_bodies_larger_than_its_windows() {
    let gateway = Gateway::start();
    let client = Http2::to(gateway.ingest());
    let large = (record(1) + "\n").repeat(100_000);
    let replies = client.post_all(vec![large.clone(), record(2), large]);
    for (reply, count) in replies.into_iter().zip([100_000, 1, 100_000]) {
        reply.expect_tally(count, count);
    }
    let too_large = " ".repeat(17 << 20);
    let replies = client.post_all(vec![too_large, record(3)]);
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [413, 202]);
}

#[test]
fn curl_speaks_every_protocol() {
    let Some(curl) = program("curl") else { return };
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lines.json");
    // Large enough for curl to ask with `Expect: 100-continue` first.
    let lines: String = (0..80_000).map(|at| record(at % 200) + "\n").collect();
    fs::write(&file, &lines).expect("writable");
    let data = format!("@{}", file.display());
    for flags in [&["--http1.1"][..], &["--http2-prior-knowledge"], &["-HTransfer-Encoding: chunked"], &["--http1.0"]] {
        let mut command = Command::new(&curl);
        command.args(["-sS", "--fail-with-body", "--max-time", "20"]).args(flags);
        command.args(["-HContent-Type: application/x-ndjson", "--data-binary", &data, &gateway.url("/logs")]);
        let output = run(&mut command);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{flags:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.trim_end(), r#"{"received":80000,"accepted":80000,"rejected":0,"errors":[]}"#, "{flags:?}");
    }
    assert_eq!(gateway.unique(), 200);
}

#[test]
fn a_client_that_writes_before_it_reads_learns_why_it_was_refused() {
    let gateway = Gateway::start();
    let large = " ".repeat(17 << 20);
    gateway.post(&large).expect_error(413, "too-large");
    gateway.send(&Request::post("/logs").body(&large).chunked(1 << 20)).expect_error(413, "too-large");
    gateway.send(&Request::post("/elsewhere").body(&large)).expect_error(404, "not-found");
    let Some(curl) = program("curl") else { return };
    let flags = ["-sS", "--max-time", "20", "-XPOST", "-T", "/dev/zero", "-HContent-Length: 17000000"];
    let output = run(Command::new(curl).args(flags).arg(gateway.url("/logs")));
    assert!(String::from_utf8_lossy(&output.stdout).contains("too-large"), "{output:?}");
}

#[test]
fn nginx_in_front_keeps_its_connections() {
    let Some(nginx) = program("nginx") else { return };
    let gateway = Gateway::start();
    let nginx = Nginx::start(&nginx, gateway.ingest());
    let mut client = Connection::to(nginx.address());
    for last in 1..=50 {
        client.exchange(&Request::post("/logs").body(record(last))).expect_tally(1, 1);
    }
    let large = (record(1) + "\n").repeat(100_000);
    client.exchange(&Request::post("/logs").body(&large)).expect_tally(100_000, 100_000);
    client.exchange(&Request::post("/logs").body(&large).chunked(100_000)).expect_tally(100_000, 100_000);
    client.exchange(&Request::post("/logs").body("{}")).expect_tally(1, 0);
    assert_eq!(gateway.unique(), 50);
    assert_eq!(gateway.metrics().value("tallygate_connections"), 1, "{}", nginx.log());
}
