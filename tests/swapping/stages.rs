//! Each stage refuses what it is there to refuse, with words to act on, and what served serves on.

use std::fs;

use super::WithPlugin;
use crate::harness::{JSON, guest};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

fn expect_refusal(component: &[u8], stage: &str, words: &str) {
    expect_refusal_instead_of(&WithPlugin::json(), component, stage, words);
}

/// Expects that a component is refused when it is in the file, and when it is uploaded.
fn expect_refusal_instead_of(mine: &WithPlugin, component: &[u8], stage: &str, words: &str) {
    mine.replace(component);
    let error = mine.gateway.wait_for_refusal("mine", stage, words);
    assert!(error["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{error}");

    let reply = mine.gateway.deploy("mine", "", component).expect_error(422, "refused");
    assert_eq!(reply.json()["error"]["stage"], stage);
    let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains(words), "{message}");

    let labels = [("plugin", "mine"), ("stage", stage), ("result", "refused")];
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_reloads_total", &labels), 2);
    let log = mine.gateway.log();
    let told = log.lines().filter(|line| line.contains("what served serves on") && line.contains(stage)).count();
    assert_eq!(told, 2, "{log}");
    assert_eq!(mine.gateway.plugin("mine")["generation"], 1);
    mine.post(RECORD).expect_tally(1, 1);
}

#[test]
fn parse_refuses_what_is_no_component() {
    expect_refusal(b"hello, world", "parse", "not WebAssembly");
    expect_refusal(b"", "parse", "empty");
    expect_refusal(b"\0asm\x01\0\0\0", "parse", "core WebAssembly module");
}

#[test]
fn parse_refuses_a_file_that_is_half_written() {
    expect_refusal(&JSON[..JSON.len() / 2], "parse", "still being written");
}

#[test]
fn version_refuses_another_world() {
    expect_refusal(b"\0asm\x0d\0\x01\0", "version", "exports no tallygate:plugin/extractor@");
}

#[test]
fn configure_refuses_settings() {
    let [empty, unruly] = ["empty", "unruly"].map(|name| fs::read(guest(name)).expect("was built"));
    for (value, words) in [("x", "expected trap or spin, found"), ("trap", "trapped"), ("spin", "did not answer")] {
        // One takes any settings, the other does not.
        let mine = WithPlugin::new(&empty, &format!("settings = {{ configure = \"{value}\" }}"));
        expect_refusal_instead_of(&mine, &unruly, "configure", words);
    }
}

/// Every stage that was passed tells so, and how long it took.
#[test]
fn each_stage_has_a_metric_and_a_line() {
    let mine = WithPlugin::json();
    mine.post(RECORD).expect_tally(1, 1);
    mine.replace(crate::harness::variant(JSON, 1));
    mine.gateway.wait_for_generation("mine", 2);
    let (metrics, log) = (mine.gateway.metrics(), mine.gateway.log());
    for stage in ["parse", "imports", "version", "compile", "describe", "configure", "self-test", "shadow"] {
        let labels = [("plugin", "mine"), ("stage", stage)];
        assert!(metrics.sum("tallygate_plugin_stage_seconds_count", &labels) > 0, "{stage}");
        let line = format!("\"stage\":\"{stage}\"");
        assert!(log.lines().any(|told| told.contains("stage passed") && told.contains(&line)), "{stage}: {log}");
    }
    let labels = [("plugin", "mine"), ("stage", "publish"), ("result", "ok")];
    assert_eq!(metrics.sum("tallygate_plugin_reloads_total", &labels), 2);
}
