//! `tallygate plugin test`.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::{fed, plugin_in, printed, project, text};
use crate::harness::JSON;

fn test(folder: &Path, arguments: &[&str]) -> Output {
    fed(plugin_in(folder, &[&["test"], arguments].concat()), b"")
}

#[test]
fn answers_are_blessed_and_then_expected() {
    let own = project(JSON, "");
    let tests = own.path().join("tests");
    fs::write(tests.join("a.log"), "{\"ip\":\"192.0.2.1\",\"time\":\"2026-11-20T05:00:00Z\"}\nno json\n")
        .expect("writable");
    let missing = test(own.path(), &[]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("`tallygate plugin test --update` writes"), "{}", text(&missing.stderr));

    printed(&test(own.path(), &["--update"]));
    let blessed = fs::read_to_string(tests.join("a.expected")).expect("was written");
    let (first, second) = blessed.split_once('\n').expect("two lines");
    assert_eq!(first, r#"{"ip":"192.0.2.1","time":"2026-11-20T05:00:00Z"}"#);
    assert!(second.starts_with(r#"{"reject":"malformed","message":"not JSON"#), "{second}");
    assert_eq!(printed(&test(own.path(), &[])), "1 file, 2 records: all as expected\n");

    fs::write(tests.join("a.expected"), "{\"ip\":\"192.0.2.9\",\"time\":null}\n{\"reject\":\"malformed\"}\n{}\n")
        .expect("writable");
    let output = test(own.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    for line in [
        "tests/a.log record 1\n  {\"ip\":\"192.0.2.1\",",
        "  expected  {\"ip\":\"192.0.2.9\",\"time\":null}\n  found     {\"ip\":\"192.0.2.1\",",
        "tests/a.log record 3\n  (there is no such record)\n  expected  {}\n  found     nothing",
        "1 file, 2 records: 2 are not as expected; if they are right now, run this again with --update",
    ] {
        assert!(told.contains(line), "{line}\nis not in\n{told}");
    }
    let machine: Value = serde_json::from_str(&text(&test(own.path(), &["--json"]).stdout)).expect("JSON");
    assert_eq!((&machine["files"], &machine["records"]), (&json!(1), &json!(2)));
    assert_eq!(machine["differences"][0]["expected"], json!({"ip": "192.0.2.9", "time": null}));
    assert_eq!(machine["differences"][1]["record"], 3);
}

#[test]
fn a_test_has_terms_of_its_own() {
    let own = project(JSON, "");
    let tests = own.path().join("tests");
    fs::write(tests.join("b.log"), "eyJ3aG8iOgoiMTkyLjAuMi4xIn0=\ne30=\n").expect("writable");
    let terms =
        "base64 = true\naddress = \"optional\"\nreceived = \"2026-11-20T05:00:00Z\"\n[settings]\nfields = \"who\"\n";
    fs::write(tests.join("b.toml"), terms).expect("writable");
    fs::write(tests.join("b.expected"), "{\"ip\":\"192.0.2.1\",\"time\":null}\n{\"ip\":null,\"time\":null}\n")
        .expect("writable");
    printed(&test(own.path(), &[]));
    for (terms, words) in [
        ("address = \"perhaps\"", "address of "),
        ("received = \"noon\"", "expected a time such as 2026-01-31T05:00:00Z, found noon"),
        ("colour = \"red\"", "unknown field `colour`"),
        ("[settings]\ncolour = \"red\"", "unknown setting `colour`"),
    ] {
        fs::write(tests.join("b.toml"), terms).expect("writable");
        let output = test(own.path(), &[]);
        assert_eq!(output.status.code(), Some(1), "{terms}");
        assert!(text(&output.stderr).contains(words), "{terms}: {}", text(&output.stderr));
    }
}

#[test]
fn a_folder_without_tests_says_how_to_get_some() {
    let own = project(JSON, "");
    let output = test(own.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there are no tests in "), "{}", text(&output.stderr));
}
