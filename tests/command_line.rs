//! The command line: what it takes, what it prints where, and how it ends.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{ADMIN, Gateway, JSON, Setup, forget_own_variables, program, run};

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
    // What takes its time is told; nothing else is.
    let told = stderr(&output);
    assert!(told.lines().all(|line| line.starts_with("tallygate: loading the plugin ")), "{told}");
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
    assert_eq!((&report["records_accepted"], &report["refusals"]), (&json!(2000), &json!([])));
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 2000);
    assert_eq!(gateway.metrics().value("tallygate_event_times_replaced_total"), 0, "its records are of the present");

    let output = tallygate(&["bench", "--url", &url, "-c", "2", "-d", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("requests/s"), "{}", stdout(&output));
}

#[test]
fn bench_fails_where_requests_do() {
    let gateway = Gateway::start();
    let output = tallygate(&["bench", "--url", &gateway.url("/elsewhere"), "-c", "1", "-n", "5", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&stdout(&output)).expect("one JSON object");
    assert_eq!((&report["records_accepted"], &report["records_per_second"]), (&json!(0), &json!(0.0)), "{report}");
    let refused = &report["refusals"][0];
    assert_eq!(
        (&refused["status"], &refused["code"], &refused["count"]),
        (&json!(404), &json!("not-found"), &json!(5))
    );
    assert!(refused["message"].as_str().is_some_and(|words| words.contains("/elsewhere")), "{report}");
    let url = gateway.url("/logs");
    gateway.stop();
    let output = tallygate(&["bench", "--url", &url, "-c", "1", "-n", "5"]);
    assert_eq!(output.status.code(), Some(1), "nobody is there");
}

#[test]
fn bench_sends_records_of_ones_own_and_says_what_becomes_of_them() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("records");
    fs::write(&file, "{\"ip\":\"192.0.2.1\"}\nnothing\n").expect("writable");
    let file = file.to_str().expect("text");
    let output = tallygate(&["bench", "--url", &gateway.url("/logs"), "-c", "1", "-n", "3", "--json", "--body", file]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "", "it adds what is in the file");
    let report: Value = serde_json::from_str(&stdout(&output)).expect("one JSON object");
    assert_eq!((&report["records_accepted"], &report["records_rejected"]), (&json!(3), &json!(3)), "{report}");
    assert_eq!((&report["refusals"][0]["code"], &report["refusals"][0]["count"]), (&json!("malformed"), &json!(3)));
    assert_eq!(gateway.unique(), 1);
    assert_eq!(tallygate(&["bench", "--body", "/nowhere"]).status.code(), Some(1));
}

#[test]
fn what_is_allowed_and_not_meant_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let (below, file) = (folder.path().join("below"), folder.path().join("below/t.toml"));
    fs::create_dir(&below).expect("a new folder");
    let text = "[plugins.mine]\npath = \"mine.wasm\"\n[[routes]]\npath = \"/a\"\nplugins = [\"json\"]\n\
                [[routes]]\npath = \"/a\"\ncontent_type = \"text/plain\"\nplugins = [\"mine\"]\n";
    fs::write(&file, text).expect("writable");
    // Where the path led before, and where it leads now.
    fs::write(folder.path().join("mine.wasm"), "nothing that loads").expect("writable");
    fs::write(below.join("mine.wasm"), JSON).expect("writable");
    let output = run(command(&["check", "--config", "below/t.toml"]).current_dir(folder.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let told = stderr(&output);
    let warns = |line: u32, words: &str| {
        let place = format!("warning: below/t.toml:{line}: ");
        told.lines().any(|told| told.contains(&place) && told.contains(words))
    };
    assert!(warns(6, "this route gets nothing, as the route in line 3"), "{told}");
    assert!(warns(2, "relative to the folder of this file"), "{told}");
    fs::remove_file(folder.path().join("mine.wasm")).expect("it is there");
    let output = run(command(&["check", "--config", "below/t.toml"]).current_dir(folder.path()));
    assert!(!stderr(&output).contains("relative"), "{}", stderr(&output));
}

/// What it says it adds is all that it adds, and goes as it says.
#[test]
fn what_bench_leaves_can_be_forgotten_as_it_says() {
    let (Some(_), Some(bash)) = (program("grep"), program("bash")) else { return };
    let gateway = Gateway::with_config(ADMIN);
    gateway.post(r#"{"ip":"192.0.2.1"}"#).expect_tally(1, 1);
    let output = tallygate(&["bench", "--url", &gateway.url("/logs"), "-c", "1", "-n", "5", "-b", "50"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(gateway.unique() > 100);
    let told = stderr(&output);
    let (_, way) = told.trim_end().rsplit_once("forget them: ").expect("it says how");
    let mut command = Command::new(bash);
    forget_own_variables(&mut command);
    command.env("TALLYGATE_URL", format!("http://{}", gateway.ops())).env("TALLYGATE_TOKEN", "correct-horse");
    let way = way.replace("tallygate ", &format!("{} ", env!("CARGO_BIN_EXE_tallygate")));
    let output = run(command.arg("-c").arg(way));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(gateway.unique(), 1);
}

#[test]
fn whoever_has_read_enough_is_no_error() {
    let Some(bash) = program("bash") else { return };
    let gateway = Gateway::start();
    let many: String = (0..20_000_u32).map(|n| format!("{{\"ip\":\"{}\"}}\n", Ipv4Addr::from_bits(n * 99))).collect();
    gateway.post(many).expect_tally(20_000, 20_000);
    let mut command = Command::new(bash);
    forget_own_variables(&mut command);
    command.env("TALLYGATE_URL", format!("http://{}", gateway.ops()));
    let line = format!("set -o pipefail; {} query export --format csv | head -n 2", env!("CARGO_BIN_EXE_tallygate"));
    let output = run(command.arg("-c").arg(line));
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert_eq!(stdout(&output).lines().count(), 2);
}

#[test]
fn completions_are_a_script_that_the_shell_takes() {
    let output = tallygate(&["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0));
    let script = stdout(&output);
    for word in ["_tallygate", "serve", "--ops-listen", "rollback", "--dry-run"] {
        assert!(script.contains(word), "{word}");
    }
    assert!(!script.contains("compile-plugin"), "what is not for people is not shown to them");
    let Some(bash) = program("bash") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("completions");
    fs::write(&file, script).expect("writable");
    let output = run(Command::new(bash).arg("-n").arg(&file));
    assert!(output.status.success(), "{}", stderr(&output));
}
