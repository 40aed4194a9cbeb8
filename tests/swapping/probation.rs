//! A new generation that does worse than the one before it is rolled back by itself, and costs no record until then.

use std::fs;

use serde_json::json;

use super::WithPlugin;
use crate::harness::{JSON, guest, variant};

/// Accepts everything as 0.0.0.0. With records that say so, other plugins agree with it.
fn careless() -> Vec<u8> {
    fs::read(guest("empty")).expect("was built")
}

/// Does what records tell it to, failing included.
fn unruly() -> Vec<u8> {
    fs::read(guest("unruly")).expect("was built")
}

/// The careless one serves, has judged a hundred records, and the unruly one has come after it.
fn unruly_after_careless(more: &str) -> WithPlugin {
    let mine = WithPlugin::new(&careless(), &format!("limits = {{ time = \"200 ms\" }}\n{more}"));
    mine.post("0.0.0.0\n".repeat(100)).expect_tally(100, 100);
    mine.replace(unruly());
    mine.gateway.wait_for_generation("mine", 2);
    mine.post("0.0.0.0\n".repeat(100)).expect_tally(100, 100);
    assert_eq!(mine.gateway.plugin("mine")["state"], "probation");
    mine
}

/// Expects that the first generation serves again, and that everybody is told.
fn expect_rollback(mine: &WithPlugin, why: &str) {
    mine.gateway.wait_for_generation("mine", 1);
    let now = mine.gateway.plugin("mine");
    assert_eq!((&now["state"], &now["previous"]), (&json!("serving"), &json!(null)));
    assert_eq!(now["last_error"]["stage"], "probation");
    let message = now["last_error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("generation 2 was rolled back to 1") && message.contains(why), "{message}");
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_rollbacks_total", &[("plugin", "mine")]), 1);
    let log = mine.gateway.log();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("rolled back by itself")), "{log}");
}

#[test]
fn a_generation_that_traps_is_rolled_back_and_no_record_is_lost_to_it() {
    let mine = unruly_after_careless("");
    for _ in 0..3 {
        // The generation before judges what this one fails at.
        mine.post("0.0.0.0\ntrap\n".repeat(10)).expect_tally(20, 20);
    }
    expect_rollback(&mine, "of its calls fail");
    mine.post("trap\n".repeat(10)).expect_tally(10, 10);
    let metrics = mine.gateway.metrics();
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &[]), 0);
    assert_eq!(metrics.sum("tallygate_records_refused_total", &[]), 0);
    assert_eq!(metrics.value("tallygate_records_received_total"), 270);
}

#[test]
fn a_generation_that_spins_is_rolled_back_and_no_record_is_lost_to_it() {
    let mine = unruly_after_careless("");
    for _ in 0..3 {
        mine.post("spin\n".repeat(10)).expect_tally(10, 10);
    }
    expect_rollback(&mine, "of its calls fail");
    assert_eq!(mine.gateway.metrics().sum("tallygate_records_refused_total", &[]), 0);
}

#[test]
fn a_generation_that_rejects_what_the_one_before_accepts_is_rolled_back() {
    let mine = unruly_after_careless("");
    mine.post("word\n".repeat(100)).expect_tally(100, 0);
    expect_rollback(&mine, "it rejects");
    mine.post("word\n".repeat(100)).expect_tally(100, 100);
}

#[test]
fn when_it_is_the_traffic_that_changes_nothing_is_rolled_back() {
    let mine = WithPlugin::new(JSON, "[swap]\nprobation = \"2 s\"\n");
    mine.post("{\"ip\":\"192.0.2.1\"}\n".repeat(100)).expect_tally(100, 100);
    mine.replace(variant(JSON, 1));
    mine.gateway.wait_for_generation("mine", 2);
    mine.post("garbage\n".repeat(200)).expect_tally(200, 0);
    mine.gateway.wait_for("probation to end", |_| mine.gateway.plugin("mine")["state"] == "serving");
    assert_eq!(mine.gateway.plugin("mine")["generation"], 2);
    let log = mine.gateway.log();
    assert!(log.contains("the previous generation would reject them, too"), "{log}");
}

#[test]
fn a_difference_that_was_forced_is_not_undone() {
    let mine = WithPlugin::new(JSON, "[swap]\nprobation = \"1 s\"\n");
    mine.post("{\"ip\":\"192.0.2.1\"}\n".repeat(100)).expect_tally(100, 100);
    mine.gateway.deploy("mine", "?force=true", unruly()).expect(200);
    mine.post("{\"ip\":\"192.0.2.1\"}\n".repeat(100)).expect_tally(100, 0);
    mine.gateway.wait_for("probation to end", |_| mine.gateway.plugin("mine")["state"] == "serving");
    assert_eq!(mine.gateway.plugin("mine")["generation"], 2);
}

#[test]
fn after_probation_a_generation_stands_for_itself() {
    let mine = unruly_after_careless("[swap]\nprobation = \"1 s\"\n");
    mine.gateway.wait_for("probation to end", |_| mine.gateway.plugin("mine")["state"] == "serving");
    let reply = mine.post("0.0.0.0\ntrap\n0.0.0.0\n").expect_tally(3, 2);
    assert_eq!(reply.errors(), [(1, "trap".to_owned())]);
    assert_eq!(mine.gateway.plugin("mine")["previous"]["generation"], 1, "and can still be rolled back by hand");
}

#[test]
fn what_was_rolled_back_is_not_tried_again_at_once() {
    let mine = unruly_after_careless("");
    for _ in 0..3 {
        mine.post("trap\n").expect_tally(1, 1);
    }
    expect_rollback(&mine, "of its calls fail");
    let reply = mine.gateway.deploy("mine", "", unruly()).expect_error(422, "refused");
    assert!(reply.text().contains("was rolled back; it is not tried again for"), "{}", reply.text());
    // Neither is the same file, written again.
    fs::write(&mine.file, unruly()).expect("writable");
    mine.replace(unruly());
    mine.post("0.0.0.0\n".repeat(10)).expect_tally(10, 10);
    assert_eq!(mine.gateway.plugin("mine")["generation"], 1);
    // Another component is; and whoever means it forces it.
    mine.replace(variant(&careless(), 1));
    mine.gateway.wait_for_generation("mine", 3);
    mine.gateway.deploy("mine", "?force=true", unruly()).expect(200);
    assert_eq!(mine.gateway.plugin("mine")["generation"], 4);
}

#[test]
fn without_probation_nothing_is_rolled_back_by_itself() {
    let mine = WithPlugin::new(&careless(), "[swap]\nprobation = \"0 s\"\n");
    mine.gateway.deploy("mine", "", unruly()).expect(200);
    assert_eq!(mine.gateway.plugin("mine")["state"], "serving");
    for _ in 0..5 {
        mine.post("trap\n0.0.0.0\n").expect_tally(2, 1);
    }
    assert_eq!(mine.gateway.plugin("mine")["generation"], 2);
    mine.gateway.roll_back("mine").expect(200);
    mine.post("trap\n0.0.0.0\n").expect_tally(2, 2);
}
