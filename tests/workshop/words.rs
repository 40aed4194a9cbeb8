//! What a plugin says for itself reaches its author.

use super::{objects, run_plugin, text};
use crate::harness::{Gateway, Request, config_with_unruly_guest, guest, sinner};

#[test]
fn a_panic_is_told_with_its_words_and_place_and_takes_no_other_record_with_it() {
    let unruly = guest("unruly").to_str().expect("text");
    let output = run_plugin(&["--json", unruly], b"192.0.2.1\ntrap\n192.0.2.2\nspin\n192.0.2.3\n");
    let all = objects(&output);
    assert_eq!(
        (&all[0]["ip"], &all[2]["ip"], &all[4]["ip"]),
        (&"192.0.2.1".into(), &"192.0.2.2".into(), &"192.0.2.3".into())
    );
    let message = all[1]["message"].as_str().unwrap_or_default();
    for words in ["told to", "unruly/src/lib.rs", "in its own words: ", "unruly::judge"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert_eq!((&all[1]["reject"], &all[3]["reject"]), (&"trap".into(), &"trap".into()));
    let deadline = all[3]["message"].as_str().unwrap_or_default();
    assert!(deadline.contains("did not answer within 100 ms") && deadline.contains("unruly::spin"), "{deadline}");
    let log = text(&output.stderr);
    assert!(log.contains("told to") && log.contains("ERROR"), "{log}");
}

#[test]
fn what_a_plugin_writes_to_its_standard_streams_is_in_the_gateways_log() {
    let gateway = Gateway::with_config(&config_with_unruly_guest("200 ms"));
    gateway.send(&Request::post("/unruly").body("192.0.2.1\ntrap\n")).expect_tally(2, 1);
    let line = |words: &str| gateway.log().lines().find(|line| line.contains(words)).map(str::to_owned);
    let told = line("told to").expect("the panic's words are logged");
    assert!(told.contains("\"plugin\":\"unruly\"") && told.contains("ERROR"), "{told}");
    let call = line("plugin call failed").expect("the failure is logged");
    assert!(call.contains("in its own words: ") && call.contains("unruly::judge"), "{call}");
}

#[test]
fn what_a_plugin_writes_in_peace_is_told_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("probe.wasm");
    std::fs::write(&file, sinner("probe")).expect("writable");
    let output = run_plugin(&[file.to_str().expect("text")], b"no address\n");
    let log = text(&output.stderr);
    for words in ["to standard output", "to standard error"] {
        assert!(log.contains(words), "{words}: {log}");
    }
}
