use std::net::IpAddr;

use tallygate_guest::{NO_TIME, UNREAD_TIME, extract};

use super::*;

mod differential;
mod grammar;

/// The answer to a record: an address and a time, or the code.
type Answer = Result<(IpAddr, i64), u8>;

fn json(settings: &[(&str, &str)]) -> Json {
    let owned: Vec<_> = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Json::configure(&owned).expect("the test's own settings")
}

/// Reads records in one call.
fn read(json: &mut Json, records: &[&[u8]]) -> Vec<Answer> {
    let mut data = Vec::new();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for record in records {
        starts.push(data.len() as u32);
        data.extend_from_slice(record);
        ends.push(data.len() as u32);
        data.push(b'\n');
    }
    let columns = extract(json, &data, &starts, &ends);
    let (mut v4, mut v6) = (columns.v4.iter(), columns.v6.chunks(2));
    let mut times = columns.times.iter();
    let mut answer = |status: u8| {
        let ip = match status {
            0 => IpAddr::V4((*v4.next().expect("the column has an entry")).into()),
            1 => match v6.next() {
                Some([high, low]) => IpAddr::V6((u128::from(*high) << 64 | u128::from(*low)).into()),
                other => panic!("the column has {other:?}"),
            },
            code => return Err(code),
        };
        Ok((ip, times.next().copied().unwrap_or(NO_TIME)))
    };
    let answers = columns.status.iter().map(|status| answer(*status)).collect();
    assert!(v4.next().is_none() && v6.next().is_none() && times.next().is_none(), "columns too long");
    answers
}

/// Reads a record by every way there is: alone, by the full parser, by following shapes, and with other records
/// before and behind it.
fn read_one(json: &mut Json, record: &[u8]) -> Answer {
    let first = read(json, &[record]);
    let others: [&[u8]; 2] = [br#"{"ip":"9.9.9.9","b":[1,{"c":null}]}"#, b"[[\"\xc3\xbc\"]"];
    let mixed = read(json, &[record, record, others[0], record, others[1], record, others[0]]);
    for at in [0, 1, 3, 5] {
        assert_eq!(first[0], mixed[at], "{}", record.escape_ascii());
    }
    let explained = json.explain(record);
    assert_eq!(explained.is_ok(), first[0].is_ok(), "{}: {explained:?}", record.escape_ascii());
    first[0]
}

#[track_caller]
fn check(settings: &[(&str, &str)], record: &str, expect: Result<&str, u8>) {
    let answer = read_one(&mut json(settings), record.as_bytes()).map(|(ip, _)| ip);
    assert_eq!(answer, expect.map(|ip| ip.parse().expect("the test's own address")), "{record}");
}

#[track_caller]
fn check_time(settings: &[(&str, &str)], record: &str, expect: i64) {
    assert_eq!(read_one(&mut json(settings), record.as_bytes()).map(|(_, time)| time), Ok(expect), "{record}");
}

#[test]
fn common_loggers() {
    for (record, expect) in [
        (
            r#"{"timestamp":"2020-06-24T15:27:00.123456Z","ip":"83.150.59.250","url":"https://example.com/"}"#,
            "83.150.59.250",
        ),
        (
            r#"{"request":{"remote_ip":"172.17.0.1","client_ip":"1.2.3.4","headers":{"A":["b","c"]}},"ts":1.5}"#,
            "1.2.3.4",
        ),
        (r#"{"client_ip":"1.2.3.4","action":"login_failed"}"#, "1.2.3.4"),
        (r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"sourceIPAddress":"1.2.3.4"}"#, "1.2.3.4"),
        (r#"{"httpRequest":{"remoteIp":"2001:db8::1","status":200}}"#, "2001:db8::1"),
        (r#"{"source":{"ip":"1.2.3.4","port":1}}"#, "1.2.3.4"),
        (r#"{"source.ip":"1.2.3.4"}"#, "1.2.3.4"),
        (r#"{"ClientHost":"1.2.3.4","ClientAddr":"x"}"#, "1.2.3.4"),
        (r#"{"attr":{"remote":"[::1]:1053"}}"#, "::1"),
        (r#"{"addr.remote":"172.19.0.2:34204"}"#, "172.19.0.2"),
        (r#"{"downstream_remote_address":"10.0.0.12:59292","x-forwarded-for":"1.2.3.4"}"#, "10.0.0.12"),
        (r#"{"x-forwarded-for":"1.2.3.4, 10.0.0.1, 10.0.0.2"}"#, "1.2.3.4"),
        (r#"{"x_forwarded_for":"unknown, 1.2.3.4"}"#, "1.2.3.4"),
        (r#"{"x_forwarded_for":"1.2.3.4 10.0.0.1"}"#, "1.2.3.4"),
    ] {
        check(&[], record, Ok(expect));
    }
}

#[test]
fn fields_found_by_convention() {
    for (record, expect) in [
        (r#"{"ts":1,"request":{"remote_addr":"[2001:db8::7]:50123"}}"#, Ok("2001:db8::7")),
        (r#"{"attributes":{"source.address":"1.2.3.4","server.address":"9.9.9.9"}}"#, Ok("1.2.3.4")),
        (r#"{"attributes":{"client":{"address":"1.2.3.4"},"server":{"address":"9.9.9.9"}}}"#, Ok("1.2.3.4")),
        (r#"{"httpRequest":{"serverIp":"9.9.9.9","clientIp":"1.2.3.4"}}"#, Ok("1.2.3.4")),
        (r#"{"sourceIp":"1.2.3.4","destinationIp":"9.9.9.9"}"#, Ok("1.2.3.4")),
        (r#"{"sourceIPs":["1.2.3.4","10.0.0.1"],"verb":"get"}"#, Ok("1.2.3.4")),
        (r#"{"sourceIPs":[],"verb":"get"}"#, Err(17)),
        (r#"{"request":{"sourceIp":"1.2.3.4"}}"#, Ok("1.2.3.4")),
        (r#"{"origin.address":"1.2.3.4:41042","origin.type":"rest"}"#, Ok("1.2.3.4")),
        (r#"{"origin":{"address":"[::1]:41042"}}"#, Ok("::1")),
        // Whose address it is counts more than where it stands; the first of a kind that holds one counts.
        (r#"{"sourceIp":"10.0.0.1","request":{"clientAddr":"1.2.3.4"}}"#, Ok("1.2.3.4")),
        (r#"{"userIp":null,"visitorIp":"me","callerIp":"1.2.3.4","viewerIp":"9.9.9.9"}"#, Ok("1.2.3.4")),
        (r#"{"clientAddr":"1.2.3.4","viewer":{"ip":"9.9.9.9"},"userIp":null}"#, Ok("1.2.3.4")),
        (r#"{"X_Real_IP":"9.9.9.9","peerAddress":"1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"peer\u0041ddress":"1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":"\u0031.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":{"x":1}}"#, Err(18)),
        (r#"{"server":{"client":{"ip":"9.9.9.9"}},"upstream.remote_addr":"9.9.9.9","OriginIP":"9.9.9.9"}"#, Err(17)),
        (r#"{"request":{"headers":{"X-Forwarded-For":["9.9.9.9"]}}}"#, Err(17)),
        (r#"{"visitor":{"server":{"ip":"9.9.9.9"}},"source":[{"ip":"9.9.9.9"}]}"#, Err(17)),
    ] {
        check(&[], record, expect);
        // Named fields are exactly those.
        if expect.is_ok() {
            check(&[("fields", "a.b,<client>")], record, Err(17));
        }
    }
    const TIME: i64 = 1_795_150_800_000;
    for (fields, expect) in [
        (r#""requestTime":"20/Nov/2026:05:00:00 +0000""#, TIME),
        (r#""Datetime":"2026-11-20T05:00:00Z""#, TIME),
        (r#""EdgeEndTimestamp":1795150800000000000"#, TIME),
        (r#""requestReceivedTimestamp":"2026-11-20T05:00:00Z","stageTimestamp":"2026-11-20T05:00:01Z""#, TIME),
        (r#""requestTime":0.2,"responseTimestamp":"2026-11-20T05:00:00Z""#, TIME),
        (r#""requestTime":null,"responseTimestamp":"2026-11-20T05:00:00Z""#, TIME),
        (r#""requestContext":{"requestTimeEpoch":1795150800000}"#, TIME),
        (r#""requestTime":"1/1","time":"2026-11-20T05:00:00Z""#, TIME),
        (r#""requestTime":"1/1""#, UNREAD_TIME),
        (r#""request_time":0.2"#, NO_TIME),
    ] {
        check_time(&[], &format!(r#"{{"ip":"1.2.3.4",{fields}}}"#), expect);
        check_time(&[], &format!(r#"{{{fields},"ip":"1.2.3.4"}}"#), expect);
        check_time(&[("time", "a")], &format!(r#"{{{fields},"ip":"1.2.3.4"}}"#), NO_TIME);
    }
    let explain = |record: &str| json(&[]).explain(record.as_bytes());
    assert_eq!(
        explain(r#"{"sourceIPs":["1.2.3.4"],"requestTime" : "20/Nov/2026:05:00:00 +0000"}"#).as_deref(),
        Ok("client 1.2.3.4 from `sourceIPs`; event time 1795150800000 ms since 1970 from `requestTime`")
    );
}

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
        let time = case["expect_time_ms"].as_i64().filter(|_| expect.is_some());
        if answer.ok().map(|(ip, _)| ip) != expect || time.is_some() && answer.ok().map(|(_, time)| time) != time {
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

#[test]
fn the_most_preferred_usable_address_wins() {
    let settings = [("fields", "a,b.c,d")];
    check(&settings, r#"{"d":"3.3.3.3","b":{"c":"2.2.2.2"},"a":"1.1.1.1"}"#, Ok("1.1.1.1"));
    check(&settings, r#"{"d":"3.3.3.3","b":{"c":"2.2.2.2"},"a":"x"}"#, Ok("2.2.2.2"));
    check(&settings, r#"{"d":"3.3.3.3","b":{"c":null},"a":"-"}"#, Ok("3.3.3.3"));
    check(&settings, r#"{"d":"","b":{"c":null},"a":"-"}"#, Err(17));
    check(&settings, r#"{"d":"","b":{"c":null},"a":"x"}"#, Err(18));
    check(&settings, r#"{"d":" ","a":[]}"#, Err(17));
    check(&settings, r#"{"ip":"1.2.3.4"}"#, Err(17));
    check(&settings, r#"{"b":"1.2.3.4","c":"1.2.3.4"}"#, Err(17));
    for odd in ["5", "-0.1e5", "true", "false", "{}", r#"{"ip":"1.2.3.4"}"#, r#""1.2.3""#, r#""010.0.0.1""#, "[5]"] {
        check(&settings, &format!(r#"{{"a":{odd}}}"#), Err(18));
    }
}

#[test]
fn arrays_of_addresses() {
    for (array, expect) in [
        (r#"["1.1.1.1","2.2.2.2"]"#, Ok("1.1.1.1")),
        (r#"["x",null,"1.1.1.1",5,"2.2.2.2"]"#, Ok("1.1.1.1")),
        (r#"["10.0.0.1, 10.0.0.2"]"#, Ok("10.0.0.1")),
        (r#"["\u0031.1.1.1","2.2.2.2"]"#, Ok("1.1.1.1")),
        (r#"["1.1.1.\"","2.2.2.2"]"#, Ok("2.2.2.2")),
        (r#"["2.2.2.2\u0033"]"#, Ok("2.2.2.23")),
        (r#"[null,"","-"]"#, Err(17)),
        (r#"[]"#, Err(17)),
        (r#"["x"]"#, Err(18)),
        (r#"["x",null]"#, Err(18)),
        (r#"[["1.1.1.1"]]"#, Err(17)),
        (r#"[{"ip":"1.1.1.1"}]"#, Err(18)),
    ] {
        check(&[], &format!(r#"{{"ip":{array}}}"#), expect);
        check(&[], &format!(r#"{{"z":"","ip": {array} , "y":1}}"#), expect);
    }
    // Paths do not lead into arrays.
    check(&[], r#"{"source":[{"ip":"1.1.1.1"}]}"#, Err(17));
}

#[test]
fn the_rightmost_hop_that_is_not_trusted() {
    let settings = [("trusted", "10.0.0.0/8, ::1")];
    for (record, expect) in [
        (r#"{"ip":"1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"ip":"10.0.0.1"}"#, Ok("10.0.0.1")),
        (r#"{"xff":"9.9.9.9, 1.2.3.4, 10.0.0.1"}"#, Ok("1.2.3.4")),
        (r#"{"xff":"9.9.9.9, 1.2.3.4 , ::1"}"#, Ok("1.2.3.4")),
        (r#"{"xff":"10.0.0.7, 10.0.0.1"}"#, Ok("10.0.0.7")),
        (r#"{"xff":"9.9.9.9, unknown, 10.0.0.1"}"#, Err(18)),
        (r#"{"xff":["9.9.9.9","1.2.3.4","10.0.0.1"]}"#, Ok("1.2.3.4")),
        (r#"{"xff":["10.0.0.7","10.0.0.1"]}"#, Ok("10.0.0.7")),
        (r#"{"xff":["9.9.9.9","unknown","10.0.0.1"]}"#, Err(18)),
        (r#"{"xff":["9.9.9.9, 1.2.3.4","10.0.0.1, 10.0.0.2"]}"#, Ok("1.2.3.4")),
        (r#"{"sourceIPs":["9.9.9.9","1.2.3.4","10.0.0.1"]}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":"1.2.3.4","sourceIPs":["9.9.9.9","8.8.8.8"]}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":"10.0.0.1","sourceIPs":["9.9.9.9","1.2.3.4"]}"#, Ok("1.2.3.4")),
        // A field whose hops are all trusted gives way to the next one that has another.
        (r#"{"remote_addr":"10.0.0.1","x_forwarded_for":"9.9.9.9, 1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"remote_addr":"1.2.3.4","x_forwarded_for":"9.9.9.9, 8.8.8.8"}"#, Ok("1.2.3.4")),
        (r#"{"remote_addr":"10.0.0.1","x_forwarded_for":"10.0.0.3, 10.0.0.2"}"#, Ok("10.0.0.1")),
        (r#"{"remote_addr":"10.0.0.1","x_forwarded_for":"-"}"#, Ok("10.0.0.1")),
    ] {
        check(&settings, record, expect);
    }
    let explained = json(&settings).explain(br#"{"remote_addr":"10.0.0.1","xff":"9.9.9.9, 1.2.3.4"}"#);
    assert_eq!(
        explained.as_deref(),
        Ok(
            "client 1.2.3.4 from `xff`; no event time: the record has none of `timestamp`, `@timestamp`, `time`, `ts`, `eventTime`, `datetime`, `date`, `start_time`, `StartUTC`, `EdgeStartTimestamp`, `time_iso8601`, `time_local`, `msec`, `t.$date`"
        )
    );
}

#[test]
fn the_last_of_duplicate_keys_wins() {
    check(&[], r#"{"ip":"1.1.1.1","ip":"2.2.2.2"}"#, Ok("2.2.2.2"));
    check(&[], r#"{"ip":"1.1.1.1","ip":null}"#, Err(17));
    check(&[], r#"{"ip":"1.1.1.1","ip":{}}"#, Err(18));
    check(&[], r#"{"ip":["1.1.1.1"],"ip":["2.2.2.2"]}"#, Ok("2.2.2.2"));
    check(&[], r#"{"ip":["1.1.1.1"],"ip":[]}"#, Err(17));
    check(&[], r#"{"source":{"ip":"1.1.1.1"},"source":{"ip":"2.2.2.2"}}"#, Ok("2.2.2.2"));
    check(&[], r#"{"source.ip":"1.1.1.1","source":{"ip":"2.2.2.2"}}"#, Ok("2.2.2.2"));
    // Each path on its own: what does not hold it does not remove it.
    check(&[], r#"{"source":{"ip":"1.1.1.1"},"source":{}}"#, Ok("1.1.1.1"));
}

#[test]
fn escapes_in_keys_and_values() {
    check(&[], r#"{"\u0069p":"1.2.3.4"}"#, Ok("1.2.3.4"));
    check(&[], r#"{"\u0069\u0070":"1\u002e2.3.4"}"#, Ok("1.2.3.4"));
    check(&[], r#"{"ip":"\u005b::1]"}"#, Ok("::1"));
    check(&[], r#"{"ip":"1.2.3.4\n"}"#, Ok("1.2.3.4"));
    check(&[], r#"{"ip":"1.2.3.4\u0000"}"#, Err(18));
    check(&[], r#"{"ip":"\"1.2.3.4\""}"#, Err(18));
    check(&[], r#"{"i\u0070x":"1.2.3.4"}"#, Err(17));
    check(&[], r#"{"url":"https:\/\/a\/\"b\"","ip":"1.2.3.4","x":"\\"}"#, Ok("1.2.3.4"));
}

#[test]
fn dotted_paths_in_all_their_cuts() {
    let settings = [("fields", "a.b.c.d")];
    for record in [
        r#"{"a":{"b":{"c":{"d":"1.2.3.4"}}}}"#,
        r#"{"a.b":{"c.d":"1.2.3.4"}}"#,
        r#"{"a":{"b.c":{"d":"1.2.3.4"}}}"#,
        r#"{"a.b.c":{"d":"1.2.3.4"}}"#,
        r#"{"a":{"b.c.d":"1.2.3.4"}}"#,
        r#"{"a.b.c.d":"1.2.3.4"}"#,
    ] {
        check(&settings, record, Ok("1.2.3.4"));
    }
    for record in
        [r#"{"a":{"b":{"c":"1.2.3.4"}}}"#, r#"{"b":{"c":{"d":"1.2.3.4"}}}"#, r#"{"a":{"a":{"b.c.d":"1.2.3.4"}}}"#]
    {
        check(&settings, record, Err(17));
    }
}

#[test]
fn times() {
    for (value, expect) in [
        (r#""2020-06-24T15:27:00.123456Z""#, 1_593_012_420_123),
        (r#""2020-06-24 17:27:00+02:00""#, 1_593_012_420_000),
        (r#""2020-06-24T15:27:00\u005a""#, 1_593_012_420_000),
        ("1593012420", 1_593_012_420_000),
        ("1593012420123", 1_593_012_420_123),
        ("1593012420.123", 1_593_012_420_123),
        ("1.593012420123e9", 1_593_012_420_123),
        (r#""1593012420""#, 1_593_012_420_000),
        (r#""24/Jun/2020:15:27:00 +0000""#, 1_593_012_420_000),
        (r#""2020-06-24T15:27:00,123+0000""#, 1_593_012_420_123),
        (r#""2020-06-24 16:27+01""#, 1_593_012_420_000),
        (r#""20200624T152700Z""#, 1_593_012_420_000),
        (r#""Wed, 24 Jun 2020 15:27:00 GMT""#, 1_593_012_420_000),
        (r#""2020-06-24T17:27:00+02:00[Europe\/Berlin]""#, 1_593_012_420_000),
        (r#""[24/Jun/2020:15:27:00 +0000]""#, 1_593_012_420_000),
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
        (r#"["2020-06-24T15:27:00Z","x"]"#, 1_593_012_420_000),
    ] {
        check_time(&[], &format!(r#"{{"time":{value},"ip":"1.2.3.4"}}"#), expect);
        check_time(&[], &format!(r#"{{"ip":"::1","ts":{value}}}"#), expect);
    }
    let both = r#"{"time":1000000000,"timestamp":"x","ip":"1.2.3.4"}"#;
    check_time(&[], both, 1_000_000_000_000);
    check_time(&[("time", "")], both, NO_TIME);
    let nested = r#"{"time":1000000000,"nested":{"at":1000000002},"ip":"1.2.3.4"}"#;
    check_time(&[("time", "nested.at")], nested, 1_000_000_002_000);
    // A visit without a time among others keeps its place in the column.
    let records: [&[u8]; 3] = [br#"{"ip":"1.1.1.1"}"#, br#"{"ip":5}"#, br#"{"ip":"::2","time":1000000000}"#];
    let times: Vec<_> = read(&mut json(&[]), &records).into_iter().map(|answer| answer.map(|(_, time)| time)).collect();
    assert_eq!(times, [Ok(NO_TIME), Err(18), Ok(1_000_000_000_000)]);
}

#[test]
fn the_first_time_that_can_be_one_wins() {
    const TIME: i64 = 1_795_150_800_000;
    for (record, expect) in [
        (r#"{"ip":"1.2.3.4","time":0.212,"ts":"2026-11-20T05:00:00Z"}"#, TIME),
        (r#"{"ip":"1.2.3.4","timestamp":0,"time":"2026-11-20T05:00:00Z"}"#, TIME),
        (r#"{"ip":"1.2.3.4","timestamp":"0001-01-01T00:00:00Z","ts":1795150800}"#, TIME),
        (r#"{"ip":"1.2.3.4","timestamp":null,"@timestamp":"-","ts":1795150800}"#, TIME),
        (r#"{"ip":"1.2.3.4","date":"2026-11-20","time":"05:00:00"}"#, TIME),
        (r#"{"ip":"1.2.3.4","time":"05:00:00.5","date":"2026-11-20"}"#, TIME + 500),
        (r#"{"ip":"1.2.3.4","date":"2026-11-20","time":"05:00:00","ts":1795150801}"#, TIME + 1000),
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
    let readme = include_str!("../../README.md");
    let table = readme.split("## Which time").nth(1).and_then(|rest| rest.split("## ").next()).expect("it is there");
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| `") && !line.contains("two fields")) {
        let cell = row.split('|').nth(1).expect("a row has a spelling");
        for spelling in cell.split('`').skip(1).step_by(2) {
            let record = format!(r#"{{"ip":"1.2.3.4","time":"{spelling}"}}"#);
            let time = read_one(&mut json(&[]), record.as_bytes()).map(|(_, time)| time / 1000);
            assert_eq!(time, Ok(1_795_150_800), "{spelling}");
            rows += 1;
        }
    }
    assert!(rows > 12, "only {rows} spellings were found");
}

#[test]
fn settings_that_are_refused() {
    let long =
        vec!["a"; 49].into_iter().enumerate().map(|(at, key)| format!("{key}{at}")).collect::<Vec<_>>().join(",");
    for (name, value, expect) in [
        ("field", "ip", "unknown setting `field`: the settings are `fields`, `time`, `trusted` and `strict`"),
        ("fields", "", "setting `fields` names ``: expected paths separated by commas, such as `ip,source.ip`"),
        ("fields", "ip,,b", "setting `fields` names ``: expected paths separated by commas, such as `ip,source.ip`"),
        ("fields", "a..b", "setting `fields` names `a..b`: expected paths separated by commas, such as `ip,source.ip`"),
        ("time", "ts.", "setting `time` names `ts.`: expected paths separated by commas, such as `ip,source.ip`"),
        ("fields", "ip, ip", "setting `fields` names `ip`, which is named before: name each path once"),
        ("time", "ip", "setting `time` names `ip`, which is named before: name each path once"),
        (
            "trusted",
            "10.0.0.1/8",
            "setting `trusted` names `10.0.0.1/8`, which has bits behind its length: write the network's first address",
        ),
        ("strict", "yes", "setting `strict` is `yes`: expected `true` or `false`"),
        ("fields", &long, "setting `fields` names `a48`, which is one path more than there is room for"),
    ] {
        let refused = Json::configure(&[(name.to_owned(), value.to_owned())]).err();
        assert_eq!(refused.as_deref(), Some(expect), "{name} = {value}");
    }
}

#[test]
fn explains() {
    for (record, expect) in [
        (
            r#"{"ip":"1.2.3.4","time":1000000000}"#,
            Ok("client 1.2.3.4 from `ip`; event time 1000000000000 ms since 1970 from `time`"),
        ),
        (
            r#"{"ip":"1.2.3.4","time":"05:00:00","at":"2026-11-20"}"#,
            Ok("client 1.2.3.4 from `ip`; event time 1795150800000 ms since 1970 from a date and a time of day"),
        ),
        (
            r#"{"a":1,"at":"noon","ip":"1.2.3.4"}"#,
            Ok(
                "client 1.2.3.4 from `ip`; no event time: `at` holds `noon`, which is no time with an offset between 1990 and 2100",
            ),
        ),
        (r#"{"ip":"1.2.3.4"}"#, Ok("client 1.2.3.4 from `ip`; no event time: the record has none of `time`, `at`")),
        (r#"{"ip":"me","c.d":{}}"#, Err("no field holds an IP address: `ip` holds `me`, `c.d` holds an object")),
        (
            r#"{"a":1}"#,
            Err(
                "none of the fields looked for holds anything: `ip`, `c.d`; if the client's address is in another one, name it in the setting `fields`",
            ),
        ),
        ("[1]", Err("the record is JSON but no object, so it has no fields")),
        (r#"{"a":tru}"#, Err("not JSON: expected a value at byte 5, found `tru}`")),
        (r#"{"a":1"#, Err("not JSON: the record ends too early at byte 6, found the end of the record")),
    ] {
        let explained = json(&[("fields", "ip,c.d"), ("time", "time,at")]).explain(record.as_bytes());
        assert_eq!(explained.as_deref().map_err(String::as_str), expect, "{record}");
    }
}
