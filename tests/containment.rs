//! A plugin that misbehaves harms the records that make it so, and nobody else.

use std::thread;

use crate::harness::{Gateway, Request, config_with_unruly_guest};

fn with_unruly_guest() -> Gateway {
    Gateway::with_config(&config_with_unruly_guest("40 ms"))
}

/// Lines with an address each, but for one that has a command.
fn a_thousand_with(poison: &str) -> Request {
    let mut lines: Vec<_> = (0..1000).map(|at| format!("10.0.{}.{}", at / 256, at % 256)).collect();
    lines[617] = poison.to_owned();
    Request::post("/unruly").header("Content-Type", "text/plain").body(lines.join("\n"))
}

/// Posts one poison record among good ones and expects that it alone is rejected.
///
/// Only a record that spins is to meet the deadline, however slow the machine.
fn expect_only_the_poison_to_be_rejected(poison: &str, kind: &str) {
    let time = if kind == "deadline" { "40 ms" } else { "5 s" };
    let gateway = Gateway::with_config(&config_with_unruly_guest(time));
    for _ in 0..2 {
        let reply = gateway.send(&a_thousand_with(poison)).expect_tally(1000, 999);
        assert_eq!(reply.errors(), [(617, "trap".to_owned())]);
    }
    let metrics = gateway.metrics();
    assert_eq!(metrics.value("unique_ip_addresses"), 999);
    let traps = |kind: &str| metrics.sum("tallygate_plugin_traps_total", &[("plugin", "unruly"), ("kind", kind)]);
    assert!(traps(kind) > 0);
    assert_eq!(metrics.sum("tallygate_plugin_traps_total", &[]), traps(kind), "and of no other kind");
    let labels = [("plugin", "unruly"), ("code", "trap")];
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &labels), 2);
    gateway.expect_to_serve();
}

#[test]
fn a_record_that_traps_is_rejected_alone() {
    expect_only_the_poison_to_be_rejected("trap", "trap");
}

#[test]
fn a_record_that_spins_is_rejected_alone() {
    expect_only_the_poison_to_be_rejected("spin", "deadline");
}

#[test]
fn a_record_that_is_answered_with_nonsense_is_rejected_alone() {
    expect_only_the_poison_to_be_rejected("miscount-v4", "contract");
}

#[test]
fn a_record_that_takes_all_memory_is_rejected_alone() {
    expect_only_the_poison_to_be_rejected("hog", "trap");
}

#[test]
fn many_records_that_trap_are_rejected_one_by_one() {
    let gateway = with_unruly_guest();
    let reply = gateway.send(&Request::post("/unruly").body("trap\n192.0.2.1\ntrap\n".repeat(10)));
    let reply = reply.expect_tally(30, 10);
    assert!(reply.errors().iter().all(|(_, code)| code == "trap"));
    assert_eq!(gateway.unique(), 1);
}

#[test]
fn while_a_plugin_spins_the_rest_is_served_and_its_records_are_refused() {
    let gateway = with_unruly_guest();
    let spinning = Request::post("/unruly").body("spin\n".repeat(1000));
    thread::scope(|scope| {
        let senders: Vec<_> = (0..2).map(|_| scope.spawn(|| gateway.send(&spinning))).collect();
        while senders.iter().any(|sender| !sender.is_finished()) {
            gateway.expect_to_serve();
        }
        for sender in senders {
            let reply = sender.join().expect("an answer").expect_error(503, "plugin-failing");
            assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
        }
    });
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("tallygate_records_refused_total", &[]), 2000);
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &[("plugin", "unruly")]), 0);
    assert!(metrics.sum("tallygate_plugin_traps_total", &[("plugin", "unruly"), ("kind", "deadline")]) > 0);
    assert_eq!(metrics.value("unique_ip_addresses"), 1, "those of the other plugin");
}

#[test]
fn a_plugin_that_has_stopped_spinning_is_asked_again() {
    let gateway = with_unruly_guest();
    gateway.send(&Request::post("/unruly").body("spin\n".repeat(1000))).expect(503);
    let good = Request::post("/unruly").body("192.0.2.7");
    // Its clients are told to come back, and when they do the plugin is tried again.
    gateway.wait_for("the plugin to be asked again", |_| gateway.send(&good).status == 202);
    gateway.send(&good).expect_tally(1, 1);
    assert_eq!(gateway.unique(), 1);
}

#[test]
fn an_explanation_that_fails_costs_only_the_words() {
    let gateway = with_unruly_guest();
    let body = "explain-trap\n192.0.2.1\nexplain-spin\nplain\n";
    let reply = gateway.send(&Request::post("/unruly").body(body)).expect_tally(4, 1);
    let malformed = |record: u64| (record, "malformed".to_owned());
    assert_eq!(reply.errors(), [malformed(0), malformed(2), malformed(3)]);
    gateway.expect_to_serve();
}

#[test]
fn what_a_plugin_says_is_made_printable() {
    let gateway = with_unruly_guest();
    let reply = gateway.send(&Request::post("/unruly").body("word\nlog\n")).expect_tally(2, 0);
    assert_eq!(reply.json()["errors"][0]["message"], "not an address\\nand more");
    // The guest wrote a thousand lines, each with a line break and an escape sequence in it.
    let log = gateway.log();
    assert!(log.lines().count() < 500, "{} lines", log.lines().count());
    assert!(!log.contains('\u{1b}'));
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
}

#[test]
fn clients_that_hang_up_on_a_spinning_plugin_leave_nothing_behind() {
    let gateway = with_unruly_guest();
    for _ in 0..20 {
        let mut connection = gateway.connect();
        connection.write(Request::post("/unruly").body("spin\n".repeat(200)).bytes());
        gateway.wait_for("the request to be under way", |metrics| metrics.value("tallygate_connections") > 0);
        drop(connection);
    }
    // Twenty containments one after the other would take far longer than anybody waits here.
    let good = Request::post("/unruly").body("192.0.2.7");
    gateway.wait_for("the plugin to be asked again", |_| gateway.send(&good).status == 202);
    gateway.wait_for("all bytes to be given back", |metrics| metrics.value("tallygate_in_flight_bytes") == 0);
}

#[test]
fn whoever_waits_for_a_plugin_that_is_paused_is_told_at_once() {
    let gateway = with_unruly_guest();
    let spinning = Request::post("/unruly").body("spin\n".repeat(1000));
    thread::scope(|scope| {
        let senders: Vec<_> = (0..12).map(|_| scope.spawn(|| gateway.send(&spinning))).collect();
        for sender in senders {
            sender.join().expect("an answer").expect_error(503, "plugin-failing");
        }
    });
    // Each containment meets many deadlines; all twelve would have met twelve times as many.
    let deadlines = gateway.metrics().sum("tallygate_plugin_traps_total", &[("kind", "deadline")]);
    assert!(deadlines < 6 * 21, "{deadlines} deadlines were waited for");
}

#[test]
fn a_plugin_logs_no_more_when_it_traps_again_and_again() {
    let gateway = with_unruly_guest();
    for _ in 0..30 {
        gateway.send(&Request::post("/unruly").body("log\ntrap\n")).expect(400);
    }
    let forged = gateway.log().lines().filter(|line| line.contains("forged")).count();
    // Ten a second; this takes far less than twenty.
    assert!(forged <= 200, "{forged} lines of the plugin");
}
