//! The command line: what it takes, what it prints where, and how it ends.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Gateway, Setup, forget_own_variables, program, run};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    command.args(arguments);
    command
}

fn tallygate(arguments: &[&str]) -> Output {
    run(&mut command(arguments))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks a configuration given as text; the output has no folder in it.
fn check(text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("t.toml"), text).expect("writable");
    let output = run(command(&["check", "--config", "t.toml"]).current_dir(folder.path()));
    assert_eq!(stderr(&output), "");
    (output.status.code(), stdout(&output))
}

#[test]
fn a_good_configuration_is_called_good() {
    assert_eq!(check("").0, Some(0));
    let (code, text) = check("[plugins.json]\nsettings = { fields = \"who\" }\nlimits = { time = \"1 s\" }");
    assert_eq!((code, text.trim_end()), (Some(0), "the configuration is good"));
    assert_eq!(tallygate(&["check"]).status.code(), Some(0), "no file is needed");
}

#[test]
fn every_problem_of_a_configuration_is_told_with_its_line() {
    let (code, text) = check(
        r#"data_dir = 7
[ingest]
listen = "nowhere"
max_bdy = "1 MiB"
header_timeout = "soon"
[[routes]]
plugins = ["json"]
"#,
    );
    assert_eq!(code, Some(1));
    for line in [1, 3, 4, 5, 6] {
        assert!(text.lines().any(|told| told.starts_with(&format!("t.toml:{line}: "))), "line {line}:\n{text}");
    }
    assert!(text.contains("did you mean max_body?"), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn plugins_are_loaded_to_check_them() {
    let (code, text) = check("\n[plugins.mine]\npath = \"missing.wasm\"\n");
    assert_eq!(code, Some(1));
    assert!(text.starts_with("t.toml:2: ") && text.contains("missing.wasm"), "{text}");
    let (code, text) = check("[plugins.json]\nsettings = { fields = \"a..b\" }\n");
    assert_eq!(code, Some(1));
    assert!(text.starts_with("t.toml:1: plugin json: "), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    for subcommand in ["check", "serve"] {
        let output = tallygate(&[subcommand, "--config", "/nowhere/t.toml"]);
        assert_eq!(output.status.code(), Some(1));
        assert!((stdout(&output) + &stderr(&output)).contains("cannot read /nowhere/t.toml"), "{output:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &[][..],
        &["server"],
        &["serve", "--port", "1"],
        &["check", "extra"],
        &["bench", "-c", "many"],
        &["bench", "-n", "1", "-d", "1"],
        &["completions"],
        &["completions", "csh"],
    ] {
        let output = tallygate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn it_tells_its_version_and_its_usage() {
    let output = tallygate(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output).trim_end(), format!("tallygate {}", env!("CARGO_PKG_VERSION")));
    let output = tallygate(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for subcommand in ["serve", "check", "bench", "plugin", "completions"] {
        assert!(stdout(&output).contains(subcommand), "{subcommand}");
    }
}

#[test]
fn serving_ends_with_1_where_it_cannot_begin() {
    let gateway = Gateway::start();
    let taken = gateway.ingest().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(command(&["serve", "--listen", &taken, "--ops-listen", "127.0.0.1:0"]).current_dir(folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&taken), "{output:?}");
    let output = run(command(&["serve"]).current_dir(folder.path()).env("TALLYGATE_INGEST__WORKERS", "-1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("TALLYGATE_INGEST__WORKERS"), "{output:?}");
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    // The first and third addresses cannot be listened on: were one of them taken, there would be no gateway.
    let gateway = Setup::new()
        .config("[ingest]\nlisten = \"192.0.2.1:1\"\nmax_body = \"1 KiB\"\nmax_record = \"1 KiB\"\n[ops]\nlisten = \"127.0.0.1:0\"")
        .environment("TALLYGATE_INGEST__LISTEN", "192.0.2.1:2")
        .environment("TALLYGATE_INGEST__MAX_BODY", "2 KiB")
        .environment("TALLYGATE_PORT", "tcp://10.0.0.1:5000")
        .only_flags(&["--listen", "127.0.0.1:0"])
        .start();
    gateway.post(" ".repeat(2048)).expect_tally(0, 0);
    gateway.post(" ".repeat(2049)).expect_error(413, "too-large");
    gateway.expect_to_serve();
}

#[test]
fn the_log_is_json_where_nobody_sits_in_front_of_it() {
    let gateway = Gateway::start();
    gateway.expect_to_serve();
    let log = gateway.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for key in ["timestamp", "level", "message"] {
            assert!(line[key].is_string(), "{line} has no {key}");
        }
    }
}

#[test]
fn bench_tells_what_it_measured() {
    let gateway = Gateway::start();
    let url = gateway.url("/logs");
    let output = tallygate(&["bench", "--url", &url, "-c", "4", "-n", "100", "-b", "20", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).expect("one JSON object");
    assert_eq!(report["requests"], 100);
    assert_eq!(report["failed"], 0);
    assert_eq!(report["records_per_request"], 20);
    assert_eq!(report["statuses"]["202"], 100);
    assert!(report["records_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{report}");
    assert!(report["latency_microseconds"]["p99"].is_u64(), "{report}");
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 2000);

    let output = tallygate(&["bench", "--url", &url, "-c", "2", "-d", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("requests/s"), "{}", stdout(&output));
}

#[test]
fn bench_fails_where_requests_do() {
    let gateway = Gateway::start();
    let output = tallygate(&["bench", "--url", &gateway.url("/elsewhere"), "-c", "1", "-n", "5", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let url = gateway.url("/logs");
    gateway.stop();
    let output = tallygate(&["bench", "--url", &url, "-c", "1", "-n", "5"]);
    assert_eq!(output.status.code(), Some(1), "nobody is there");
}

#[test]
fn completions_are_a_script_that_the_shell_takes() {
    let output = tallygate(&["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0));
    let script = stdout(&output);
    for word in ["_tallygate", "serve", "--ops-listen", "rollback", "--dry-run"] {
        assert!(script.contains(word), "{word}");
    }
    let Some(bash) = program("bash") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("completions");
    fs::write(&file, script).expect("writable");
    let output = run(Command::new(bash).arg("-n").arg(&file));
    assert!(output.status.success(), "{}", stderr(&output));
}
