//! What was uploaded, and what was rolled back, is so after a restart, too.

use std::fs;

use super::{WithPlugin, config};
use crate::harness::{ACCESS_LOG, ADMIN, Gateway, JSON, Request, guest, sinner, variant};

#[test]
fn an_upload_survives_a_restart() {
    let gateway = Gateway::with_config(ADMIN);
    let deployed = gateway.deploy("json", "", variant(JSON, 1)).expect(200).json();
    let gateway = gateway.restart();
    let now = gateway.plugin("json");
    assert_eq!((&now["digest"], now["source"].as_str()), (&deployed["digest"], Some("upload")));
    gateway.expect_to_serve();
    // And the next one after it.
    let gateway = gateway.restart();
    assert_eq!(gateway.plugin("json")["digest"], deployed["digest"]);
}

#[test]
fn a_file_that_is_newer_than_an_upload_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    let original = gateway.plugin("mine")["digest"].clone();
    let deployed = gateway.deploy("mine", "", variant(JSON, 1)).expect(200).json();
    let gateway = gateway.restart();
    assert_eq!(gateway.plugin("mine")["digest"], deployed["digest"], "the file is the one that was there before");

    // While it serves, and while it does not.
    fs::write(&file, variant(JSON, 2)).expect("writable");
    gateway.wait_for_generation("mine", 2);
    assert_eq!(gateway.plugin("mine")["source"], "file");
    gateway.deploy("mine", "", variant(JSON, 3)).expect(200);
    let gateway = gateway.restart_after(|| fs::write(&file, JSON).expect("writable"));
    assert_eq!(gateway.plugin("mine")["digest"], original);
}

#[test]
fn a_rollback_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    let original = gateway.plugin("mine")["digest"].clone();
    fs::write(&file, variant(JSON, 1)).expect("writable");
    gateway.wait_for_generation("mine", 2);
    gateway.roll_back("mine").expect(200);
    let gateway = gateway.restart();
    let now = gateway.plugin("mine");
    assert_eq!((&now["digest"], now["source"].as_str()), (&original, Some("file")));
    // What was rolled back is still in the file, and stays there untried.
    fs::write(&file, variant(JSON, 2)).expect("writable");
    gateway.wait_for_generation("mine", 2);
}

#[test]
fn where_the_file_cannot_serve_what_was_uploaded_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    let deployed = gateway.deploy("mine", "", variant(JSON, 1)).expect(200).json();
    let gateway = gateway.restart_after(|| fs::remove_file(&file).expect("is there"));
    assert_eq!(gateway.plugin("mine")["digest"], deployed["digest"]);
    let gateway = gateway.restart_after(|| fs::write(&file, "half a file").expect("writable"));
    assert_eq!(gateway.plugin("mine")["digest"], deployed["digest"]);
    gateway.expect_to_serve();
}

#[test]
fn where_what_was_uploaded_cannot_serve_the_file_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    let original = gateway.plugin("mine")["digest"].clone();
    gateway.deploy("mine", "", ACCESS_LOG).expect(200);
    // Settings that the one takes and the other does not.
    let (configuration, settings) = (gateway.config_file(), config(&file, "settings = { fields = \"ip\" }"));
    let gateway = gateway.restart_after(|| fs::write(&configuration, &settings).expect("writable"));
    assert_eq!(gateway.plugin("mine")["digest"], original);
    assert!(gateway.log().contains("the uploaded component"), "{}", gateway.log());
}

#[test]
fn what_was_refused_does_not_come_to_serve_by_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    let original = gateway.plugin("mine")["digest"].clone();
    gateway.send(&Request::post("/mine").body(r#"{"ip":"192.0.2.1"}"#)).expect_tally(1, 1);
    fs::write(&file, ACCESS_LOG).expect("writable");
    gateway.wait_for_refusal("mine", "shadow", "judged differently");
    let gateway = gateway.restart();
    assert_eq!(gateway.plugin("mine")["digest"], original);
}

/// The upload is compared with the generation that a rollback takes away meanwhile, and tried again with the one that the
/// rollback returned to, from which it differs.
#[test]
fn an_upload_that_is_refused_after_a_rollback_does_not_serve_after_a_restart() {
    let slow = sinner("slow");
    let accepts_all = fs::read(guest("empty")).expect("was built");
    let more = "settings = { loops = 100000000 }\nlimits = { time = \"5 s\" }\n[swap]\nprobation = \"0 s\"";
    let mine = WithPlugin::new(&accepts_all, more);
    let gateway = &mine.gateway;
    let original = gateway.plugin("mine")["digest"].clone();
    mine.post("192.0.2.1\n".repeat(8_000)).expect_tally(8_000, 8_000);
    let self_tests = || {
        let labels = [("plugin", "mine"), ("stage", "self-test")];
        gateway.metrics().sum("tallygate_plugin_stage_seconds_count", &labels)
    };
    // An upload may have been published before the rollback: then this was no rollback in the midst of it.
    let refused = |attempt: u32| {
        gateway.deploy("mine", "?force=true", variant(&slow, 2 * attempt)).expect(200);
        let before = self_tests();
        std::thread::scope(|scope| {
            let upload = scope.spawn(|| gateway.deploy("mine", "", variant(&slow, 2 * attempt + 1)));
            while self_tests() == before && !upload.is_finished() {
                std::thread::yield_now();
            }
            gateway.roll_back("mine").expect(200);
            upload.join().expect("no panic").status == 409
        })
    };
    assert!((0..50).any(refused), "no rollback came in the midst of a replay");
    assert_eq!(gateway.plugin("mine")["digest"], original, "what the rollback returned to serves");
    let gateway = mine.gateway.restart();
    assert_eq!(gateway.plugin("mine")["digest"], original, "what was refused does not serve");
}

#[test]
fn a_file_that_a_reload_refused_does_not_serve_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    let original = gateway.plugin("mine")["digest"].clone();
    gateway.send(&Request::post("/mine").body(r#"{"ip":"192.0.2.1"}"#)).expect_tally(1, 1);
    // Another file, that nobody watches, is named and refused.
    let other = folder.path().join("other.wasm");
    fs::write(&other, ACCESS_LOG).expect("writable");
    fs::write(gateway.config_file(), config(&other, "")).expect("writable");
    gateway.wait_for_refusal("mine", "shadow", "judged differently");
    let gateway = gateway.restart();
    assert_eq!(gateway.plugin("mine")["digest"], original);
    gateway.send(&Request::post("/mine").body(r#"{"ip":"192.0.2.1"}"#)).expect_tally(1, 1);
}

#[test]
fn a_rollback_of_limits_survives_reloads_and_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Gateway::with_config(&config(&file, ""));
    fs::write(gateway.config_file(), config(&file, "limits = { memory = \"32 MiB\" }")).expect("writable");
    gateway.wait_for_generation("mine", 2);
    gateway.roll_back("mine").expect(200);
    gateway.administer(Request::post("/admin/reload")).expect(200);
    assert_eq!(gateway.plugin("mine")["generation"], 1);
    let gateway = gateway.restart();
    gateway.administer(Request::post("/admin/reload")).expect(200);
    assert_eq!(gateway.plugin("mine")["generation"], 1);
}

#[test]
fn a_component_that_was_damaged_on_disk_is_kept_anew() {
    let gateway = Gateway::with_config(ADMIN);
    let deployed = gateway.deploy("json", "", variant(JSON, 1)).expect(200).json();
    let digest = deployed["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let stored = gateway.data_dir().join("plugins").join(digest).with_extension("wasm");
    let gateway = gateway.restart_after(|| fs::write(&stored, "damaged").expect("writable"));
    assert_eq!(gateway.plugin("json")["source"], "shipped");
    assert!(gateway.log().contains("damaged"), "{}", gateway.log());
    gateway.deploy("json", "", variant(JSON, 1)).expect(200);
    assert_eq!(gateway.restart().plugin("json")["digest"], deployed["digest"]);
}

#[test]
fn an_upload_that_cannot_be_pinned_does_not_serve() {
    let gateway = Gateway::with_config(ADMIN);
    let pins = gateway.data_dir().join("plugins/pins");
    fs::create_dir_all(&pins).expect("a folder where the file should be");
    gateway.deploy("json", "", variant(JSON, 1)).expect_error(507, "not-stored");
    assert_eq!(gateway.plugin("json")["generation"], 1);
    fs::remove_dir(&pins).expect("is empty");
    gateway.deploy("json", "", variant(JSON, 1)).expect(200);
}

#[test]
fn an_upload_that_cannot_be_kept_does_not_serve() {
    let gateway = Gateway::with_config(ADMIN);
    // A file where the folder should be: even the superuser cannot write into it.
    fs::write(gateway.data_dir().join("plugins"), "").expect("writable");
    gateway.deploy("json", "", variant(JSON, 1)).expect_error(507, "not-stored");
    assert_eq!(gateway.plugin("json")["generation"], 1);
    gateway.expect_to_serve();
}
