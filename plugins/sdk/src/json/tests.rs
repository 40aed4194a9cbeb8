use proptest::prelude::*;
use std::{format, string::String};

use super::*;

#[test]
fn paths() {
    let record = br#"{ "a" : { "b" : { "c" : 1 } , "b.c" : 2 } , "a.b" : { "c" : 3 } , "x" : "\"}" , "y" : [ { } ] }"#;
    for (path, expect) in [
        ("a.b.c", Some(Value::Number(b"1"))),
        ("a.b", Some(Value::Object(br#"{ "c" : 1 }"#))),
        ("x", Some(Value::String(br#"\"}"#))),
        ("y", Some(Value::Array(b"[ { } ]"))),
        ("a.c", None),
        ("", None),
        (".", None),
    ] {
        assert_eq!(get(record, path), expect, "{path}");
    }
    assert_eq!(get(br#"{"a":{},"a.b":true}"#, "a.b"), Some(Value::Boolean(true)));
    assert_eq!(get(b"\xef\xbb\xbf{\"a\":false}", "a"), Some(Value::Boolean(false)));
}

#[test]
fn what_is_not_json_any_longer() {
    for (record, count) in [
        ("", 0),
        ("[1]", 0),
        ("{", 0),
        ("{}x", 0),
        (r#"{"a":1,}"#, 1),
        (r#"{"a":1 "b":2}"#, 1),
        (r#"{"a":1,"b":tru}"#, 1),
        (r#"{"a":1,"b":"x"#, 1),
        (r#"{"a":1,"b":[{]"#, 1),
        (r#"{"a":1,b:2}"#, 1),
        (r#"{"a""#, 0),
        (r#"{"a\"#, 0),
    ] {
        let mut members = members(record.as_bytes());
        assert_eq!(members.by_ref().count(), count, "{record}");
        assert!(!members.is_whole(), "{record}");
        assert_eq!(members.next(), None, "{record}");
    }
    for record in ["{}", " { } \r\n", r#"{"a":1}"#] {
        let mut members = members(record.as_bytes());
        members.by_ref().for_each(drop);
        assert!(members.is_whole(), "{record}");
    }
}

#[test]
fn escapes() {
    for (raw, expect) in [
        (r"a\b\f\n\r\t\/\\", "a\u{8}\u{c}\n\r\t/\\"),
        (r"\u00e9\uD83D\uDE00", "é😀"),
        (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
        (r"\u12", "\\u12"),
        (r"\x", "\\x"),
        ("\\", "\\"),
    ] {
        assert_eq!(&*unescape(raw.as_bytes()), expect.as_bytes(), "{raw}");
    }
}

/// Something of JSON, as text.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["1", "-2.5e3", "true", "null", r#""a\"b}]""#, r#""""#, "{}", "[]"]);
    leaf.prop_map(String::from).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(" , "))),
            prop::collection::vec(inner, 0..4).prop_map(|values| {
                let members: Vec<_> =
                    values.iter().enumerate().map(|(at, value)| format!("\"k{at}\": {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn reads_what_is_written(values in prop::collection::vec(value(), 0..6)) {
        let object: Vec<_> = values.iter().enumerate().map(|(at, value)| format!(" \"k{at}\" : {value} ")).collect();
        let object = format!("{{{}}}", object.join(","));
        let mut members = members(object.as_bytes());
        for (at, value) in values.iter().enumerate() {
            let expect = Value::read(value.as_bytes()).map(|(value, rest)| (value, rest.len()));
            let found = members.next().map(|(key, value)| (key.to_vec(), value));
            prop_assert_eq!(found, Some((format!("k{at}").into_bytes(), expect.expect("it is JSON").0)));
            prop_assert_eq!(expect.map(|(_, rest)| rest), Some(0));
        }
        prop_assert_eq!(members.next(), None);
        prop_assert!(members.is_whole(), "{}", object);
        let array = format!("[{}]", values.join(","));
        prop_assert_eq!(elements(array.as_bytes()).count(), values.len());
    }

    #[test]
    fn any_bytes(
        record in prop::collection::vec(prop_oneof![prop::sample::select(b"{}[]\",:\\ a1u".to_vec()), any::<u8>()], 0..60),
        path in "[a.]{0,4}",
    ) {
        let object = [b"{\"a\":", record.as_slice()].concat();
        for bytes in [&record, &object] {
            let sum: usize = members(bytes).map(|(key, _)| key.len() + 1).sum();
            prop_assert!(sum <= bytes.len());
            prop_assert!(elements(bytes).count() <= bytes.len());
            let _ = get(bytes, &path).and_then(Value::text);
        }
        let _ = unescape(&record);
    }
}
