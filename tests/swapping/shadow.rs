//! A new plugin is tried on the last real records before it serves.

use std::fs;

use serde_json::json;

use super::{WithPlugin, config};
use crate::harness::{ADMIN, Gateway, JSON, Request, guest, variant};

/// A hundred records; the plugins of these tests agree about some of them.
fn records() -> String {
    (0..100).map(|at| format!("{{\"ip\":\"192.0.2.{at}\",\"time\":\"2026-01-31T05:00:00Z\"}}\n")).collect()
}

fn empty() -> Vec<u8> {
    fs::read(guest("empty")).expect("was built")
}

#[test]
fn a_difference_over_the_bound_refuses_the_swap_and_shows_both_answers() {
    let mine = WithPlugin::json();
    mine.post(records()).expect_tally(100, 100);
    let reply = mine.gateway.deploy("mine", "", empty()).expect_error(409, "refused");
    let json = reply.json();
    assert_eq!(json["error"]["stage"], "shadow");
    let shadow = &json["shadow"];
    assert_eq!((&shadow["replayed"], &shadow["different"]), (&json!(100), &json!(100)));
    assert_eq!(shadow["routes"], json!([{"route": "/mine", "replayed": 100, "different": 100}]));
    assert_eq!(shadow["bound"], 0.01);
    let example = &shadow["examples"][0];
    assert_eq!(example["record"], r#"{"ip":"192.0.2.0","time":"2026-01-31T05:00:00Z"}"#);
    assert_eq!(example["old"], json!({"ip": "192.0.2.0", "time": "2026-01-31T05:00:00Z"}));
    assert_eq!(example["new"], json!({"ip": "0.0.0.0", "time": null}));

    let mine_now = mine.gateway.plugin("mine");
    assert_eq!((&mine_now["generation"], &mine_now["last_error"]["stage"]), (&json!(1), &json!("shadow")));
    assert_eq!(mine_now["last_error"]["shadow"]["different"], 100);
    assert!(!mine.gateway.log().contains("192.0.2."), "no record is logged");
}

#[test]
fn the_replay_counts_nothing() {
    let mine = WithPlugin::json();
    mine.post(records()).expect_tally(100, 100);
    let before = mine.gateway.metrics();
    mine.gateway.deploy("mine", "?dry_run=true", empty()).expect(200);
    mine.gateway.deploy("mine", "", variant(JSON, 1)).expect(200);
    let after = mine.gateway.metrics();
    for name in [
        "unique_ip_addresses",
        "tallygate_records_received_total",
        "tallygate_records_accepted_total",
        "tallygate_records_rejected_total",
        "tallygate_plugin_seconds_count",
        "tallygate_plugin_traps_total",
        "tallygate_ingest_bytes_total",
    ] {
        assert_eq!(after.sum(name, &[]), before.sum(name, &[]), "{name}");
    }
    assert_eq!(after.sum("tallygate_plugin_replayed_total", &[("outcome", "different")]), 100);
    assert_eq!(after.sum("tallygate_plugin_replayed_total", &[("outcome", "same")]), 100);
}

#[test]
fn a_file_is_tried_on_records_too() {
    let mine = WithPlugin::json();
    mine.post(records()).expect_tally(100, 100);
    mine.replace(empty());
    let error = mine.gateway.wait_for_refusal("mine", "shadow", "100 of the last 100 records of route /mine");
    assert_eq!(error["shadow"]["examples"].as_array().map(Vec::len), Some(10));
    mine.post(records()).expect_tally(100, 100);
    assert_eq!(mine.gateway.unique(), 100, "the old one serves");
}

#[test]
fn settings_that_change_what_is_found_are_tried_on_records() {
    let mine = WithPlugin::json();
    mine.post(records()).expect_tally(100, 100);
    let changed = config(&mine.file, "settings = { fields = \"client\" }");
    fs::write(mine.gateway.config_file(), &changed).expect("writable");
    let error = mine.gateway.wait_for_refusal("mine", "shadow", "judged differently");
    let example = &error["shadow"]["examples"][0]["new"];
    assert_eq!(example["code"], "field-missing");
    assert!(example["message"].as_str().is_some_and(|words| words.contains("client")), "{example}");
    mine.gateway.wait_for("the reload to be refused", |metrics| {
        metrics.sum("tallygate_config_reloads_total", &[("result", "refused")]) == 1
    });
    // Whoever means it forces it.
    mine.gateway.administer(Request::post("/admin/reload?force=true")).expect(200);
    assert_eq!(mine.gateway.plugin("mine")["generation"], 2);
    mine.post(records()).expect_tally(100, 0);
}

#[test]
fn a_difference_within_the_bound_is_let_through() {
    let mine = WithPlugin::new(JSON, "[swap]\nmax_difference = 0.5\n");
    mine.post(records()).expect_tally(100, 100);
    mine.post("nothing\n".repeat(200)).expect_tally(200, 0);
    mine.post("{\"ip\":\"0.0.0.0\"}\n".repeat(300)).expect_tally(300, 300);
    let shadow = &mine.gateway.deploy("mine", "", empty()).expect(200).json()["shadow"];
    assert_eq!((&shadow["replayed"], &shadow["different"]), (&json!(600), &json!(300)));
}

#[test]
fn each_route_has_its_own_records_and_its_own_share() {
    let config = format!(
        "{ADMIN}[[routes]]\npath = \"/quiet\"\nplugins = [\"json\"]\n[[routes]]\npath = \"/busy\"\nplugins = [\"json\"]"
    );
    let gateway = Gateway::with_config(&config);
    gateway.send(&Request::post("/busy").body("{\"ip\":\"0.0.0.0\"}\n".repeat(1000))).expect_tally(1000, 1000);
    gateway.send(&Request::post("/quiet").body(r#"{"ip":"192.0.2.1"}"#)).expect_tally(1, 1);
    gateway.post(r#"{"ip":"0.0.0.0"}"#).expect_tally(1, 1);
    let json = gateway.deploy("json", "", empty()).expect_error(409, "refused").json();
    assert!(json["error"]["message"].as_str().is_some_and(|message| message.contains("route /quiet")), "{json}");
    let routes = json!([
        {"route": "/quiet", "replayed": 1, "different": 1},
        {"route": "/busy", "replayed": 1000, "different": 0},
        {"route": "default", "replayed": 1, "different": 0},
    ]);
    assert_eq!(json["shadow"]["routes"], routes);
}

#[test]
fn the_records_kept_are_bounded() {
    let mine = WithPlugin::new(JSON, "[swap]\nreplay_records = 10\n");
    for _ in 0..5 {
        mine.post(records()).expect_tally(100, 100);
    }
    let shadow = &mine.gateway.deploy("mine", "?dry_run=true", variant(JSON, 1)).expect(200).json()["shadow"];
    let replayed = shadow["replayed"].as_u64().expect("a number");
    assert!((1..=10).contains(&replayed), "{shadow}");
}

#[test]
fn without_records_to_keep_there_is_no_replay() {
    let mine = WithPlugin::new(JSON, "[swap]\nreplay_records = 0\n");
    mine.post(records()).expect_tally(100, 100);
    let reply = mine.gateway.deploy("mine", "", empty()).expect(200).json();
    assert_eq!((&reply["shadow"]["replayed"], &reply["generation"]), (&json!(0), &json!(2)));
}

#[test]
fn a_plugin_that_fails_on_real_records_does_not_come_to_serve() {
    let unruly = fs::read(guest("unruly")).expect("was built");
    let mine = WithPlugin::new(&empty(), "limits = { time = \"50 ms\" }");
    mine.post("spin\n".repeat(100)).expect_tally(100, 100);
    let reply = mine.gateway.deploy("mine", "", &unruly).expect_error(409, "refused").json();
    let message = reply["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("fails on records that came in lately"), "{message}");
    mine.post("spin\n".repeat(100)).expect_tally(100, 100);
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_traps_total", &[]), 0);
}
