//! Plugins that sin, each in one way: what they do harms the record that makes them do it, and nobody else.

use std::thread;

use serde_json::json;
use tallygate_guest_craft as craft;

use crate::harness::{Metrics, Reply, Request, sinner};
use crate::swapping::WithPlugin;

/// Processor time of a call: little enough that a test with many missed deadlines ends soon.
const LIMITS: &str = "limits = { memory = \"16 MiB\", time = \"100 ms\" }\n";

/// Lines with an address each, but for one.
fn a_thousand_with(poison: &str) -> String {
    let mut lines: Vec<_> = (0..1000).map(|at| format!("10.0.{}.{}", at / 256, at % 256)).collect();
    lines[617] = poison.to_owned();
    lines.join("\n")
}

fn traps(metrics: &Metrics, kind: &str) -> u64 {
    metrics.sum("tallygate_plugin_traps_total", &[("plugin", "mine"), ("kind", kind)])
}

/// Posts to the plugin while everything else is expected to be served, metrics and health included.
fn post_while_others_are_served(mine: &WithPlugin, body: &str) -> Reply {
    thread::scope(|scope| {
        let sender = scope.spawn(|| mine.post(body));
        loop {
            mine.gateway.expect_to_serve();
            if sender.is_finished() {
                return sender.join().expect("an answer");
            }
        }
    })
}

/// Waits until the plugin uses no more memory than its instances do that are well.
fn expect_memory_to_return(mine: &WithPlugin) {
    mine.gateway.wait_for("memory to return", |metrics| {
        metrics.sum("tallygate_plugin_memory_bytes", &[("plugin", "mine")]) < 8 << 20
    });
}

fn expect_only_the_poison_to_be_rejected(name: &str, kind: &str) {
    let mine = WithPlugin::new(&sinner(name), LIMITS);
    for _ in 0..2 {
        let reply = post_while_others_are_served(&mine, &a_thousand_with("poison")).expect_tally(1000, 999);
        assert_eq!(reply.errors(), [(617, "trap".to_owned())]);
    }
    let metrics = mine.gateway.metrics();
    assert!(traps(&metrics, kind) > 0);
    let labels = [("plugin", "mine"), ("code", "trap")];
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &labels), 2);
    assert_eq!(metrics.value("unique_ip_addresses"), 999 + 1, "and the one of everybody else");
    expect_memory_to_return(&mine);
}

/// Expects that a component is refused at this stage while everything is served on.
fn expect_refusal(component: Vec<u8>, stage: &str, words: &str) {
    let mine = WithPlugin::new(&craft::harmless(), LIMITS);
    thread::scope(|scope| {
        let upload = scope.spawn(|| mine.gateway.deploy("mine", "", component));
        while !upload.is_finished() {
            mine.gateway.expect_to_serve();
        }
        let reply = upload.join().expect("an answer").expect_error(422, "refused");
        let error = reply.json()["error"].clone();
        assert_eq!(error["stage"], stage, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{error}");
    });
    let now = mine.gateway.plugin("mine");
    assert_eq!((&now["generation"], &now["traps"]), (&json!(1), &json!(0)));
    mine.post("what it rejects").expect_tally(1, 0);
    expect_memory_to_return(&mine);
}

// What a record makes a plugin do.

#[test]
fn an_endless_loop_in_extract() {
    expect_only_the_poison_to_be_rejected("spin_extract", "deadline");
}

#[test]
fn a_memory_bomb() {
    expect_only_the_poison_to_be_rejected("hog", "trap");
}

#[test]
fn deep_recursion() {
    expect_only_the_poison_to_be_rejected("recurse", "trap");
}

#[test]
fn a_trap_on_one_record_of_a_thousand() {
    expect_only_the_poison_to_be_rejected("trap_on_poison", "trap");
}

#[test]
fn wrong_counts_in_each_column() {
    for column in ["miscount_status", "miscount_v4", "miscount_v6", "miscount_times"] {
        expect_only_the_poison_to_be_rejected(column, "contract");
    }
}

#[test]
fn an_impossible_status() {
    expect_only_the_poison_to_be_rejected("impossible_status", "contract");
}

#[test]
fn more_results_than_anybody_asked_for() {
    expect_only_the_poison_to_be_rejected("too_much", "trap");
}

#[test]
fn a_trap_on_every_record() {
    let mine = WithPlugin::new(&sinner("trap_on_all"), LIMITS);
    for _ in 0..3 {
        post_while_others_are_served(&mine, &"192.0.2.7\n".repeat(30)).expect_tally(30, 0);
    }
    assert_eq!(mine.gateway.unique(), 1, "the one of everybody else");
    expect_memory_to_return(&mine);
}

#[test]
fn an_endless_loop_in_explain() {
    let mine = WithPlugin::new(&sinner("spin_explain"), LIMITS);
    let reply = post_while_others_are_served(&mine, "192.0.2.7\nword\nword\n").expect_tally(3, 1);
    assert_eq!(reply.errors(), [(1, "malformed".to_owned()), (2, "malformed".to_owned())]);
    expect_memory_to_return(&mine);
}

#[test]
fn a_result_of_a_gigabyte() {
    for component in [craft::claiming(1 << 30), craft::answering_with(200)] {
        let mine = WithPlugin::new(&component, LIMITS);
        let reply = post_while_others_are_served(&mine, "one\ntwo\n").expect_tally(2, 0);
        assert_eq!(reply.errors(), [(0, "trap".to_owned()), (1, "trap".to_owned())]);
        expect_memory_to_return(&mine);
    }
}

#[test]
fn a_table_bomb() {
    expect_refusal(craft::with_table(10_000_000), "describe", "table");
    let mine = WithPlugin::new(&craft::growing_a_table(), LIMITS);
    post_while_others_are_served(&mine, "one\ntwo\n").expect_tally(2, 0);
    mine.gateway.expect_to_serve();
}

#[test]
fn a_flood_of_log_lines_with_control_characters() {
    let mine = WithPlugin::new(&sinner("flood"), LIMITS);
    for _ in 0..20 {
        mine.post("poison\n192.0.2.7\n").expect(202);
    }
    let log = mine.gateway.log();
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
    assert!(!log.contains('\u{1b}') && log.lines().count() < 500, "{} lines", log.lines().count());
    mine.gateway.expect_to_serve();
}

#[test]
fn probing_for_the_world_outside() {
    let mine = WithPlugin::new(&sinner("probe"), LIMITS);
    // What it finds, nothing, is tried on the host; here it costs nobody anything.
    post_while_others_are_served(&mine, "poison\n192.0.2.7\n").expect_tally(2, 1);
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_traps_total", &[]), 0);
}

#[test]
fn different_answers_for_the_same_record() {
    let mine = WithPlugin::new(&sinner("fickle"), LIMITS);
    let body = "192.0.2.7\n".repeat(100);
    mine.post(&body).expect(202);
    // Its own differences are no reason to refuse the next one.
    let reply = mine.gateway.deploy("mine", "?dry_run=true", sinner("trap_on_poison")).expect(200).json();
    let (different, unstable) = (reply["shadow"]["different"].as_u64(), reply["shadow"]["unstable"].as_u64());
    assert!(different.zip(unstable).is_some_and(|(different, unstable)| different < 100 && unstable > 0), "{reply}");
    mine.gateway.expect_to_serve();
}

#[test]
fn growing_a_little_with_every_call() {
    let mine = WithPlugin::new(&sinner("grow"), LIMITS);
    for _ in 0..200 {
        mine.post("192.0.2.7\n").expect_tally(1, 1);
    }
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_traps_total", &[]), 0, "replaced before it hits the limit");
    mine.gateway.expect_to_serve();
}

#[test]
fn an_answer_that_takes_long_at_every_call() {
    // Far longer than a call in place may take, and far from the deadline however slow the machine.
    let slow = "limits = { time = \"3 s\" }\nsettings = { loops = 100000000 }\n";
    let mine = WithPlugin::new(&sinner("slow"), slow);
    for _ in 0..10 {
        post_while_others_are_served(&mine, "192.0.2.7\n").expect_tally(1, 1);
    }
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_traps_total", &[]), 0);
}

// What a component does while it is loaded.

#[test]
fn an_endless_loop_in_describe_and_configure() {
    expect_refusal(sinner("spin_describe"), "describe", "did not answer within 100 ms");
    expect_refusal(sinner("spin_configure"), "configure", "did not answer within 100 ms");
}

#[test]
fn a_start_that_traps_recurses_or_never_returns() {
    expect_refusal(craft::trapping_at_start(), "describe", "trapped");
    expect_refusal(craft::recursing_at_start(), "describe", "trapped");
    expect_refusal(craft::spinning_at_start(), "describe", "did not answer");
}

#[test]
fn memory_at_the_start() {
    expect_refusal(craft::taking_memory_at_start(10_000), "describe", "while it was started, the plugin trapped");
}

#[test]
fn an_import_that_nobody_gives() {
    expect_refusal(craft::importing_a_clock(), "imports", "clock");
}

#[test]
fn another_version_world_or_shape() {
    expect_refusal(craft::of_another_version(), "version", "this gateway serves versions 0.1.x and 1.0.x");
    expect_refusal(craft::of_another_world(), "version", "exports no tallygate:plugin/extractor@");
    expect_refusal(craft::of_wrong_types(), "version", "type");
}

#[test]
fn ten_thousand_functions() {
    let mine = WithPlugin::new(&craft::harmless(), LIMITS);
    let component = craft::with_functions(10_000);
    thread::scope(|scope| {
        let upload = scope.spawn(|| mine.gateway.deploy("mine", "", component));
        while !upload.is_finished() {
            mine.gateway.expect_to_serve();
        }
        upload.join().expect("an answer").expect(200);
    });
    mine.post("what it rejects").expect_tally(1, 0);
}

#[test]
fn a_hundred_megabytes() {
    let (large, mine) = (craft::of_size(100 << 20), WithPlugin::new(&craft::harmless(), LIMITS));
    // Refused by what is told of it, before it is sent.
    let announced = Request::new("PUT", "/admin/plugins/mine").header("Content-Length", large.len());
    let error = mine.gateway.administer(announced).expect_error(422, "refused").json()["error"].clone();
    assert_eq!(error["stage"], "read");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("more than the")), "{error}");
    mine.replace(large);
    mine.gateway.wait_for_refusal("mine", "read", "more than the");
    mine.gateway.expect_to_serve();
}
