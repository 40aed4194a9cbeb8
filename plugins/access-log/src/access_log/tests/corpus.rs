//! Real lines, which are not part of this repository.

use std::{collections::BTreeSet, path::Path};

use super::*;

/// The folder of real log lines, which are not part of this repository.
fn corpus(file: &str) -> Option<String> {
    let Some(folder) = std::env::var_os("TALLYGATE_CORPUS") else {
        eprintln!("SKIPPED: TALLYGATE_CORPUS is not set, it names the folder that holds {file}");
        return None;
    };
    Some(std::fs::read_to_string(Path::new(&folder).join(file)).expect("TALLYGATE_CORPUS holds the file"))
}

#[test]
fn hard_records_from_the_field() {
    let Some(cases) = corpus("field_cases.jsonl") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a case is JSON")) {
        if case["plugin"] != "access-log" || case.get("needs").is_some() {
            continue;
        }
        count += 1;
        let columns = read(&[case["input"].as_str().expect("a case has a line").as_bytes()]);
        let address = case["expect_ip"].as_str().map(|ip| Address::parse(ip.as_bytes()).expect("an address"));
        let found = columns.v4.first().map(|quad| Address::V4(*quad));
        let time = case["expect_time_ms"].as_i64();
        let millis = columns.times.first().map(|time| time.div_euclid(1_000_000));
        if found != address || time.is_some() && millis != time {
            wrong.push(format!("{}: {found:?} {:?}", case["id"], columns.times));
        }
    }
    assert!(count > 0, "no cases for this plugin");
    assert!(wrong.is_empty(), "{} of {count} are wrong: {wrong:#?}", wrong.len());
}

#[test]
fn ten_thousand_real_lines() {
    let Some(corpus) = corpus("apache_combined.log") else { return };
    let lines: Vec<&[u8]> = corpus.as_bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let columns = read(&lines);
    let firsts: Vec<u32> = lines
        .iter()
        .map(|line| {
            let first = line.split(|byte| *byte == b' ').next().expect("a split has a first part");
            match Address::parse(first) {
                Some(Address::V4(address)) => address,
                other => panic!("the corpus holds {other:?}"),
            }
        })
        .collect();
    assert_eq!(lines.len(), 10_000);
    assert_eq!(columns.v4, firsts);
    assert_eq!(columns.times.iter().filter(|time| **time == NO_TIME).count(), 0);
    assert_eq!(columns.v4.iter().collect::<BTreeSet<_>>().len(), 1_753);
}
