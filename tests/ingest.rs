//! What may be posted to `/logs`, and what the sender is told.

use serde_json::json;

use crate::harness::{Gateway, Request, eventually};

const ONE: &str = r#"{"ip":"192.0.2.1"}"#;

#[test]
fn records_come_in_many_shapes() {
    let gateway = Gateway::start();
    let cases: [(&str, &str, u64); 15] = [
        ("one object", r#"{"ip":"192.0.2.1"}"#, 1),
        ("an array", r#"[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]"#, 2),
        ("an empty array", "[]", 0),
        (
            "a pretty-printed array",
            "[\n  {\n    \"ip\": \"192.0.2.1\"\n  },\n  {\n    \"ip\": \"192.0.2.2\"\n  }\n]\n",
            2,
        ),
        ("lines", "{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"192.0.2.2\"}\n{\"ip\":\"192.0.2.3\"}\n", 3),
        ("lines, the last without an end", "{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"192.0.2.2\"}", 2),
        ("lines that end in CR LF", "{\"ip\":\"192.0.2.1\"}\r\n{\"ip\":\"192.0.2.2\"}\r\n", 2),
        ("lines with blank ones between", "\n\n{\"ip\":\"192.0.2.1\"}\n \t\r\n\n{\"ip\":\"192.0.2.2\"}\n\n", 2),
        ("a pretty-printed object", "{\n  \"ip\": \"192.0.2.1\",\n  \"tags\": [\n    1\n  ]\n}\n", 1),
        ("two pretty-printed objects", "{\n  \"ip\": \"192.0.2.1\"\n}\n{\n  \"ip\": \"192.0.2.2\"\n}\n", 2),
        ("a byte order mark", "\u{feff}{\"ip\":\"192.0.2.1\"}", 1),
        ("a byte order mark before an array", "\u{feff}[{\"ip\":\"192.0.2.1\"}]", 1),
        ("space around", "  \r\n\t{\"ip\":\"192.0.2.1\"}  \n", 1),
        ("nothing", "", 0),
        ("nothing but space", " \r\n\n", 0),
    ];
    for (name, body, records) in cases {
        eprintln!("{name}");
        gateway.post(body).expect_tally(records, records);
    }
    assert_eq!(gateway.unique(), 3);
}

#[test]
fn the_content_type_decides_where_the_body_does_not() {
    let gateway = Gateway::start();
    for content_type in ["application/json", "application/json; charset=utf-8", "application/vnd.log+json", ""] {
        let request = Request::post("/logs").header("Content-Type", content_type).body(format!("[{ONE},{ONE}]"));
        gateway.send(&request).expect_tally(2, 2);
    }
    for content_type in ["application/x-ndjson", "text/plain", "TEXT/PLAIN; charset=utf-8", "application/jsonl"] {
        let lines = Request::post("/logs").header("Content-Type", content_type).body(format!("{ONE}\n{ONE}\n"));
        gateway.send(&lines).expect_tally(2, 2);
        // Text may be an array, if all of it is one.
        let is_text = content_type.to_ascii_lowercase().starts_with("text/");
        let one_line = Request::post("/logs").header("Content-Type", content_type).body(format!("[{ONE},{ONE}]"));
        gateway.send(&one_line).expect_tally(1 + u64::from(is_text), 2 * u64::from(is_text));
    }
}

#[test]
fn what_is_wrong_with_an_array_is_one_rejected_record() {
    let gateway = Gateway::start();
    for (body, received) in
        [(format!("[{ONE},{ONE}"), 2), (format!("[{ONE},]"), 2), (format!("[{ONE}] and more"), 2), ("[".into(), 1)]
    {
        let request = Request::post("/logs").header("Content-Type", "application/json").body(&body);
        let reply = gateway.send(&request).expect_tally(received, received - 1);
        assert_eq!(reply.errors(), [(received - 1, "malformed".to_owned())], "{body}");
    }
}

#[test]
fn rejected_records_are_named_among_accepted_ones() {
    let gateway = Gateway::start();
    let body = [ONE, "not json", ONE, r#"{"user":"x"}"#, r#"{"ip":"300.1.1.1"}"#, ONE].join("\n");
    let reply = gateway.post(body).expect_tally(6, 3);
    let codes = [(1, "malformed"), (3, "field-missing"), (4, "not-an-address")];
    assert_eq!(reply.errors(), codes.map(|(record, code)| (record, code.to_owned())));
    let metrics = gateway.metrics();
    for (_, code) in codes {
        let labels = [("plugin", "json"), ("code", code)];
        assert_eq!(metrics.sum("tallygate_records_rejected_total", &labels), 1, "{code}");
    }
    assert_eq!(metrics.sum("tallygate_records_accepted_total", &[("plugin", "json")]), 3);
    assert_eq!(metrics.sum("tallygate_requests_total", &[("code", "202")]), 1);
}

#[test]
fn when_none_is_accepted_the_request_fails_with_the_same_words() {
    let gateway = Gateway::start();
    let reply = gateway.post("{}\n{}\n").expect_tally(2, 0).expect(400);
    let json = reply.json();
    assert_eq!(json["errors"][1]["record"], json!(1));
    assert_eq!(json["errors"][1]["code"], json!("field-missing"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(gateway.metrics().sum("tallygate_requests_total", &[("code", "400")]), 1);
}

#[test]
fn only_the_first_twenty_errors_are_named() {
    let gateway = Gateway::start();
    let mut lines = vec![ONE; 10];
    lines.extend(vec!["wrong"; 10_000]);
    let reply = gateway.post(lines.join("\n")).expect_tally(10_010, 10);
    let expected: Vec<_> = (10..30).map(|record| (record, "malformed".to_owned())).collect();
    assert_eq!(reply.errors(), expected);
}

#[test]
fn a_record_that_is_too_long_is_rejected_alone() {
    let gateway = Gateway::with_config("[ingest]\nmax_record = \"1 KiB\"");
    let long = format!(r#"{{"ip":"192.0.2.9","padding":"{}"}}"#, "x".repeat(1024));
    let reply = gateway.post(format!("{ONE}\n{long}\n{ONE}")).expect_tally(3, 2);
    assert_eq!(reply.errors(), [(1, "too-long".to_owned())]);
    let reply = gateway.post(format!("[{ONE},{long},{ONE}]")).expect_tally(3, 2);
    assert_eq!(reply.errors(), [(1, "too-long".to_owned())]);
    assert_eq!(gateway.unique(), 1);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let gateway = Gateway::start();
    for path in ["/", "/log", "/logs/", "/logs/access", "/metrics"] {
        gateway.send(&Request::post(path).body(ONE)).expect_error(404, "not-found");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = gateway.send(&Request::new(method, "/logs").body(ONE)).expect_error(405, "method-not-allowed");
        assert_eq!(reply.header("allow"), Some("POST"));
    }
    gateway.send(&Request::get("/logs")).expect_error(405, "method-not-allowed");
    gateway.send(&Request::post("/logs?source=web").body(ONE)).expect_tally(1, 1);
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 1);
    gateway.wait_for("every answer counted", |metrics| {
        metrics.sum("tallygate_requests_total", &[("code", "404")]) == 5
            && metrics.sum("tallygate_requests_total", &[("code", "405")]) == 5
    });
}

#[test]
fn a_body_over_the_bound_is_refused() {
    let gateway = Gateway::with_config("[ingest]\nmax_body = \"4 KiB\"");
    let full = format!("{ONE}{}", " ".repeat(4096 - ONE.len()));
    gateway.post(&full).expect_tally(1, 1);
    gateway.send(&Request::post("/logs").body(&full).chunked(1000)).expect_tally(1, 1);

    // By the length told, before any of it is sent.
    let mut connection = gateway.connect();
    connection.write(Request::post("/logs").header("Content-Length", 4097).head());
    connection.reply().expect_error(413, "too-large");
    // By what really comes, where no length was told.
    let request = Request::post("/logs").body(full + " ").chunked(1000);
    gateway.send(&request).expect_error(413, "too-large");
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 2);
}

#[test]
fn a_chunked_body_may_come_in_any_pieces() {
    let gateway = Gateway::start();
    let body = (1..=50).map(|last| format!("{{\"ip\":\"192.0.2.{last}\"}}\n")).collect::<String>();
    for size in [1, 7, 4096] {
        gateway.send(&Request::post("/logs").body(&body).chunked(size)).expect_tally(50, 50);
    }
    assert_eq!(gateway.unique(), 50);
}

#[test]
fn a_body_of_many_chunks_is_counted_to_the_record() {
    let gateway = Gateway::start();
    let record = |at: u32| format!(r#"{{"ip":"10.{}.{}.{}"}}"#, at >> 16, at >> 8 & 255, at & 255);
    let records: Vec<_> = (0..20_000).map(record).collect();
    gateway.post(records.join("\n")).expect_tally(20_000, 20_000);
    gateway.post(format!("[{}]", records.join(","))).expect_tally(20_000, 20_000);
    assert_eq!(gateway.unique(), 20_000);
    // Calls of the plugin are what the histogram counts, and there are fewer of them than records.
    let calls = eventually("the calls", || Some(gateway.metrics().sum("tallygate_plugin_seconds_count", &[])));
    assert!((2..=100).contains(&calls), "{calls} calls");
}
