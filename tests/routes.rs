//! Which plugin judges what.

use std::fs;

use crate::harness::{Gateway, Request, config_with_unruly_guest, root, say_loudly};

const LINE: &str = r#"198.51.100.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 2030 "-" "curl/8""#;
const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

const ACCESS_LOG: &str = r#"
[[routes]]
path = "/logs/access"
plugins = ["access-log"]
"#;

#[test]
fn a_path_leads_to_its_plugin() {
    let gateway = Gateway::with_config(ACCESS_LOG);
    gateway.send(&Request::post("/logs/access").body(format!("{LINE}\n{LINE}\n"))).expect_tally(2, 2);
    gateway.send(&Request::post("/logs/access").body("no access log")).expect_tally(1, 0);
    gateway.post(RECORD).expect_tally(1, 1);
    gateway.post(LINE).expect_tally(1, 0);
    gateway.send(&Request::get("/logs/access")).expect_error(405, "method-not-allowed");
    gateway.send(&Request::post("/logs/other").body(LINE)).expect_error(404, "not-found");
    let metrics = gateway.metrics();
    for (plugin, accepted) in [("access-log", 2), ("json", 1)] {
        assert_eq!(metrics.sum("tallygate_records_accepted_total", &[("plugin", plugin)]), accepted, "{plugin}");
        assert_eq!(metrics.sum("tallygate_records_rejected_total", &[("plugin", plugin)]), 1, "{plugin}");
        assert_eq!(metrics.sum("tallygate_plugin_generation", &[("plugin", plugin)]), 1, "{plugin}");
    }
    assert_eq!(gateway.unique(), 2);
}

#[test]
fn a_content_type_leads_to_its_plugin() {
    let config = "[[routes]]\ncontent_type = \"text/plain\"\nplugins = [\"access-log\"]";
    let gateway = Gateway::with_config(config);
    let post = |content_type: &str, body: &str| {
        gateway.send(&Request::post("/logs").header("Content-Type", content_type).body(body))
    };
    post("text/plain", LINE).expect_tally(1, 1);
    post("Text/Plain; charset=utf-8", LINE).expect_tally(1, 1);
    post("text/plain", RECORD).expect_tally(1, 0);
    post("text/plainer", RECORD).expect_tally(1, 1);
    gateway.post(RECORD).expect_tally(1, 1);
}

#[test]
fn a_header_leads_to_its_plugin() {
    let config = "[[routes]]\nheader = { x-log-format = \"clf\", x-site = \"a\" }\nplugins = [\"access-log\"]";
    let gateway = Gateway::with_config(config);
    let both = Request::post("/logs").header("X-Log-Format", "clf").header("X-Site", "a");
    gateway.send(&both.body(LINE)).expect_tally(1, 1);
    let one = Request::post("/logs").header("X-Log-Format", "clf");
    gateway.send(&one.clone().body(LINE)).expect_tally(1, 0);
    gateway.send(&one.header("X-Site", "b").body(RECORD)).expect_tally(1, 1);
}

#[test]
fn the_first_route_that_matches_wins() {
    let config = r#"
        [[routes]]
        path = "/both"
        content_type = "application/json"
        plugins = ["json"]
        [[routes]]
        path = "/both"
        plugins = ["access-log"]
        [[routes]]
        path = "/both"
        plugins = ["json"]
    "#;
    let gateway = Gateway::with_config(config);
    let json = Request::post("/both").header("Content-Type", "application/json");
    gateway.send(&json.body(RECORD)).expect_tally(1, 1);
    gateway.send(&Request::post("/both").body(LINE)).expect_tally(1, 1);
    gateway.send(&Request::post("/both").body(RECORD)).expect_tally(1, 0);
}

#[test]
fn a_plugin_of_the_operators_own_is_served_beside_the_shipped_ones() {
    let gateway = Gateway::with_config(&config_with_unruly_guest("100 ms"));
    let reply = gateway.send(&Request::post("/unruly").body("192.0.2.1\nword\non-request\n192.0.2.2\n"));
    let reply = reply.expect_tally(4, 2);
    // The second code is one that the plugin made up.
    assert_eq!(reply.errors(), [(1, "malformed".to_owned()), (2, "on-request".to_owned())]);
    gateway.post(RECORD).expect_tally(1, 1);
    let metrics = gateway.metrics();
    let labels = [("plugin", "unruly"), ("code", "on-request")];
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &labels), 1);
    assert!(metrics.sum("tallygate_plugin_memory_bytes", &[("plugin", "unruly")]) > 0);
    assert_eq!(gateway.unique(), 2);
}

#[test]
fn settings_reach_the_plugin() {
    let gateway = Gateway::with_config("[plugins.json]\nsettings = { fields = \"who\" }");
    gateway.post(r#"{"who":"192.0.2.1","ip":"192.0.2.2"}"#).expect_tally(1, 1);
    gateway.post(r#"{"who":"::ffff:192.0.2.1"}"#).expect_tally(1, 1);
    let reply = gateway.post(RECORD).expect_tally(1, 0);
    assert_eq!(reply.errors(), [(0, "field-missing".to_owned())]);
    assert_eq!(gateway.unique(), 1);
}

#[test]
fn ten_thousand_real_lines_are_read() {
    let corpus = root().join("../shared/corpus/apache_combined.log");
    let Ok(lines) = fs::read(&corpus) else {
        say_loudly(&format!("{} is absent, the test with real lines was skipped", corpus.display()));
        return;
    };
    let gateway = Gateway::with_config(ACCESS_LOG);
    gateway.send(&Request::post("/logs/access").body(&lines)).expect_tally(10_000, 10_000);
    assert_eq!(gateway.unique(), 1753);
    gateway.send(&Request::post("/logs/access").body(&lines)).expect_tally(10_000, 10_000);
    assert_eq!(gateway.unique(), 1753);
}
