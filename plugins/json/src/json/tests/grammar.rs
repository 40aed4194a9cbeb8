//! The grammar of RFC 8259, case by case, after the kinds of cases in Nicolas Seriot's JSONTestSuite.

use super::*;

/// Whether the bytes are JSON, as the value of a record and as a record.
fn accepts(value: &[u8]) -> bool {
    let strict = accepts_with(&[("strict", "true")], value);
    // What is JSON is read alike without the setting.
    assert!(!strict || accepts_with(&[], value), "{}", value.escape_ascii());
    strict
}

fn accepts_with(settings: &[(&str, &str)], value: &[u8]) -> bool {
    let inside = [&br#"{"ip":"1.2.3.4","v":"#[..], value, b"}"].concat();
    let before = [&br#"{"v":"#[..], value, br#" ,"ip":"1.2.3.4"}"#].concat();
    let ok = Ok(Some([1, 2, 3, 4].into()));
    let answers = [inside, before].map(|record| read_one(&mut json(settings), &record).map(|(ip, _)| ip) == ok);
    assert_eq!(answers[0], answers[1], "{}", value.escape_ascii());
    let alone = read_one(&mut json(settings), value);
    assert_eq!(alone != Err(16), answers[0], "{}", value.escape_ascii());
    answers[0]
}

#[test]
fn accepted() {
    for value in [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "123456789012345678",
        "1234567890123456789012345678901234567890",
        "0.5",
        "-0.0",
        "1e5",
        "1E+5",
        "1e-5",
        "0e0",
        "0.1e10",
        "1.0E-0010",
        "1e999",
        "-1e-999",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        " \t\r\n1 \t\r\n",
        "[1, 2 ,3]",
        "[[],[[]],{}]",
        r#"{"a":{"b":[{"c":{}}]}}"#,
        r#"{"":""}"#,
        r#"{"a":1,"a":2}"#,
        r#"["\"\\\/\b\f\n\r\t"]"#,
        r#""\u0000\u001f\uFFFF\uabCD""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\ude00\ud83d""#,
        "\"\u{7f}\"",
        "\"\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\"",
        "\"\u{2028}\u{feff}\"",
        "\"0123456789abcdef0123456789abcdef\"",
        r#"{"\u0000\"":"\""}"#,
        "\"/*\"",
        "\" \"",
        "[\"a\",\"b\"]",
        "[null,1,\"1\",{}]",
    ] {
        assert!(accepts(value.as_bytes()), "{value}");
    }
}

#[test]
fn rejected() {
    for value in [
        "",
        " ",
        "00",
        "01",
        "-01",
        "-",
        "+1",
        ".5",
        "5.",
        "1.e5",
        "1e",
        "1e+",
        "1e1.5",
        "0x10",
        "1_000",
        "1 000",
        "- 1",
        "--1",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "True",
        "TRUE",
        "tru",
        "truee",
        "nul",
        "nulll",
        "fals",
        "undefined",
        "1true",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1,,2]",
        "[,]",
        "[1 2]",
        "[1:2]",
        "[1}",
        "{",
        "}",
        "{]",
        "{1:1}",
        "{a:1}",
        "{'a':1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a" 1}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a"::1}"#,
        r#"{"a":1;}"#,
        r#"{"a":1"#,
        r#"{"a":1]"#,
        r#"{"a":"#,
        r#"{"a""#,
        r#"{"a"#,
        "\"",
        "\"a",
        "'a'",
        "\"\\\"",
        r#""\x41""#,
        r#""\a""#,
        r#""\'""#,
        r#""\0""#,
        r#""\u""#,
        r#""\u00""#,
        r#""\u00g0""#,
        r#""\u+000""#,
        r#""\U0041""#,
        "\"\\\u{e9}\"",
        "\"\\",
        "\"\t\"",
        "\"\n\"",
        "\"\u{0}\"",
        "\"\u{1f}\"",
        "\"a\u{0}b\"",
        "1 1",
        "{} {}",
        "[][]",
        "\"a\"\"b\"",
        "1//c",
        "/**/1",
        "#1",
        "1;",
        "\u{a0}1",
        "\u{2003}1",
        "\u{b}1",
        "\u{c}1",
        "\u{0}",
        "1\u{0}",
        "<html>",
        "*",
        "\u{e9}",
        "{\"a\u{0}\":1}",
        "{\"\\x\":1}",
    ] {
        assert!(!accepts(value.as_bytes()), "{value:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let bad: [&[u8]; 18] = [
        b"\x80",
        b"\xbf",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xc2",
        b"\xc3\x28",
        b"\xe0\x9f\xbf",
        b"\xe0\xa0",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf0\x90\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
    ];
    for bytes in bad {
        let places =
            [("\"", "\""), ("\"0123456789abcde", "\""), ("\"\u{e9}\\n", "0123456789abcdef\""), ("{\"k", "\":1}")];
        for (before, behind) in places {
            let value = [before.as_bytes(), bytes, behind.as_bytes()].concat();
            assert!(!accepts(&value), "{}", value.escape_ascii());
        }
        assert!(!accepts(bytes));
    }
}

/// The table of the README: what strings may hold unless they are strict.
#[test]
fn lenient() {
    let lenient: [&[u8]; 24] = [
        b"\"\xff\"",
        b"\"\x80abc\"",
        b"\"0123456789abcdef0123456789abcdef\xc3\"",
        b"\"\xc3\"",
        b"\"\xe2\x82\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf0\x90\x80\\n\"",
        b"\"\xc0\x80\"",
        b"\"\xc3\xa9\xff\xc3\xa9\"",
        b"{\"k\xff\":\"\xfe\"}",
        br#""\x22""#,
        br#""\x22\x5C\xE9""#,
        br#"{"\x22":"\x22"}"#,
        br#""\a""#,
        br#""\'""#,
        br#""\0""#,
        br#""\-\.\e""#,
        br#""C:\users\x""#,
        br#""\u""#,
        br#""\u00""#,
        br#""\u00g0""#,
        br#""\x2""#,
        b"\"\\\xff\"",
        b"\"a\tb\"",
    ];
    for value in lenient {
        assert!(!accepts(value), "{}", value.escape_ascii());
        assert!(accepts_with(&[], value), "{}", value.escape_ascii());
    }
    // Everything else is malformed all the same.
    let malformed: [&[u8]; 14] = [
        b"\xff",
        b"[\xff]",
        b"{\xff:1}",
        b"\"\\",
        b"\"\\\"",
        b"\"\\\n\"",
        b"\"\n\"",
        b"\"\r\"",
        b"\"\0\"",
        b"\"\x1f\"",
        b"\"\\x2",
        b"\"\xff",
        b"'a'",
        b"\xff\xfe{\0}\0",
    ];
    for value in malformed {
        assert!(!accepts_with(&[], value), "{}", value.escape_ascii());
    }
}

#[test]
fn what_lenient_strings_stand_for() {
    for (record, expect) in [
        (&br#"{"ip":"\x31.2.3.4"}"#[..], Ok(Some([1, 2, 3, 4]))),
        (br#"{"\x69p":"1.2.3.4"}"#, Ok(Some([1, 2, 3, 4]))),
        (br#"{"ua":"\x22,\x22ip\x22:\x229.9.9.9","ip":"1.2.3.4"}"#, Ok(Some([1, 2, 3, 4]))),
        (b"{\"ua\":\"\xff\\\",\\\"ip\\\":\\\"9.9.9.9\",\"ip\":\"1.2.3.4\"}", Ok(Some([1, 2, 3, 4]))),
        (b"{\"ip\xff\":\"1.2.3.4\"}", Ok(None)),
        (b"{\"ip\":\"1.2.3.4\xff\"}", Err(18)),
        (br#"{"ip":"1\0.2.3.4"}"#, Err(18)),
        (br#"{"ip":"1\.2.3.4"}"#, Err(18)),
    ] {
        let answer = read_one(&mut json(&[]), record).map(|(ip, _)| ip);
        assert_eq!(answer, expect.map(|ip| ip.map(IpAddr::from)), "{}", record.escape_ascii());
    }
}

#[test]
fn a_byte_order_mark_is_let_through_in_front_of_a_record_only() {
    let record = b"\xef\xbb\xbf{\"ip\":\"1.2.3.4\"}";
    assert_eq!(read_one(&mut json(&[]), record).map(|(ip, _)| ip), Ok(Some([1, 2, 3, 4].into())));
    for record in [
        &b"\xef\xbb\xbf"[..],
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b" \xef\xbb\xbf{}",
        b"{}\xef\xbb\xbf",
        b"\xef\xbb{}",
        b"\xff\xfe{\0}\0",
    ] {
        assert_eq!(read_one(&mut json(&[]), record), Err(16), "{}", record.escape_ascii());
    }
}

#[test]
fn nesting() {
    for (open, close, levels) in [("[", "]", 1), (r#"{"a":"#, "}", 1), (r#"[{"a":"#, "}]", 2)] {
        for depth in [1, 2, 100, 126, 127, 128, 129, 1000] {
            let times = depth / levels;
            let record = open.repeat(times) + "1" + &close.repeat(times);
            let expect = match times {
                0 => Err(17),
                _ if times * levels > 127 => Err(16),
                _ if record.starts_with('{') => Ok((None, NO_TIME)),
                _ => Err(17),
            };
            assert_eq!(read_one(&mut json(&[]), record.as_bytes()), expect, "{open} {depth}");
        }
    }
    let mebibyte = "[".repeat(1 << 20);
    assert_eq!(read_one(&mut json(&[]), mebibyte.as_bytes()), Err(16));
    let why = json(&[]).explain(mebibyte.as_bytes(), RECEIVED).expect_err("it is malformed");
    assert!(why.starts_with("not JSON: arrays and objects are nested deeper than 127 levels at byte 127"), "{why}");
}

#[test]
fn long_records() {
    let long = "x".repeat(1 << 20);
    let many = (0..10_000).map(|at| format!(r#""key{at}":{at},"#)).collect::<String>();
    for record in [
        format!(r#"{{"a":"{long}","ip":"1.2.3.4"}}"#),
        format!(r#"{{"{long}":1,"ip":"1.2.3.4"}}"#),
        format!(r#"{{{many}"ip":"1.2.3.4"}}"#),
        format!(r#"{{"a":[{}0],"ip":"1.2.3.4"}}"#, "0,".repeat(1 << 19)),
        format!(r#"{{"a":"{}","ip":"1.2.3.4"}}"#, "\\u00e9\u{e9}".repeat(1 << 16)),
        format!(r#"{{"a":1{},"ip":"1.2.3.4"}}"#, "0".repeat(1 << 20)),
        format!(r#"{{{}"ip":"1.2.3.4"}}"#, " ".repeat(1 << 20)),
    ] {
        let mut json = json(&[]);
        assert_eq!(read_one(&mut json, record.as_bytes()).map(|(ip, _)| ip), Ok(Some([1, 2, 3, 4].into())));
        assert_eq!(read_one(&mut json, &record.as_bytes()[..record.len() - 1]), Err(16));
    }
}

#[test]
fn no_object_has_no_field() {
    for record in ["1", "\"1.2.3.4\"", "null", "[]", r#"["1.2.3.4"]"#, r#"[{"ip":"1.2.3.4"}]"#] {
        check(&[], record, Err(17));
    }
    for record in ["{}", " {} ", "\u{feff}{}", r#"{"a":[]}"#] {
        check(&[], record, NOBODY);
    }
}

/// Every record cut off at every byte, and with every byte replaced: what is read must not depend on what was read
/// before, which the fast path remembers.
#[test]
fn cut_and_damaged_records() {
    let record =
        r#" {"time":"2020-06-24T15:27:00Z" ,"s":{"a":[1,-2.5e3,true,null,"x\n\u00e9é"]},"ip":"1.2.3.4","z":{}} "#;
    for strict in ["true", "false"] {
        damage_all(record, &[("strict", strict)]);
    }
}

fn damage_all(record: &str, settings: &[(&str, &str)]) {
    let mut trained = json(settings);
    for _ in 0..3 {
        assert!(read_one(&mut trained, record.as_bytes()).is_ok());
    }
    for at in 0..record.len() {
        let cut = &record.as_bytes()[..at];
        assert_eq!(read(&mut trained, &[cut]), read(&mut json(settings), &[cut]), "{}", cut.escape_ascii());
        for byte in *b"\"\\{}[]:,0-.eEtx \n\x00\x80\xc3\xff" {
            let mut damaged = record.as_bytes().to_vec();
            damaged[at] = byte;
            let expect = read(&mut json(settings), &[&damaged]);
            assert_eq!(read(&mut trained, &[&damaged]), expect, "{}", damaged.escape_ascii());
        }
    }
}

/// Found by removing from the states whether they are behind a string, which no other test noticed: where keys come
/// in any order, a string cut off by a line break was then taken for a number with white space behind it.
#[test]
fn a_line_break_does_not_end_a_string_where_keys_come_in_any_order() {
    let members = [r#""a":"x""#, "\"b\":1\n", "\"c\":2\n", r#""ip":"1.2.3.4""#, r#""d":"y""#, "\"e\":3\n"];
    let mut order = [0, 1, 2, 3, 4, 5];
    let mut json = json(&[]);
    let mut random = 1u32;
    for _ in 0..2000 {
        for at in 1..order.len() {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            order.swap(at, (random >> 16) as usize % (at + 1));
        }
        let record = format!("{{{}}}", order.map(|at| members[at]).join(","));
        assert!(read(&mut json, &[record.as_bytes()])[0].is_ok(), "{record}");
    }
    assert!(json.shapes.by_letters(), "the records do not lead where the test is to go");
    for key in ["b", "c", "e"] {
        let record = format!("{{\"a\":\"x\n,\"{key}\":1\n,\"ip\":\"1.2.3.4\"}}");
        assert_eq!(read(&mut json, &[record.as_bytes()]), [Err(16)], "{record}");
    }
}
