//! `tallygate plugin`: what it asks of a gateway, what it prints, and how it ends.

mod stand_in;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Gateway, forget_own_variables, run};
use stand_in::{Asked, StandIn};

const TOKEN: &str = "s3cret";

/// Without a token.
fn plugin(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    command.arg("plugin").args(arguments);
    command
}

fn with_token(arguments: &[&str]) -> Output {
    run(plugin(arguments).env("TALLYGATE_TOKEN", TOKEN))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Expects that the command ended like this, with nothing on standard output and a message that contains `told`.
fn expect_failure(output: &Output, code: i32, told: &str) {
    assert_eq!((output.status.code(), stdout(output).as_str()), (Some(code), ""), "{}", stderr(output));
    assert!(stderr(output).contains(told), "{}", stderr(output));
}

/// A file that stands for a component.
fn component() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("new.wasm");
    fs::write(&file, b"\0asm, more or less").expect("writable");
    (folder, file)
}

/// Runs `plugin deploy` against a gateway that answers like this.
fn deploy(status: u16, answer: &Value, flags: &[&str]) -> (Output, Asked) {
    let (_folder, file) = component();
    let gateway = StandIn::answering(status, answer);
    let (file, url) = (file.to_str().expect("text"), gateway.url());
    let output = with_token(&[&["deploy", file, "--name", "json", "--url", &url], flags].concat());
    (output, gateway.asked())
}

fn shadow(different: u64) -> Value {
    let example = json!({"route": "/logs", "record": "{}", "old": {"ip": "1.2.3.4", "time": null}, "new": {"code": "malformed", "message": null}});
    json!({"replayed": 100, "different": different, "bound": 0.01, "examples": vec![example; usize::from(different > 0)],
        "old_nanoseconds": 43, "new_nanoseconds": 45})
}

#[test]
fn a_missing_token_is_wrong_usage() {
    for token in [None, Some("")] {
        let mut command = plugin(&["list"]);
        command.envs(token.map(|token| ("TALLYGATE_TOKEN", token)));
        expect_failure(&run(&mut command), 2, "TALLYGATE_TOKEN is not set; set it to what ops.admin_token is");
    }
    let output = run(plugin(&["list"]).env("TALLYGATE_TOKEN", "two\nlines"));
    expect_failure(&output, 2, "TALLYGATE_TOKEN holds a character that no token has");
    assert!(!stderr(&output).contains("lines"), "{output:?}");
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &[][..],
        &["lists"],
        &["list", "json"],
        &["list", "--token", TOKEN],
        &["deploy", "new.wasm"],
        &["deploy", "--name", "json"],
        &["deploy", "new.wasm", "--name", "../json"],
        &["rollback"],
        &["rollback", "two words"],
        &["list", "--url", "127.0.0.1:9102"],
    ] {
        expect_failure(&with_token(arguments), 2, "--help");
    }
    expect_failure(&with_token(&["list", "--url", "https://127.0.0.1:9102"]), 2, "https:// is not supported");
}

#[test]
fn what_cannot_be_read_or_reached_is_named() {
    let output = with_token(&["deploy", "missing.wasm", "--name", "json"]);
    expect_failure(&output, 1, "cannot read missing.wasm: No such file");
    // A port that was free a moment ago.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let url = format!("http://{}", unused.expect("a free port"));
    for arguments in [&["list"][..], &["rollback", "json", "--json"]] {
        let output = with_token(&[arguments, &["--url", &url]].concat());
        expect_failure(&output, 1, &format!("cannot reach the gateway at {url}: Connection refused"));
    }
}

#[test]
fn a_port_without_administration_is_told_from_a_missing_plugin() {
    let gateway = StandIn::answering_text(404, "not here\n");
    let output = with_token(&["list", "--json", "--url", &gateway.url()]);
    expect_failure(&output, 1, "is it the operations port, and ops.admin_token set?");
    let gateway =
        StandIn::answering(404, &json!({"error": {"code": "no-such-plugin", "message": "there is no \u{1b}"}}));
    let output = with_token(&["rollback", "mine", "--url", &gateway.url()]);
    expect_failure(&output, 1, "no-such-plugin: there is no \\u{1b}");
}

#[test]
fn an_upload_that_is_refused_by_its_header_is_told_why() {
    let (_folder, file) = component();
    // More than a connection holds while nobody reads from it.
    fs::write(&file, vec![0; 16 << 20]).expect("writable");
    let gateway = Gateway::start();
    let url = format!("http://{}", gateway.ops());
    let output = with_token(&["deploy", file.to_str().expect("text"), "--name", "json", "--url", &url]);
    expect_failure(&output, 1, "the configuration has neither ops.admin_token nor admin_token_file");
}

#[test]
fn the_ingest_port_has_no_administration() {
    let gateway = Gateway::start();
    expect_failure(&with_token(&["list", "--url", &gateway.url("")]), 1, "tallygate: not-found: ");
}

#[test]
fn a_list_is_a_table_or_the_answer_as_it_came() {
    let answer = json!({"plugins": [{"name": "json", "generation": 3, "digest": "sha256:0123456789abcdef",
        "version": "0.1.0", "wit": "0.1.0", "source": "upload", "state": "probation", "since": "2026-01-31T05:00:00Z",
        "accepted": 5, "rejected": 1, "traps": 0, "previous": null,
        "last_error": {"stage": "parse", "message": "no component", "at": "2026-01-31T04:00:00Z"}}]});
    let gateway = StandIn::answering(200, &answer);
    let output = with_token(&["list", "--url", &format!("{}/below", gateway.url())]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let expected = "\
name  generation  state      source  version  digest        since                 accepted  rejected  traps
json           3  probation  upload  0.1.0    0123456789ab  2026-01-31T05:00:00Z         5         1      0

json: parse: no component (2026-01-31T04:00:00Z)
";
    assert_eq!(stdout(&output), expected);
    let asked = gateway.asked();
    assert_eq!(asked.line, "GET /below/admin/plugins");
    assert_eq!(asked.authorization.as_deref(), Some("Bearer s3cret"));

    let gateway = StandIn::answering(200, &answer);
    let output = with_token(&["list", "--json", "--url", &gateway.url()]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), format!("{answer}\n")));
}

#[test]
fn a_deployment_uploads_the_file_and_tells_what_became_of_it() {
    let answer = json!({"name": "json", "generation": 4, "digest": "sha256:0123456789abcdef", "published": true,
        "unchanged": false, "dry_run": false, "shadow": shadow(0)});
    let (output, asked) = deploy(200, &answer, &[]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let expected = "\
published generation 4 of json, 0123456789ab
replayed 100 records, 0 different, bound 1 %; new 45 ns a record, old 43
";
    assert_eq!(stdout(&output), expected);
    assert_eq!(asked.line, "PUT /admin/plugins/json");
    assert_eq!(asked.authorization.as_deref(), Some("Bearer s3cret"));
    assert_eq!(asked.body, b"\0asm, more or less");
}

#[test]
fn a_dry_run_ends_as_the_deployment_would() {
    for (would_publish, code) in [(true, 0), (false, 1)] {
        let answer = json!({"name": "json", "generation": 4, "digest": "sha256:0123456789abcdef", "published": false,
            "dry_run": true, "would_publish": would_publish, "shadow": shadow(30)});
        let (output, asked) = deploy(200, &answer, &["--dry-run", "--force"]);
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(code), ""));
        assert_eq!(asked.line, "PUT /admin/plugins/json?dry_run=true&force=true");
        let told = if would_publish { "published" } else { "refused" };
        assert!(stdout(&output).starts_with(&format!("dry run: 0123456789ab would be {told}")), "{}", stdout(&output));
        assert!(!stdout(&output).contains('\u{1b}'), "no colours where nobody looks");
    }
}

#[test]
fn a_refusal_is_a_result_with_its_stage_and_the_records_that_differ() {
    let refused = json!({"code": "refused", "stage": "shadow", "message": "30 of 100 records differ"});
    let answer = json!({"error": refused, "shadow": shadow(30)});
    let (output, _) = deploy(409, &answer, &[]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""));
    let expected = "\
refused at shadow: 30 of 100 records differ; with --force it serves all the same
replayed 100 records, 30 different (30 %), bound 1 %; new 45 ns a record, old 43
  /logs  {}
    - 1.2.3.4
    + malformed
  … and 29 more
";
    assert_eq!(stdout(&output), expected);
    let (output, _) = deploy(409, &answer, &["--json"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), format!("{answer}\n")));

    let answer = json!({"error": {"code": "refused", "stage": "parse", "message": "no component"}});
    let (output, _) = deploy(422, &answer, &[]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), "refused at parse: no component\n"));
}

#[test]
fn what_is_no_refusal_goes_to_standard_error() {
    let error = |code: &str| json!({"error": {"code": code, "message": "later"}});
    let (output, _) = deploy(401, &error("unauthorized"), &[]);
    expect_failure(&output, 1, "does not take this token; TALLYGATE_TOKEN must be its ops.admin_token");
    let (output, _) = deploy(503, &error("busy"), &[]);
    expect_failure(&output, 1, "tallygate: busy: later");
    let (output, _) = deploy(503, &error("busy"), &["--json"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), format!("{}\n", error("busy"))));
    let gateway = StandIn::answering_text(502, "<html>\n");
    let output = with_token(&["list", "--url", &gateway.url()]);
    expect_failure(&output, 1, "answered 502: <html>\\n");
    let gateway = StandIn::answering_text(200, "welcome");
    let output = with_token(&["list", "--url", &gateway.url()]);
    expect_failure(&output, 1, "not an answer of a gateway: welcome");
}

#[test]
fn a_rollback_tells_what_serves_now() {
    let answer = json!({"name": "json", "generation": 2, "digest": "sha256:0123456789abcdef", "rolled_back": 3});
    let gateway = StandIn::answering(200, &answer);
    let output = with_token(&["rollback", "json", "--url", &gateway.url()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "generation 2 of json serves again, 0123456789ab, back from 3\n");
    assert_eq!(gateway.asked().line, "POST /admin/plugins/json/rollback");

    let gateway = StandIn::answering(409, &json!({"error": {"code": "no-previous", "message": "nothing before it"}}));
    let output = with_token(&["rollback", "json", "--url", &gateway.url()]);
    expect_failure(&output, 1, "no-previous: nothing before it");
}
