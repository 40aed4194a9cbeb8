//! The SDKs of all languages read addresses and times alike. Rust's own tests go through the same table of addresses.

use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use tallygate_workshop::{Language, create};

/// What cannot be read, or lies outside of the years of visits.
const UNREAD: i64 = i64::MIN + 1;

/// Midnight of 2026-11-20, in seconds.
const DAY: i64 = 1_795_132_800;

fn times() -> Vec<(&'static str, i64)> {
    let at = |seconds: i64, nanoseconds: i64| (DAY + seconds) * 1_000_000_000 + nanoseconds;
    vec![
        ("2026-11-20T05:00:00Z", at(18_000, 0)),
        ("2026-11-20t05:00:00z", at(18_000, 0)),
        ("2026-11-20 05:00:00Z", at(18_000, 0)),
        ("2026-11-20T05:00:00.25Z", at(18_000, 250_000_000)),
        ("2026-11-20T05:00:00.123456789Z", at(18_000, 123_456_789)),
        ("2026-11-20T05:00:00.1234567899999Z", at(18_000, 123_456_789)),
        ("2026-11-20T05:00:00+01:30", at(12_600, 0)),
        ("2026-11-20T05:00:00-0130", at(23_400, 0)),
        ("2026-11-20T23:59:60Z", at(86_400, 0)),
        ("2026-11-21T00:59:60+01:00", at(86_400, 0)),
        ("2026-11-20T05:00:60Z", UNREAD),
        ("2026-11-20T05:00:61Z", UNREAD),
        ("2026-11-20T24:00:00Z", UNREAD),
        ("2026-11-20T05:60:00Z", UNREAD),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ("2026-02-29T00:00:00Z", UNREAD),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
        ("2026-13-01T00:00:00Z", UNREAD),
        ("2026-00-01T00:00:00Z", UNREAD),
        ("2026-11-00T00:00:00Z", UNREAD),
        ("2026-11-31T00:00:00Z", UNREAD),
        ("2026-11-20T05:00:00", UNREAD),
        ("2026-11-20T05:00:00.Z", UNREAD),
        ("2026-11-20T05:00Z", at(18_000, 0)),
        ("2026-11-20 05:00+01", at(14_400, 0)),
        ("2026-11-20T05:00:00,5Z", at(18_000, 500_000_000)),
        ("2026-11-20T05:00:00,Z", UNREAD),
        ("2026-11-20T05:00,5Z", UNREAD),
        ("2026-11-20T05:00.5Z", UNREAD),
        ("2026-11-20T05:00:0Z", UNREAD),
        ("2026-11-20T05:00:Z", UNREAD),
        ("2026-11-20T05:00", UNREAD),
        ("2026-11-20T05Z", UNREAD),
        ("2026-11-20T05:00:00+01", at(14_400, 0)),
        ("2026-11-20T05:00:00-24", UNREAD),
        ("2026-11-20T05:00:00+0", UNREAD),
        ("2026-11-20T05:00:00+013", UNREAD),
        ("2026-11-20T05:00:00+01:", UNREAD),
        ("2026-11-20 05:00:00.25 -0130", at(23_400, 250_000_000)),
        ("2026-11-20 05:00:00 UTC", at(18_000, 0)),
        ("2026-11-20 05:00:00utc", at(18_000, 0)),
        ("2026-11-20 05:00:00 gmt", at(18_000, 0)),
        ("2026-11-20 05:00:00 UT", at(18_000, 0)),
        ("2026-11-20 05:00:00 z", at(18_000, 0)),
        ("2026-11-20 05:00:00 CET", UNREAD),
        ("2026-11-20 05:00:00 U", UNREAD),
        ("2026-11-20", UNREAD),
        ("2026-11-20T05:00:00+1:30", UNREAD),
        ("2026-11-20T05:00:00+24:00", UNREAD),
        ("2026-11-20T05:00:00+01:60", UNREAD),
        ("2026-11-20T05:00:00Z ", at(18_000, 0)),
        (" 2026-11-20T05:00:00Z", at(18_000, 0)),
        ("2026-11-20T05:00:00ZZ", UNREAD),
        ("2026-11-2xT05:00:00Z", UNREAD),
        ("2026/11/20T05:00:00Z", UNREAD),
        ("0001-01-01T00:00:00Z", UNREAD),
        ("1989-12-31T23:59:59Z", UNREAD),
        ("1990-01-01T00:00:00Z", 631_152_000_000_000_000),
        ("2099-12-31T23:59:59.999999999Z", 4_102_444_799_999_999_999),
        ("2100-01-01T00:00:00Z", UNREAD),
        ("", UNREAD),
        ("nonsense", UNREAD),
    ]
}

/// The rows of the table of addresses: what is written, and what a driver says of it.
fn addresses() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the checkout");
    let page = std::fs::read_to_string(root.join("gateway/docs/addresses.md")).expect("the page is there");
    let mut rows = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split(" | ").collect();
        let written = cells[0].strip_prefix("| `").and_then(|cell| cell.strip_suffix('`')).expect("a spelling");
        let answer = match cells[1].trim_matches('`').parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => format!("4 {:032x}", u32::from(address)),
            Ok(IpAddr::V6(address)) => format!("6 {:032x}", u128::from(address)),
            Err(_) => {
                assert_eq!(cells[1], "none", "{row}");
                "none".to_owned()
            }
        };
        rows.push((written.to_owned(), answer));
    }
    assert!(rows.len() > 100, "only {} rows", rows.len());
    // What the page does not say: a length behind a port, as Rust's SDK reads it.
    for (written, answer) in [
        ("1.2.3.4:80/128", "4 00000000000000000000000001020304"),
        ("[::1]:80/128", "6 00000000000000000000000000000001"),
        ("1:2:3:4:5:6:7:8:80/128", "6 00010002000300040005000600070008"),
        ("[::1]:/128", "none"),
        ("1.2.3.4:80/32/128", "none"),
        ("]/128", "none"),
    ] {
        rows.push((written.to_owned(), answer.to_owned()));
    }
    rows
}

/// Whether a program is on this machine: `cargo test` alone needs nothing but Rust.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Asks the SDK of a language. `commands` are run in the project; the last one is the driver.
fn check(language: Language, driver: (&str, &str), commands: &[&[&str]]) {
    let needed = commands[0][0];
    if !is_there(needed) {
        eprintln!("not tried, for there is no {needed}: tests/run installs it");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("spellings");
    create(&project, "spellings", language).expect("a project");
    let (name, text) = driver;
    let driver = project.join(name);
    std::fs::create_dir_all(driver.parent().expect("a folder")).expect("can be made");
    std::fs::write(driver, text).expect("can be written");

    let addresses = addresses();
    let times = times();
    let mut input = String::new();
    let mut expected = Vec::new();
    for (written, answer) in &addresses {
        input.push_str(&format!("address {written}\n"));
        expected.push((written.as_str(), answer.clone()));
    }
    for (written, time) in &times {
        input.push_str(&format!("time {written}\n"));
        expected.push((*written, time.to_string()));
    }

    let mut output = Vec::new();
    for words in commands {
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .current_dir(&project)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}; tests/run installs it", words[0]));
        let mut stdin = child.stdin.take().expect("is piped");
        // What only compiles does not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let done = child.wait_with_output().expect("it ends");
        assert!(done.status.success(), "{words:?}");
        output = done.stdout;
    }
    let output = String::from_utf8(output).expect("is text");
    let answers: Vec<_> = output.lines().collect();
    assert_eq!(answers.len(), expected.len());
    for (answer, (written, expected)) in answers.iter().zip(expected) {
        assert_eq!(*answer, expected, "`{written}`");
    }
}

#[test]
fn c_reads_them() {
    let compile = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I.", "-o", "driver", "driver.c", "sdk/address.c"];
    let compile = [&compile[..], &["sdk/text.c", "sdk/time.c"]].concat();
    check(Language::C, ("driver.c", include_str!("spellings/c.c")), &[&compile, &["./driver"]]);
}

#[test]
fn go_reads_them() {
    check(Language::Go, ("driver/main.go", include_str!("spellings/go.go")), &[&["go", "run", "./driver"]]);
}

#[test]
fn javascript_reads_them() {
    check(Language::JavaScript, ("driver.mjs", include_str!("spellings/js.mjs")), &[&["node", "driver.mjs"]]);
}

#[test]
fn python_reads_them() {
    check(Language::Python, ("driver.py", include_str!("spellings/python.py")), &[&["python3", "driver.py"]]);
}
