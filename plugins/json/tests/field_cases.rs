//! Hard records from the field, of which somebody has argued what the right answer is. They are not part of the
//! project: the folder with them is named by the environment variable `TALLYGATE_CORPUS`.

use std::net::IpAddr;

use access_log::AccessLog;
use json::Json;
use serde_json::Value;
use tallygate_guest::{Format, extract};

#[test]
fn hard_records_from_the_field() {
    let Some(folder) = std::env::var_os("TALLYGATE_CORPUS") else {
        eprintln!("SKIPPED: TALLYGATE_CORPUS is unset, so no hard record was read");
        return;
    };
    let path = std::path::Path::new(&folder).join("field_cases.jsonl");
    let cases = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut read, mut misses) = (0, Vec::new());
    for case in cases.lines().map(|line| serde_json::from_str::<Value>(line).expect("a case is JSON")) {
        // What depends on framing or on an envelope is not for a plugin to decide.
        if case.get("needs").is_some() {
            continue;
        }
        read += 1;
        let record = decode(case["input_base64"].as_str().expect("a case has its bytes"));
        let got = match case["plugin"].as_str() {
            Some("json") => answer::<Json>(&record),
            Some("access-log") => answer::<AccessLog>(&record),
            other => panic!("no such plugin: {other:?}"),
        };
        let ip: Option<IpAddr> = case["expect_ip"].as_str().map(|ip| ip.parse().expect("the case's own address"));
        let time = case["expect_time_ms"].as_i64();
        let right = got.map(|(ip, _)| ip) == ip && (time.is_none() || got.map(|(_, time)| time) == Some(time));
        if !right {
            misses.push(format!("{}: got {got:?}, not {ip:?} at {time:?}: {}", case["id"], case["why"]));
        }
    }
    assert!(read > 0, "{} holds no case", path.display());
    assert!(misses.is_empty(), "{} of {read} wrong:\n{}", misses.len(), misses.join("\n"));
}

fn answer<F: Format>(record: &[u8]) -> Option<(IpAddr, Option<i64>)> {
    let mut format = F::configure(&[]).expect("the defaults are accepted");
    let columns = extract(&mut format, record, &[0], &[record.len() as u32]);
    let ip = match (columns.v4.first(), columns.v6.as_slice()) {
        (Some(address), _) => IpAddr::V4((*address).into()),
        (None, [high, low]) => IpAddr::V6((u128::from(*high) << 64 | u128::from(*low)).into()),
        _ => return None,
    };
    Some((ip, columns.times.first().copied().filter(|time| *time > i64::MIN + 1)))
}

fn decode(base64: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in base64.bytes().filter(|byte| *byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("no base64: {byte}"),
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
