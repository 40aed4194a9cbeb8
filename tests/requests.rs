//! Requests that are unusual, or say too little: read as they are meant where that is clear, refused with the right word
//! where it is not.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{Connection, Gateway, Reply, Request};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;
const PROBE: &str = r#"{"content":"tests"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Sends these very bytes.
fn send(address: std::net::SocketAddr, bytes: &str) -> (Connection, Reply) {
    let mut connection = Connection::to(address);
    connection.write(bytes);
    let reply = connection.reply();
    (connection, reply)
}

#[test]
fn a_path_may_be_escaped() {
    let gateway = Gateway::with_config("[[routes]]\npath = \"/in/json\"\nplugins = [\"json\"]");
    for path in ["/%6Cogs", "/%6c%6f%67%73", "/in/%6Ason", "/logs?x=%2F"] {
        gateway.send(&Request::post(path).body(RECORD)).expect_tally(1, 1);
    }
    for path in ["/in%2Fjson", "/in%2fjson", "/%256Cogs", "/%6", "/%zzlogs", "/lo%00gs", "//logs"] {
        gateway.send(&Request::post(path).body(RECORD)).expect_error(404, "not-found");
    }
}

#[test]
fn an_old_client_must_tell_a_length() {
    let gateway = Gateway::start();
    let (mut connection, reply) = send(gateway.ingest(), &format!("POST /logs HTTP/1.0\r\n\r\n{RECORD}"));
    reply.expect_error(411, "length-required");
    connection.expect_close();
    let (_, reply) = send(gateway.ingest(), "POST /logs HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    reply.expect_tally(0, 0);
    // With HTTP/1.1, no length is a length of none.
    let (_, reply) = send(gateway.ingest(), "POST /logs HTTP/1.1\r\nHost: x\r\n\r\n");
    reply.expect_tally(0, 0);
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 0);
}

#[test]
fn compression_is_no_transfer_coding_here() {
    let gateway = Gateway::start();
    let body = gzip(RECORD.as_bytes());
    for coding in ["gzip", "x-gzip", "deflate, gzip"] {
        for port in [gateway.ingest(), gateway.ops()] {
            let mut connection = Connection::to(port);
            connection.write(Request::post("/logs").header("Transfer-Encoding", coding).head());
            connection.write(&body);
            connection.reply().expect(501);
            connection.expect_close();
        }
    }
    // The second of two requests, and one that could be read to its end.
    let mut connection = gateway.connect();
    connection.exchange(&Request::post("/logs").body(RECORD)).expect_tally(1, 1);
    connection.write(Request::post("/logs").header("Transfer-Encoding", "gzip").head());
    connection.reply().expect(501);
    let chunked = Request::post("/logs").body(&body).chunked(10);
    let mut lines = String::from_utf8_lossy(&chunked.head()).into_owned();
    lines = lines.replace("chunked", "gzip, chunked");
    let mut connection = gateway.connect();
    connection.write(lines);
    connection.write(&chunked.bytes()[chunked.head().len()..]);
    connection.reply().expect_error(501, "unsupported-transfer-coding");
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 1);
}

#[test]
fn a_request_has_one_host() {
    let gateway = Gateway::start();
    for port in [gateway.ingest(), gateway.ops()] {
        for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n"] {
            let request = format!("POST /logs HTTP/1.1\r\n{hosts}Content-Length: 18\r\n\r\n{RECORD}");
            send(port, &request).1.expect_error(400, "bad-host");
        }
    }
    let (_, reply) = send(gateway.ops(), "GET /healthz HTTP/1.0\r\n\r\n");
    reply.expect(200);
    let (_, reply) = send(gateway.ingest(), "POST /logs HTTP/1.1\r\nHost:\r\n\r\n");
    reply.expect_tally(0, 0);
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 0);
}

#[test]
fn whoever_sends_a_strange_encoding_is_told_which_ones_are_known() {
    let gateway = Gateway::start();
    let reply = gateway.send(&Request::post("/logs").header("Content-Encoding", "br").body("x"));
    let reply = reply.expect_error(415, "unsupported-encoding");
    assert_eq!(reply.header("accept-encoding"), Some("gzip, zstd, deflate, identity"));
}

#[test]
fn metrics_come_in_the_form_that_is_wanted() {
    let gateway = Gateway::start();
    let form = |accept: &str| {
        let request = Request::get("/metrics").header("Accept", accept);
        let reply = Connection::to(gateway.ops()).exchange(&request).expect(200);
        reply.header("content-type").expect("a type").to_owned()
    };
    assert!(form("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").starts_with("application/openmetrics"));
    assert!(form("application/openmetrics-text;q=0").starts_with("text/plain"));
    assert!(form("application/openmetrics-text;q=0, text/plain").starts_with("text/plain"));
}

#[test]
fn the_probe_of_a_log_push_is_answered_and_no_record() {
    let gateway = Gateway::with_config("[[routes]]\npath = \"/push\"\nplugins = [\"access-log\"]");
    for path in ["/logs", "/push"] {
        for body in [PROBE.to_owned(), format!("{PROBE}\n"), format!("{PROBE}\r\n")] {
            let plain = gateway.send(&Request::post(path).body(&body)).expect(200);
            let request = Request::post(path).header("Content-Encoding", "gzip").body(gzip(body.as_bytes()));
            let packed = gateway.send(&request).expect(200);
            for reply in [plain, packed] {
                assert_eq!(reply.text().trim_end(), r#"{"received":0,"accepted":0,"rejected":0,"errors":[]}"#);
            }
        }
    }
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 0);
    for body in [format!("{PROBE} "), format!("{PROBE}\n{PROBE}"), PROBE.replace(':', ": ")] {
        gateway.post(&body).expect(400);
    }
    gateway.send(&Request::post("/elsewhere").body(PROBE)).expect(404);
}

#[test]
fn an_empty_body_is_no_record_whatever_it_says_of_itself() {
    let gateway = Gateway::start();
    for encoding in ["", "gzip", "zstd", "deflate"] {
        gateway.send(&Request::post("/logs").header("Content-Encoding", encoding)).expect_tally(0, 0);
    }
}

#[test]
fn zeros_behind_a_gzip_stream_are_padding() {
    let gateway = Gateway::start();
    let post = |body: Vec<u8>| gateway.send(&Request::post("/logs").header("Content-Encoding", "gzip").body(body));
    post([gzip(RECORD.as_bytes()), vec![0; 1000]].concat()).expect_tally(1, 1);
    post([gzip(RECORD.as_bytes()), vec![0; 10], b"x".to_vec()].concat()).expect_error(400, "bad-encoding");
}

#[test]
fn records_are_found_however_programs_put_them_together() {
    let gateway = Gateway::start();
    let two = |content_type: &str, body: &str| {
        let request = Request::post("/logs").header("Content-Type", content_type).body(body);
        gateway.send(&request).expect_tally(2, 2);
    };
    let other = r#"{"ip":"192.0.2.2"}"#;
    two("application/json-seq", &format!("\x1e{RECORD}\n\x1e{other}\n"));
    two("", &format!("\x1e{RECORD}\n\x1e{other}\n"));
    two("application/json", &format!("{RECORD}{other}"));
    two("application/x-ndjson", &format!("{RECORD} {other}\n"));
    two("text/plain", &format!("[{RECORD},\n{other}]"));
    two("text/json", &format!("[ {RECORD}, {other} ]\n"));
    two("application/json", &format!("\0\0\0{RECORD}\n\0{other}\n"));
}
