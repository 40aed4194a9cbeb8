//! Against `serde_json`: the same records are accepted, and the same address is found.

use proptest::{prelude::*, sample::select};
use serde_json::Value;
use tallygate_sdk::Address;

use super::*;

/// What the plugin is to answer, by way of `serde_json`; `None` where the two differ by intent.
fn model(record: &[u8]) -> Option<Result<Option<IpAddr>, u8>> {
    let value: Value = match serde_json::from_slice(record) {
        Ok(value) => value,
        Err(error) => {
            let message = error.to_string();
            // Numbers too large for a float and lone surrogates are within the grammar of RFC 8259, and a byte order
            // mark may be ignored by its section 8.1.
            let intended = ["out of range", "surrogate", "hex escape"].iter().any(|part| message.contains(part));
            return (!intended && !record.starts_with(b"\xef\xbb\xbf")).then_some(Err(16));
        }
    };
    let mut present = false;
    for path in [&["ip"][..], &["source", "ip"]] {
        let Some(found) = path.iter().try_fold(&value, |value, key| value.as_object()?.get(*key)) else { continue };
        match says(found) {
            Some(Ok(ip)) => return Some(Ok(Some(ip))),
            Some(Err(())) => present = true,
            None => {}
        }
    }
    Some(match present {
        true => Err(18),
        false if value.is_object() => Ok(None),
        false => Err(17),
    })
}

fn says(value: &Value) -> Option<Result<IpAddr, ()>> {
    match value {
        Value::Null => None,
        Value::String(text) => {
            let mut answer = None;
            for part in text.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                match Address::parse(part) {
                    Some(Address::V4(address)) => return Some(Ok(IpAddr::V4(address.into()))),
                    Some(Address::V6(address)) => return Some(Ok(IpAddr::V6(address.into()))),
                    None if part.is_empty() || part == b"-" => {}
                    None => answer = Some(Err(())),
                }
            }
            answer
        }
        Value::Array(values) => {
            let answers = values.iter().filter_map(|value| if value.is_array() { None } else { says(value) });
            answers.reduce(|first, next| first.or(next))
        }
        _ => Some(Err(())),
    }
}

fn string() -> impl Strategy<Value = String> {
    let part = select(vec![
        "a",
        "url",
        "https://example.com/some/long/path?with=arguments&and=more",
        "",
        "é",
        "登录成功",
        "𝄞",
        "x\\ny",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\\"",
        "\\\\",
        "\\/",
        "-",
        "1.2.3.4",
        "::1",
        "1.2.3.4, 5.6.7.8",
        "2020-06-24T15:27:00.123456Z",
        "abcdefghijklmno",
        "abcdefghijklmnop",
    ]);
    prop::collection::vec(part, 0..3).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn key() -> impl Strategy<Value = &'static str> {
    select(vec![
        r#""ip""#,
        r#""a""#,
        r#""source""#,
        r#""timestamp""#,
        r#""s\u006furc\u0065""#,
        r#""é""#,
        r#""a key of more than sixteen bytes""#,
    ])
}

fn space() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "", "", " ", "\n", "\t \r"])
}

fn value() -> impl Strategy<Value = String> {
    let number = select(vec!["0", "-1", "12", "3.25", "1e9", "-0.5E-3", "1593012420", "12345678901234567890"]);
    let word = select(vec!["null", "true", "false"]);
    let leaf = prop_oneof![4 => string(), 2 => number.prop_map(str::to_owned), 1 => word.prop_map(str::to_owned)];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let array = (prop::collection::vec(inner.clone(), 0..4), space())
            .prop_map(|(values, space)| format!("[{space}{}{space}]", values.join(&format!("{space},"))));
        prop_oneof![array, object(inner)]
    })
}

/// An object without duplicate keys, of which the plugin forgets less than `serde_json`; they have tests of their own.
fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (prop::collection::vec((key(), space(), value), 0..6), space()).prop_map(|(members, space)| {
        let mut seen = Vec::new();
        let mut written = Vec::new();
        for (key, within, value) in members {
            let plain: String = serde_json::from_str(key).expect("the keys above are JSON");
            if !seen.contains(&plain) {
                seen.push(plain);
                written.push(format!("{key}{within}:{within}{value}"));
            }
        }
        format!("{space}{{{space}{}{space}}}{space}", written.join(&format!("{space},{space}")))
    })
}

/// Replaces, adds or removes a few bytes.
fn damage(mut record: Vec<u8>, hits: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (at, how, byte) in hits {
        if record.is_empty() {
            break;
        }
        let at = at.index(record.len());
        match how % 4 {
            0 => record[at] = *byte,
            1 => record.insert(at, *byte),
            2 => drop(record.remove(at)),
            _ => record.truncate(at),
        }
    }
    record
}

#[track_caller]
fn check_all(records: &[Vec<u8>], against_model: bool) {
    let settings = [("fields", "ip,source.ip"), ("time", "timestamp"), ("strict", "true")];
    let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    check_lenient(&slices, &settings);
    let mut remembers = json(&settings);
    for round in 0..3 {
        let answers = read(&mut remembers, &slices);
        for (record, answer) in slices.iter().zip(answers) {
            let alone = read(&mut json(&settings), &[record]);
            assert_eq!(answer, alone[0], "round {round}: {}", record.escape_ascii());
            let Some(expect) = model(record) else { continue };
            let answer = answer.map(|(ip, _)| ip);
            if against_model {
                assert_eq!(answer, expect, "round {round}: {}", record.escape_ascii());
            } else {
                let malformed = [answer == Err(16), expect == Err(16)];
                assert_eq!(malformed[0], malformed[1], "round {round}: {}", record.escape_ascii());
            }
        }
    }
}

/// Without `strict`, what is JSON is read alike, and what was read before makes no difference either.
#[track_caller]
fn check_lenient(records: &[&[u8]], strict: &[(&str, &str)]) {
    let lenient = &strict[..2];
    let mut remembers = json(lenient);
    for round in 0..3 {
        for (record, answer) in records.iter().zip(read(&mut remembers, records)) {
            assert_eq!(answer, read(&mut json(lenient), &[record])[0], "round {round}: {}", record.escape_ascii());
            let expect = read(&mut json(strict), &[record])[0];
            assert!(expect == Err(16) || answer == expect, "round {round}: {}", record.escape_ascii());
        }
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn records(records in prop::collection::vec(object(value()), 1..8)) {
        check_all(&records.into_iter().map(String::into_bytes).collect::<Vec<_>>(), true);
    }

    /// Damage can make duplicate keys, so only what is accepted is compared.
    #[test]
    fn damaged_records(
        record in object(value()),
        hits in prop::collection::vec(
            prop::collection::vec(
                (
                    any::<prop::sample::Index>(),
                    any::<u8>(),
                    prop_oneof![select(b"\"\\{}[]:,0-.eEtn \n".to_vec()), any::<u8>()],
                ),
                0..3,
            ),
            1..8,
        ),
    ) {
        let damaged: Vec<_> = hits.iter().map(|hits| damage(record.clone().into_bytes(), hits)).collect();
        check_all(&damaged, false);
    }

    #[test]
    fn soup(records in prop::collection::vec("[\\[\\]{}:,\"\\\\ 0-9a-z.é\n-]{0,12}", 1..8)) {
        check_all(&records.into_iter().map(String::into_bytes).collect::<Vec<_>>(), false);
    }

    #[test]
    fn bytes(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4), quoted: bool) {
        let wrap =
            |record: Vec<u8>| if quoted { [b"{\"a\":\"", record.as_slice(), b"\"}"].concat() } else { record };
        check_all(&records.into_iter().map(wrap).collect::<Vec<_>>(), false);
    }
}
