//! A new generation that does worse than the one before it is rolled back by itself, and costs no record until then.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use super::WithPlugin;
use crate::harness::{JSON, Request, guest, sinner, variant};

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

/// Tells threads to end when it is dropped, by a panic, too: a scope waits for them.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Requests are under way at the moment of the rollback, too; what stands in for the generation that goes must not go before
/// they are done.
#[test]
fn a_rollback_under_load_loses_no_record() {
    let mine = WithPlugin::new(JSON, "[swap]\nreplay_records = 0\n");
    let body = "{\"ip\":\"192.0.2.1\"}\n".repeat(50);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = Ends(&done);
        let post = || {
            let mut connection = mine.gateway.connect();
            let request = Request::post("/mine").header("Content-Type", "text/plain").body(&body);
            let mut posted = 0;
            while !done.load(Ordering::Relaxed) {
                connection.exchange(&request).expect_tally(50, 50);
                posted += 50;
            }
            posted
        };
        let posters: Vec<_> = (0..4).map(|_| scope.spawn(post)).collect();
        for round in 0..5 {
            let failing = variant(&sinner("trap_on_all"), round);
            mine.gateway.deploy("mine", "", failing).expect(200);
            mine.gateway.wait_for("the rollback", |metrics| {
                metrics.sum("tallygate_plugin_rollbacks_total", &[("plugin", "mine")]) == u64::from(round) + 1
            });
        }
        drop(end);
        let posted: u64 = posters.into_iter().map(|poster| poster.join().expect("no panic")).sum();
        assert_eq!(mine.gateway.metrics().value("tallygate_records_received_total"), posted);
    });
    let metrics = mine.gateway.metrics();
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &[]), 0);
    assert_eq!(metrics.sum("tallygate_records_refused_total", &[]), 0);
}

/// A second swap within a probation does not make the first one good.
#[test]
fn what_is_rolled_back_returns_to_the_last_generation_that_has_proven_itself() {
    let mine = WithPlugin::new(&sinner("grow"), "[swap]\nprobation = \"30 s\"\n");
    mine.post("192.0.2.7\n".repeat(100)).expect_tally(100, 100);
    mine.gateway.deploy("mine", "", sinner("trap_on_poison")).expect(200);
    mine.gateway.deploy("mine", "?force=true", sinner("trap_on_all")).expect(200);
    assert_eq!(mine.gateway.plugin("mine")["previous"]["generation"], 2);
    for _ in 0..3 {
        mine.post("192.0.2.7\n").expect_tally(1, 1);
    }
    mine.gateway.wait_for_generation("mine", 1);
    mine.post("192.0.2.7\npoison\n").expect_tally(2, 1);
    assert_eq!(mine.gateway.metrics().sum("tallygate_records_rejected_total", &[("code", "trap")]), 0);
}

#[test]
fn by_hand_one_returns_to_the_generation_before_and_its_probation_begins_anew() {
    let mine = WithPlugin::new(&sinner("grow"), "");
    mine.gateway.deploy("mine", "", sinner("trap_on_poison")).expect(200);
    mine.gateway.deploy("mine", "", sinner("fickle")).expect(200);
    mine.gateway.roll_back("mine").expect(200);
    let now = mine.gateway.plugin("mine");
    assert_eq!((&now["generation"], &now["state"]), (&json!(2), &json!("probation")));
    for _ in 0..3 {
        mine.post("poison\n192.0.2.7\n").expect_tally(2, 1);
    }
    mine.gateway.wait_for_generation("mine", 1);
}

#[test]
fn a_generation_whose_predecessor_had_judged_nothing_is_measured_by_what_it_would_do() {
    let mine = WithPlugin::json();
    mine.gateway.deploy("mine", "", unruly()).expect(200);
    mine.post("{\"ip\":\"192.0.2.1\"}\n".repeat(100)).expect_tally(100, 0);
    expect_rollback(&mine, "the generation before would reject 0.0 %");
    mine.post("{\"ip\":\"192.0.2.1\"}\n".repeat(100)).expect_tally(100, 100);
}

/// What is kept of a quiet route counts for more than what is kept of a busy one, for both generations alike.
#[test]
fn routes_of_different_traffic_do_not_make_a_plugin_guilty() {
    let more =
        "[swap]\nreplay_records = 200\nprobation = \"4 s\"\n[[routes]]\npath = \"/quiet\"\nplugins = [\"mine\"]\n";
    let mine = WithPlugin::new(JSON, more);
    let good = "{\"ip\":\"192.0.2.1\"}\n".repeat(100);
    mine.post(&good).expect_tally(100, 100);
    mine.gateway.deploy("mine", "", variant(JSON, 1)).expect(200);
    mine.gateway.send(&Request::post("/quiet").header("Content-Type", "text/plain").body(&good)).expect_tally(100, 100);
    for _ in 0..20 {
        mine.post(format!("{good}{}", "garbage\n".repeat(100))).expect_tally(200, 100);
    }
    mine.gateway.wait_for("probation to end", |_| mine.gateway.plugin("mine")["state"] == "serving");
    assert_eq!(mine.gateway.plugin("mine")["generation"], 2);
}

#[test]
fn codes_of_the_one_that_stands_in_keep_their_names() {
    let mine = WithPlugin::new(&unruly(), "");
    mine.gateway.deploy("mine", "", sinner("trap_on_all")).expect(200);
    let reply = mine.post("on-request\n").expect_tally(1, 0);
    assert_eq!(reply.errors(), [(0, "other".to_owned())], "the new one has no such name");
    mine.gateway.roll_back("mine").expect(200);
    mine.gateway.deploy("mine", "", variant(&unruly(), 1)).expect(200);
    let reply = mine.post("on-request\ntrap\n");
    assert_eq!(reply.errors()[0], (0, "on-request".to_owned()));
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
    // Another component is; but not the same again after it.
    mine.replace(variant(&careless(), 1));
    mine.gateway.wait_for_generation("mine", 3);
    mine.replace(unruly());
    mine.gateway.wait_for_refusal("mine", "publish", "was rolled back");
    // Whoever means it forces it.
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
