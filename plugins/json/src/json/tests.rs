use std::net::IpAddr;

use tallygate_sdk::{NO_TIME, UNREAD_TIME, extract};

use super::*;

mod corpus;
mod differential;
mod grammar;
mod naming;
mod times;

/// The answer to a record: an address, if it names a client, and a time; or the code.
type Answer = Result<(Option<IpAddr>, i64), u8>;

/// When the records came in, which makes no difference.
const RECEIVED: i64 = 1_795_150_800_000_000_000;

fn json(settings: &[(&str, &str)]) -> Json {
    let owned: Vec<_> = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Json::configure(&owned).expect("the test's own settings")
}

/// Reads records in one call.
fn read(json: &mut Json, records: &[&[u8]]) -> Vec<Answer> {
    let mut data = Vec::new();
    let mut bounds = Vec::new();
    for record in records {
        bounds.push(data.len() as u32);
        data.extend_from_slice(record);
        bounds.push(data.len() as u32);
        data.push(b'\n');
    }
    let columns = extract(json, &data, &bounds, RECEIVED);
    let (mut v4, mut v6) = (columns.v4.iter(), columns.v6.chunks(2));
    let mut times = columns.times.iter();
    let mut answer = |status: u8| {
        let ip = match status {
            0 => Some(IpAddr::V4((*v4.next().expect("the column has an entry")).into())),
            1 => match v6.next() {
                Some([high, low]) => Some(IpAddr::V6((u128::from(*high) << 64 | u128::from(*low)).into())),
                other => panic!("the column has {other:?}"),
            },
            2 => None,
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
    let explained = json.explain(record, RECEIVED);
    assert_eq!(explained.is_ok(), first[0].is_ok(), "{}: {explained:?}", record.escape_ascii());
    first[0]
}

#[track_caller]
fn check(settings: &[(&str, &str)], record: &str, expect: Result<&str, u8>) {
    let answer = read_one(&mut json(settings), record.as_bytes()).map(|(ip, _)| ip);
    let address = |ip: &str| (Ok(ip) != NOBODY).then(|| ip.parse().expect("the test's own address"));
    assert_eq!(answer, expect.map(address), "{record}");
}

/// What [`check`] expects of a valid record that names no client.
const NOBODY: Result<&str, u8> = Ok("");

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
fn the_most_preferred_usable_address_wins() {
    let settings = [("fields", "a,b.c,d")];
    check(&settings, r#"{"d":"3.3.3.3","b":{"c":"2.2.2.2"},"a":"1.1.1.1"}"#, Ok("1.1.1.1"));
    check(&settings, r#"{"d":"3.3.3.3","b":{"c":"2.2.2.2"},"a":"x"}"#, Ok("2.2.2.2"));
    check(&settings, r#"{"d":"3.3.3.3","b":{"c":null},"a":"-"}"#, Ok("3.3.3.3"));
    check(&settings, r#"{"d":"","b":{"c":null},"a":"-"}"#, NOBODY);
    check(&settings, r#"{"d":"","b":{"c":null},"a":"x"}"#, Err(18));
    check(&settings, r#"{"d":" ","a":[]}"#, NOBODY);
    check(&settings, r#"{"ip":"1.2.3.4"}"#, NOBODY);
    check(&settings, r#"{"b":"1.2.3.4","c":"1.2.3.4"}"#, NOBODY);
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
        (r#"[null,"","-"]"#, NOBODY),
        (r#"[]"#, NOBODY),
        (r#"["x"]"#, Err(18)),
        (r#"["x",null]"#, Err(18)),
        (r#"[["1.1.1.1"]]"#, NOBODY),
        (r#"[{"ip":"1.1.1.1"}]"#, Err(18)),
    ] {
        check(&[], &format!(r#"{{"ip":{array}}}"#), expect);
        check(&[], &format!(r#"{{"z":"","ip": {array} , "y":1}}"#), expect);
    }
    // Paths do not lead into arrays.
    check(&[], r#"{"source":[{"ip":"1.1.1.1"}]}"#, NOBODY);
}

#[test]
fn the_last_of_duplicate_keys_wins() {
    check(&[], r#"{"ip":"1.1.1.1","ip":"2.2.2.2"}"#, Ok("2.2.2.2"));
    check(&[], r#"{"ip":"1.1.1.1","ip":null}"#, NOBODY);
    check(&[], r#"{"ip":"1.1.1.1","ip":{}}"#, Err(18));
    check(&[], r#"{"ip":["1.1.1.1"],"ip":["2.2.2.2"]}"#, Ok("2.2.2.2"));
    check(&[], r#"{"ip":["1.1.1.1"],"ip":[]}"#, NOBODY);
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
    check(&[], r#"{"i\u0070x":"1.2.3.4"}"#, NOBODY);
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
        check(&settings, record, NOBODY);
    }
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
            Ok("client 1.2.3.4 from `ip`; event time 2001-09-09T01:46:40Z from `time`"),
        ),
        (
            r#"{"ip":"1.2.3.4","time":"05:00:00","at":"2026-11-20"}"#,
            Ok("client 1.2.3.4 from `ip`; event time 2026-11-20T05:00:00Z from a date and a time of day"),
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
            r#"{"a":1,"time":"2020-06-24T15:27:00.000120Z"}"#,
            Ok(
                "no client: none of the fields looked for holds anything: `ip`, `c.d` (if the client's address is in another one, name it in the setting `fields`); event time 2020-06-24T15:27:00.000120Z from `time`",
            ),
        ),
        ("[1]", Err("the record is JSON but no object, so it has no fields")),
        (r#"{"a":tru}"#, Err("not JSON: expected a value at byte 5, found `tru}`")),
        (r#"{"a":1"#, Err("not JSON: the record ends too early at byte 6, found the end of the record")),
    ] {
        let explained = json(&[("fields", "ip,c.d"), ("time", "time,at")]).explain(record.as_bytes(), RECEIVED);
        assert_eq!(explained.as_deref().map_err(String::as_str), expect, "{record}");
    }
}
