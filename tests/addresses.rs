//! Every way to write an address, through the front door.

use std::collections::HashSet;

use serde_json::json;

use crate::harness::{Gateway, Reply};

const TABLE: &str = include_str!("../gateway/docs/addresses.md");

/// The rows of the table: a spelling, and the address it means or none.
fn rows() -> Vec<(String, Option<String>)> {
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, spelling, answer, ..] = cells[..] else { return None };
        let spelling = spelling.strip_prefix('`')?.strip_suffix('`')?;
        let answer = answer.strip_prefix('`').and_then(|answer| answer.strip_suffix('`'));
        Some((spelling.to_owned(), answer.map(str::to_owned)))
    };
    TABLE.lines().filter_map(row).collect()
}

fn post(gateway: &Gateway, address: &str) -> Reply {
    gateway.post(json!({ "ip": address }).to_string())
}

#[test]
fn every_spelling_of_the_table_means_what_the_table_says() {
    let gateway = Gateway::start();
    let rows = rows();
    assert!(rows.len() > 90, "only {} rows were understood", rows.len());
    let mut seen = HashSet::new();
    for (spelling, answer) in rows {
        // The plugin has rules of its own here: a list counts by its leftmost address, whether commas
        // or spaces separate it; `-` and blanks stand for nothing.
        if spelling.contains(',') || spelling == "1.2.3.4 5.6.7.8" {
            continue;
        }
        let Some(answer) = answer else {
            let reply = post(&gateway, &spelling).expect_tally(1, 0);
            let code = if ["-", " "].contains(&spelling.as_str()) { "field-missing" } else { "not-an-address" };
            assert_eq!(reply.errors(), [(0, code.to_owned())], "{spelling}");
            continue;
        };
        post(&gateway, &spelling).expect_tally(1, 1);
        seen.insert(answer.clone());
        assert_eq!(gateway.unique(), seen.len() as u64, "{spelling} is {answer}");
        // Were it another address than the table says, this would be a new one.
        post(&gateway, &answer).expect_tally(1, 1);
        assert_eq!(gateway.unique(), seen.len() as u64, "{spelling} is {answer}");
    }
}

#[test]
fn an_address_is_counted_once_however_often_and_in_whichever_way_it_comes() {
    let gateway = Gateway::start();
    let spellings = ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "[::ffff:192.0.2.1]:443", "192.0.2.1:80"];
    for spelling in spellings.repeat(3) {
        post(&gateway, spelling).expect_tally(1, 1);
    }
    let lines: String = spellings.repeat(100).iter().map(|ip| json!({ "ip": ip }).to_string() + "\n").collect();
    gateway.post(lines).expect_tally(500, 500);
    assert_eq!(gateway.unique(), 1);
    post(&gateway, "2001:db8::1").expect_tally(1, 1);
    post(&gateway, "2001:DB8:0::0:1").expect_tally(1, 1);
    assert_eq!(gateway.unique(), 2);
}
