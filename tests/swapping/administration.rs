//! What whoever has the token can see and do over HTTP, and what nobody else can.

use std::fs;

use serde_json::json;

use super::WithPlugin;
use crate::harness::{Connection, Gateway, JSON, Request, guest, variant};

#[test]
fn without_a_token_in_the_configuration_there_is_no_administration() {
    let gateway = Gateway::start();
    for (method, path) in [
        ("GET", "/admin/plugins"),
        ("PUT", "/admin/plugins/json"),
        ("POST", "/admin/plugins/json/rollback"),
        ("POST", "/admin/reload"),
    ] {
        gateway.administer(Request::new(method, path)).expect(404);
    }
}

#[test]
fn without_the_token_nobody_is_let_in() {
    let mine = WithPlugin::json();
    let ask = |request: Request| Connection::to(mine.gateway.ops()).exchange(&request);
    for authorization in ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer correct-horse2", "Basic correct-horse"] {
        for request in [Request::get("/admin/plugins"), Request::new("PUT", "/admin/plugins/mine").body(JSON)] {
            let reply = ask(request.header("Authorization", authorization)).expect_error(401, "unauthorized");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{authorization}");
        }
    }
    ask(Request::get("/admin/plugins")).expect_error(401, "unauthorized");
    ask(Request::get("/admin/plugins").header("Authorization", "bearer correct-horse")).expect(200);
}

#[test]
fn the_token_can_come_from_a_file_and_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "correct-horse\n").expect("writable");
    let config = format!("[ops]\nadmin_token_file = \"{}\"\n", file.display());
    let gateway = Gateway::with_config(&config);
    gateway.administer(Request::get("/admin/plugins")).expect(200);
    fs::write(&file, "battery-staple\n").expect("writable");
    gateway.administer(Request::post("/admin/reload")).expect(200);
    gateway.administer(Request::get("/admin/plugins")).expect(401);
}

#[test]
fn the_list_tells_the_whole_story() {
    let mine = WithPlugin::json();
    mine.post("{\"ip\":\"192.0.2.1\"}\n{}\n").expect_tally(2, 1);
    let first = mine.gateway.plugin("mine");
    assert!(first["digest"].as_str().is_some_and(|digest| digest.len() == 71 && digest.starts_with("sha256:")));
    assert!(first["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{first}");
    for (key, value) in [
        ("generation", json!(1)),
        ("version", json!("0.1.0")),
        ("wit", json!("1.0.0")),
        ("source", json!("file")),
        ("state", json!("serving")),
        ("accepted", json!(1)),
        ("rejected", json!(1)),
        ("traps", json!(0)),
        ("previous", json!(null)),
        ("last_error", json!(null)),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    assert_eq!(mine.gateway.plugin("json")["source"], "shipped");

    let deployed = mine.gateway.deploy("mine", "", variant(JSON, 1)).expect(200).json();
    assert_eq!((&deployed["name"], &deployed["generation"]), (&json!("mine"), &json!(2)));
    assert_eq!((&deployed["shadow"]["replayed"], &deployed["shadow"]["different"]), (&json!(2), &json!(0)));
    let second = mine.gateway.plugin("mine");
    assert_eq!(second["digest"], deployed["digest"]);
    assert_eq!((&second["source"], &second["state"]), (&json!("upload"), &json!("probation")));
    assert_eq!(second["previous"], json!({"generation": 1, "digest": first["digest"]}));
    assert_eq!(second["accepted"], 0, "the counts are those of the generation");
}

#[test]
fn a_dry_run_shows_and_changes_nothing() {
    let mine = WithPlugin::json();
    mine.post(r#"{"ip":"192.0.2.1"}"#).expect_tally(1, 1);
    let good = mine.gateway.deploy("mine", "?dry_run=true", variant(JSON, 1)).expect(200).json();
    assert_eq!((&good["published"], &good["would_publish"]), (&json!(false), &json!(true)));
    let empty = fs::read(guest("empty")).expect("was built");
    let other = mine.gateway.deploy("mine", "?dry_run=true", &empty).expect(200).json();
    assert_eq!((&other["would_publish"], &other["shadow"]["different"]), (&json!(false), &json!(1)));
    mine.gateway.deploy("mine", "?dry_run=true", "garbage").expect_error(422, "refused");
    let now = mine.gateway.plugin("mine");
    assert_eq!((&now["generation"], &now["last_error"]), (&json!(1), &json!(null)));

    let forced = mine.gateway.deploy("mine", "?force=true", &empty).expect(200).json();
    assert_eq!((&forced["published"], &forced["shadow"]["different"]), (&json!(true), &json!(1)));
    assert_eq!(mine.gateway.plugin("mine")["generation"], 2);
}

#[test]
fn the_same_bytes_again_change_nothing() {
    let mine = WithPlugin::json();
    let reply = mine.gateway.deploy("mine", "", JSON).expect(200).json();
    assert_eq!((&reply["unchanged"], &reply["generation"]), (&json!(true), &json!(1)));
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    let mine = WithPlugin::json();
    let unknown = mine.gateway.deploy("yours", "", JSON).expect_error(404, "no-such-plugin");
    assert!(unknown.text().contains("json, mine"), "{}", unknown.text());
    mine.gateway.roll_back("yours").expect_error(404, "no-such-plugin");
    mine.gateway.roll_back("mine").expect_error(409, "no-previous");
    mine.gateway.deploy("mine", "?dryrun=true", JSON).expect_error(400, "bad-query");
    mine.gateway.deploy("mine", "?force=perhaps", JSON).expect_error(400, "bad-query");
    mine.gateway.administer(Request::new("DELETE", "/admin/plugins/mine")).expect(405);
}

#[test]
fn a_component_that_is_too_large_is_refused_while_it_arrives() {
    let mine = WithPlugin::json();
    // Without a length, nobody can tell before it has arrived.
    let request = Request::new("PUT", "/admin/plugins/mine").body(vec![0; (64 << 20) + 1]).chunked(1 << 20);
    let reply = mine.gateway.administer(request).expect_error(422, "refused");
    assert_eq!(reply.json()["error"]["stage"], "read");
}

#[test]
fn a_rollback_by_hand_returns_to_the_generation_before() {
    let mine = WithPlugin::json();
    mine.replace(variant(JSON, 1));
    mine.gateway.wait_for_generation("mine", 2);
    let done = mine.gateway.roll_back("mine").expect(200).json();
    assert_eq!((&done["generation"], &done["rolled_back"]), (&json!(1), &json!(2)));
    let now = mine.gateway.plugin("mine");
    assert_eq!((&now["generation"], &now["state"], &now["previous"]), (&json!(1), &json!("serving"), &json!(null)));
    assert_eq!(mine.gateway.metrics().sum("tallygate_plugin_rollbacks_total", &[("plugin", "mine")]), 1);
    mine.gateway.roll_back("mine").expect_error(409, "no-previous");
    // A reload does not bring back what is still in the file.
    mine.gateway.administer(Request::post("/admin/reload")).expect(200);
    assert_eq!(mine.gateway.plugin("mine")["generation"], 1);
    // Another file does.
    mine.replace(variant(JSON, 2));
    mine.gateway.wait_for_generation("mine", 3);
}
