//! What was uploaded, and what was rolled back, is so after a restart, too.

use std::fs;

use super::config;
use crate::harness::{ADMIN, Gateway, JSON, variant};

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
fn an_upload_that_cannot_be_kept_does_not_serve() {
    let gateway = Gateway::with_config(ADMIN);
    // A file where the folder should be: even the superuser cannot write into it.
    fs::write(gateway.data_dir().join("plugins"), "").expect("writable");
    gateway.deploy("json", "", variant(JSON, 1)).expect_error(507, "not-stored");
    assert_eq!(gateway.plugin("json")["generation"], 1);
    gateway.expect_to_serve();
}
