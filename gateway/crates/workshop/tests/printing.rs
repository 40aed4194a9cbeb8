//! What plugins print and log reaches the log, whatever it is, and harms nothing. The modules that Go and clang make run in
//! Node.js here, with the adapter that stands in for WASI.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tallygate_workshop::{Environment, Language, Project, create};

/// Whether a program is on this machine: `cargo test` alone needs nothing but Rust.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What a call of a plugin gives: see `sandbox/sandbox.mjs`. `source` takes the place of the template's; nothing if a tool
/// is not there.
fn run(language: Language, source: (&str, &str), records: &str) -> Option<Value> {
    let compiler = if language == Language::Go { "go" } else { "wasm-ld" };
    for tool in [compiler, "node"] {
        if !is_there(tool) {
            eprintln!("not tried, for there is no {tool}: tests/run installs it");
            return None;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("printing");
    create(&project, "printing", language).expect("a project");
    std::fs::write(project.join(source.0), source.1).expect("can be written");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let project = Project::open(&project).expect("a project");
    project.build(&Environment { path, cargo_target: None }, &mut |_| {}).expect("it builds");

    let sandbox = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/sandbox.mjs");
    let mut node = Command::new("node")
        .arg(sandbox)
        .arg(project.folder().join(".build/module.wasm"))
        .arg(concat!(env!("OUT_DIR"), "/wasi.wasm"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js can be run");
    node.stdin.take().expect("is piped").write_all(records.as_bytes()).expect("it reads");
    let output = node.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).expect("is JSON"))
}

fn go(records: &str) -> Option<Value> {
    run(Language::Go, ("plugin.go", include_str!("sandbox/plugin.go")), records)
}

/// The text of the last message of level `error`, which the gateway takes for the plugin's last words.
fn last_words(answer: &Value) -> &str {
    assert!(answer["failure"].is_string(), "{answer}");
    let messages = answer["messages"].as_array().expect("a list");
    let last = messages.iter().rev().find(|message| message[0] == "error").expect("there is an error");
    last[1].as_str().expect("a text")
}

#[test]
fn go_prints_without_harm_to_its_memory() {
    // It takes memory from the system while it prints.
    let Some(answer) = go(&("keep\n".repeat(300) + "look\n")) else { return };
    assert!(answer["status"].is_array(), "{}", answer["failure"]);
    assert_eq!(answer["messages"].as_array().map(Vec::len), Some(300));
}

#[test]
fn go_prints_anything() {
    let Some(answer) = go("bytes\nlong\nunfinished\nstderr\nbuiltin\nlog\n") else { return };
    let long = ["x".to_owned() + &"é".repeat(511), "é".repeat(89)];
    let expected = json!([
        ["info", "a?b??€?"],
        ["info", long[0]],
        ["info", long[1]],
        ["info", "no line's end"],
        ["error", long[0]],
        ["error", long[1]],
        ["warn", "logged ?"],
        ["warn", "y".to_owned() + &"é".repeat(2047)],
        ["error", "one two ?"],
    ]);
    assert_eq!(answer["messages"], expected);
    assert!(answer["status"].is_array(), "{answer}");
}

#[test]
fn go_says_why_it_ends() {
    for (record, words) in [
        ("panic", "panic: bad ? words, in main.extract at plugin.go:"),
        ("goroutine", "panic: of a goroutine ?"),
        ("deadlock", "fatal error: all goroutines are asleep - deadlock!"),
        ("nil", "panic: runtime error: invalid memory address or nil pointer dereference"),
    ] {
        let Some(answer) = go(&format!("{record}\n")) else { return };
        let last = last_words(&answer);
        assert!(last.starts_with(words), "{record}: {answer}");
        if record != "panic" {
            let messages = answer["messages"].as_array().expect("a list");
            assert!(messages.iter().any(|message| message[0] == "warn"), "the traces are there, too: {answer}");
        }
    }
}

#[test]
fn c_logs_anything() {
    let source = ("plugin.c", include_str!("sandbox/plugin.c"));
    let Some(answer) = run(Language::C, source, "bytes\nlong\n") else { return };
    assert!(answer["status"].is_array(), "{answer}");
    let expected = json!([["warn", "a?b??€?"], ["warn", "x".to_owned() + &"é".repeat(2047)]]);
    assert_eq!(answer["messages"], expected);
    let Some(answer) = run(Language::C, source, "fail\n") else { return };
    assert_eq!(last_words(&answer), "the pot ? is broken");
}

#[test]
fn python_logs_anything() {
    if !is_there("python3") {
        eprintln!("not tried, for there is no python3: tests/run installs it");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("printing");
    create(&project, "printing", Language::Python).expect("a project");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/log.py");
    let output = Command::new("python3").arg(script).current_dir(project).output().expect("Python can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert_eq!(messages, json!([["warn", "a?b"], ["error", "é".repeat(1024)]]));
}
