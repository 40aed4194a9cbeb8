//! Which time a record has.

use super::*;

#[test]
fn times() {
    for (value, expect) in [
        (r#""2020-06-24T15:27:00.123456Z""#, 1_593_012_420_123_456_000),
        (r#""2020-06-24 17:27:00+02:00""#, 1_593_012_420_000_000_000),
        (r#""2020-06-24T15:27:00\u005a""#, 1_593_012_420_000_000_000),
        ("1593012420", 1_593_012_420_000_000_000),
        ("1593012420123", 1_593_012_420_123_000_000),
        ("1593012420.123", 1_593_012_420_123_000_000),
        ("1593012420.123456", 1_593_012_420_123_456_000),
        ("1593012420123456789", 1_593_012_420_123_456_789),
        ("1.593012420123e9", 1_593_012_420_123_000_000),
        (r#""1593012420""#, 1_593_012_420_000_000_000),
        (r#""24/Jun/2020:15:27:00 +0000""#, 1_593_012_420_000_000_000),
        (r#""2020-06-24T15:27:00,123+0000""#, 1_593_012_420_123_000_000),
        (r#""2020-06-24 16:27+01""#, 1_593_012_420_000_000_000),
        (r#""20200624T152700Z""#, 1_593_012_420_000_000_000),
        (r#""Wed, 24 Jun 2020 15:27:00 GMT""#, 1_593_012_420_000_000_000),
        (r#""2020-06-24T17:27:00+02:00[Europe\/Berlin]""#, 1_593_012_420_000_000_000),
        (r#""[24/Jun/2020:15:27:00 +0000]""#, 1_593_012_420_000_000_000),
        (r#""2020-02-30T15:27:00Z""#, UNREAD_TIME),
        (r#""2020-06-24T15:27:00""#, UNREAD_TIME),
        (r#""0001-01-01T00:00:00Z""#, UNREAD_TIME),
        ("0.212", UNREAD_TIME),
        ("0", UNREAD_TIME),
        ("{}", UNREAD_TIME),
        ("true", UNREAD_TIME),
        (r#""""#, NO_TIME),
        (r#"" - ""#, NO_TIME),
        ("null", NO_TIME),
        ("[]", NO_TIME),
        (r#"["2020-06-24T15:27:00Z","x"]"#, 1_593_012_420_000_000_000),
    ] {
        check_time(&[], &format!(r#"{{"time":{value},"ip":"1.2.3.4"}}"#), expect);
        check_time(&[], &format!(r#"{{"ip":"::1","ts":{value}}}"#), expect);
    }
    let both = r#"{"time":1000000000,"timestamp":"x","ip":"1.2.3.4"}"#;
    check_time(&[], both, 1_000_000_000_000_000_000);
    check_time(&[("time", "")], both, NO_TIME);
    let nested = r#"{"time":1000000000,"nested":{"at":1000000002},"ip":"1.2.3.4"}"#;
    check_time(&[("time", "nested.at")], nested, 1_000_000_002_000_000_000);
    // Records that name no client have times, too.
    let nobody = |record: &str| read_one(&mut json(&[]), record.as_bytes());
    assert_eq!(nobody(r#"{"a":1,"time":1000000000}"#), Ok((None, 1_000_000_000_000_000_000)));
    assert_eq!(nobody(r#"{"ip":null,"time":"noon"}"#), Ok((None, UNREAD_TIME)));
    assert_eq!(nobody(r#"{"ip":"-"}"#), Ok((None, NO_TIME)));
    // A visit without a time among others keeps its place in the column.
    let records: [&[u8]; 3] = [br#"{"ip":"1.1.1.1"}"#, br#"{"ip":5}"#, br#"{"ip":"::2","time":1000000000}"#];
    let times: Vec<_> = read(&mut json(&[]), &records).into_iter().map(|answer| answer.map(|(_, time)| time)).collect();
    assert_eq!(times, [Ok(NO_TIME), Err(18), Ok(1_000_000_000_000_000_000)]);
}

#[test]
fn the_first_time_that_can_be_one_wins() {
    const TIME: i64 = 1_795_150_800_000_000_000;
    for (record, expect) in [
        (r#"{"ip":"1.2.3.4","time":0.212,"ts":"2026-11-20T05:00:00Z"}"#, TIME),
        (r#"{"ip":"1.2.3.4","timestamp":0,"time":"2026-11-20T05:00:00Z"}"#, TIME),
        (r#"{"ip":"1.2.3.4","timestamp":"0001-01-01T00:00:00Z","ts":1795150800}"#, TIME),
        (r#"{"ip":"1.2.3.4","timestamp":null,"@timestamp":"-","ts":1795150800}"#, TIME),
        (r#"{"ip":"1.2.3.4","date":"2026-11-20","time":"05:00:00"}"#, TIME),
        (r#"{"ip":"1.2.3.4","time":"05:00:00.5","date":"2026-11-20"}"#, TIME + 500_000_000),
        (r#"{"ip":"1.2.3.4","date":"2026-11-20","time":"05:00:00","ts":1795150801}"#, TIME + 1_000_000_000),
        (r#"{"ip":"1.2.3.4","date":"2026-11-20"}"#, UNREAD_TIME),
        (r#"{"ip":"1.2.3.4","date":"2026-11-20","time":0.5}"#, UNREAD_TIME),
        (r#"{"ip":"1.2.3.4","time":"noon","ts":null}"#, UNREAD_TIME),
        (r#"{"ip":"1.2.3.4","time":null,"ts":""}"#, NO_TIME),
    ] {
        check_time(&[], record, expect);
    }
}

/// The spellings of the README's table, each of them the same second.
#[test]
fn the_table_of_times_holds() {
    let readme = include_str!("../../../README.md");
    let table = readme.split("## Which time").nth(1).and_then(|rest| rest.split("## ").next()).expect("it is there");
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| `") && !line.contains("two fields")) {
        let cell = row.split('|').nth(1).expect("a row has a spelling");
        for spelling in cell.split('`').skip(1).step_by(2) {
            let record = format!(r#"{{"ip":"1.2.3.4","time":"{spelling}"}}"#);
            let time = read_one(&mut json(&[]), record.as_bytes()).map(|(_, time)| time / 1_000_000_000);
            assert_eq!(time, Ok(1_795_150_800), "{spelling}");
            rows += 1;
        }
    }
    assert!(rows > 12, "only {rows} spellings were found");
}
