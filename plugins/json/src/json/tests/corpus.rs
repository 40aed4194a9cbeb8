//! Real records, which are not part of this repository.

use super::*;

/// The folder of real log lines, which are not part of this repository.
#[test]
fn hard_records_from_the_field() {
    let Some(folder) = std::env::var_os("TALLYGATE_CORPUS") else {
        eprintln!("SKIPPED: TALLYGATE_CORPUS is not set, it names the folder that holds field_cases.jsonl");
        return;
    };
    let file = std::path::Path::new(&folder).join("field_cases.jsonl");
    let cases = std::fs::read_to_string(file).expect("TALLYGATE_CORPUS holds field_cases.jsonl");
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a case is JSON")) {
        if case["plugin"] != "json" || case.get("needs").is_some() {
            continue;
        }
        count += 1;
        let base64 = case["input_base64"].as_str().expect("a case has its bytes");
        let answer = read_one(&mut json(&[]), &decode(base64));
        let expect: Option<IpAddr> = case["expect_ip"].as_str().map(|ip| ip.parse().expect("an address"));
        let millis = answer.ok().map(|(_, time)| time.div_euclid(1_000_000));
        let time = case["expect_time_ms"].as_i64().filter(|_| expect.is_some());
        if answer.ok().and_then(|(ip, _)| ip) != expect || time.is_some() && millis != time {
            wrong.push(format!("{}: {answer:?}", case["id"]));
        }
    }
    assert!(count > 0, "no cases for this plugin");
    assert!(wrong.is_empty(), "{} of {count} are wrong: {wrong:#?}", wrong.len());
}

/// RFC 4648 section 4.
fn decode(base64: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters: Vec<u32> = base64
        .bytes()
        .filter_map(|byte| LETTERS.iter().position(|letter| *letter == byte))
        .map(|at| at as u32)
        .collect();
    let group = |letters: &[u32]| {
        let bits = letters.iter().fold(0, |bits, letter| bits << 6 | letter) << (6 * (4 - letters.len()));
        bits.to_be_bytes()[1..letters.len()].to_vec()
    };
    letters.chunks(4).flat_map(group).collect()
}
