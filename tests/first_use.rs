//! What somebody sees who has just built the binary: it serves without any configuration.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::harness::{Gateway, Process, Request, forget_own_variables, program, run};

const RECORD: &str = r#"{"timestamp":"2020-06-24T15:27:00.123456Z","ip":"83.150.59.250","url":"https://example.com/"}"#;

#[test]
fn the_first_record_is_counted() {
    let gateway = Gateway::start();
    assert_eq!(gateway.unique(), 0);
    // What `curl -d` says of a body when it is not told better.
    let request = Request::post("/logs").header("Content-Type", "application/x-www-form-urlencoded").body(RECORD);
    let reply = gateway.send(&request).expect(202);
    assert_eq!(reply.text().trim_end(), r#"{"received":1,"accepted":1,"rejected":0,"errors":[]}"#);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(gateway.metrics().text().lines().any(|line| line == "unique_ip_addresses 1"));
}

#[test]
fn curl_posts_a_record() {
    let Some(curl) = program("curl") else { return };
    let gateway = Gateway::start();
    let output = run(Command::new(curl).args(["-sS", "--fail", "-d", RECORD, &gateway.url("/logs")]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reply: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(reply, json!({"received": 1, "accepted": 1, "rejected": 0, "errors": []}));
    assert_eq!(gateway.unique(), 1);
}

#[test]
fn the_binary_alone_serves_from_an_empty_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = folder.path().join("tallygate");
    fs::copy(env!("CARGO_BIN_EXE_tallygate"), &binary).expect("a copy");
    let mut command = Command::new(&binary);
    forget_own_variables(&mut command);
    command.current_dir(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
    // The log goes elsewhere: the folder has nothing in it but the binary.
    let log = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::of(Process::start(command, &log.path().join("stderr.log")), folder);
    gateway.expect_to_serve();
}
