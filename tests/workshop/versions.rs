//! Released versions of the plugin interface: what they are does not change, and both are served.

use std::fs;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{objects, run_plugin};
use crate::harness::{ADMIN, Gateway, JSON, Request, root};

/// What was released is frozen: to the letter, comments included, since people read those.
#[test]
fn released_interfaces_are_frozen() {
    let released = [
        ("0.1.0", "92db94c318df9d86027b2738920fcd0b1a07dcff60273c2764072f089765ea67"),
        ("1.0.0", "877bf4dd985c2ecfb5b3cbe747ed87a41971abc80c5caf9dc1282d486c62b49e"),
    ];
    let mut found: Vec<_> =
        fs::read_dir(root().join("wit")).expect("is there").map(|entry| entry.expect("readable").file_name()).collect();
    found.sort();
    assert_eq!(found, released.map(|(version, _)| version), "each has a folder, and its hash here");
    for (version, expected) in released {
        let folder = root().join("wit").join(version);
        let files: Vec<_> =
            fs::read_dir(&folder).expect("is there").map(|entry| entry.expect("readable").file_name()).collect();
        assert_eq!(files, ["plugin.wit"], "{version}");
        let digest = Sha256::digest(fs::read(folder.join("plugin.wit")).expect("readable"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, expected, "wit/{version} was released and must not change: a new version gets a new folder");
    }
}

/// The JSON plugin as it was built for version 0.1.0, beside the one that ships.
#[test]
fn two_versions_serve_side_by_side() {
    let old = root().join("tests/guests/fixtures/json-0.1.0.wasm");
    let gateway = Gateway::with_config(&format!(
        "[plugins.old]\npath = \"{}\"\n[[routes]]\npath = \"/old\"\nplugins = [\"old\"]\n[[routes]]\npath = \"/optional\"\n\
         plugins = [\"json\"]\naddress = \"optional\"\n[[routes]]\npath = \"/old-optional\"\nplugins = [\"old\"]\naddress = \"optional\"\n",
        old.display()
    ));
    let now = "2000-01-01T00:00:00Z";
    let records =
        format!("{{\"ip\":\"192.0.2.1\",\"time\":\"{now}\"}}\n{{\"a\":1}}\n{{\"ip\":\"2001:db8::1\"}}\nno json\n");
    for (path, accepted) in [("/old", 2), ("/logs", 2), ("/optional", 3), ("/old-optional", 2)] {
        let reply = gateway.send(&Request::post(path).header("Content-Type", "text/plain").body(records.as_str()));
        reply.expect_tally(4, accepted);
    }
    let metrics = gateway.metrics();
    assert_eq!(gateway.unique(), 2);
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &[("plugin", "json"), ("code", "field-missing")]), 1);
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &[("plugin", "old"), ("code", "field-missing")]), 2);
    assert_eq!(metrics.sum("tallygate_records_accepted_total", &[("plugin", "json")]), 5);
    // A time of long ago is not believed, in milliseconds or nanoseconds.
    assert_eq!(metrics.sum("tallygate_event_times_replaced_total", &[]), 4);
}

#[test]
fn times_of_both_versions_are_the_same_instant() {
    let old = root().join("tests/guests/fixtures/json-0.1.0.wasm");
    let record = br#"{"ip":"192.0.2.1","time":"2026-11-20T05:00:00.123456Z"}"#;
    let times = [old.to_str().expect("text"), "json"]
        .map(|plugin| objects(&run_plugin(&["--json", plugin], record))[0]["time"].clone());
    assert_eq!(times, ["2026-11-20T05:00:00.123Z", "2026-11-20T05:00:00.123456Z"]);
}

/// What the old version cannot tell, the digits behind the milliseconds, is no difference when it is replaced.
#[test]
fn a_plugin_of_the_old_version_is_replaced_by_one_of_the_new_on_live_traffic() {
    let old = root().join("tests/guests/fixtures/json-0.1.0.wasm");
    let config = format!("{ADMIN}[plugins.json]\npath = \"{}\"\n", old.display());
    let gateway = Gateway::with_config(&config);
    for at in 0..20 {
        let time = format!("2026-11-20T05:00:00.123{at:03}Z");
        gateway.post(format!("{{\"ip\":\"192.0.2.{at}\",\"time\":\"{time}\"}}\n{{\"a\":{at}}}")).expect_tally(2, 1);
    }
    let reply = gateway.deploy("json", "", JSON).expect(200).json();
    assert_eq!((&reply["shadow"]["replayed"], &reply["shadow"]["different"]), (&json!(40), &json!(0)), "{reply}");
    gateway.post("{\"ip\":\"192.0.2.1\"}").expect_tally(1, 1);
    assert_eq!(gateway.plugin("json")["wit"], "1.0.0");
}

/// One that is said to be slow by nature has words for what it rejects, like any other.
#[test]
fn an_isolated_plugin_answers_and_explains() {
    let config = "[plugins.json]\nlimits = { isolated = true }\n";
    let gateway = Gateway::with_config(config);
    for _ in 0..3 {
        let reply = gateway.post("{\"ip\":\"192.0.2.1\"}\nno json\n{\"a\":1}\n");
        let errors = reply.json()["errors"].clone();
        reply.expect_tally(3, 1);
        assert!(errors[0]["message"].as_str().is_some_and(|message| message.starts_with("not JSON")), "{errors}");
        assert!(errors[1]["message"].as_str().is_some_and(|message| message.starts_with("no client: ")), "{errors}");
    }
}
