use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { chunk_records: 1000, chunk_bytes: 1 << 20, max_record: 64 };

/// The records of a body as text, those that the framing rejects as the code's name.
fn frame(content_type: Option<&str>, body: &str, bounds: Bounds) -> Vec<String> {
    let mut frames = Frames::new(body.as_bytes(), detect(content_type, body.as_bytes()), bounds);
    let (mut chunk, mut all) = (Chunk::default(), Vec::new());
    while frames.next(&mut chunk) {
        let records = chunk.records(body.as_bytes(), 0);
        for at in 0..records.len() {
            all.push(String::from_utf8_lossy(records.get(at).expect("in range")).into_owned());
        }
        all.extend(chunk.reject.map(|code| code.name().expect("a shared code").to_uppercase()));
    }
    all
}

fn check(content_type: &str, body: &str, expected: &[&str]) {
    let content_type = (!content_type.is_empty()).then_some(content_type);
    for chunk_records in [1, 2, 1000] {
        assert_eq!(frame(content_type, body, Bounds { chunk_records, ..BOUNDS }), expected, "{body:?}");
    }
    for chunk_bytes in [1, 7] {
        assert_eq!(frame(content_type, body, Bounds { chunk_bytes, ..BOUNDS }), expected, "{body:?}");
    }
}

#[test]
fn lines() {
    check("", "", &[]);
    check("", "\n\r\n  \n", &[]);
    check("text/plain", "a\nb\r\n\n  c \n", &["a", "b", "  c "]);
    check("text/plain", "\u{feff}a\nb", &["a", "b"]);
    check("", "{\"a\":1}\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]);
    check("application/json", "{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
    check("application/x-www-form-urlencoded", "{\"a\":1}", &["{\"a\":1}"]);
}

#[test]
fn a_broken_line_does_not_spoil_its_neighbours() {
    check("", "{\"a\":1\n{\"b\":2}\n", &["{\"a\":1", "{\"b\":2}"]);
    check("application/x-ndjson", "{\"a\":\n1}\n", &["{\"a\":", "1}"]);
    check("", "{\"a\":\"x\n{\"b\":2}\n{\"c\":3}", &["{\"a\":\"x", "{\"b\":2}", "{\"c\":3}"]);
}

#[test]
fn pretty_printed_values() {
    check("", "{\n \"a\": \"}\\\"{\"\n}\n", &["{\n \"a\": \"}\\\"{\"\n}"]);
    check("application/json", "{\n\"a\":1}\n{\n\"b\":[\n2]}", &["{\n\"a\":1}", "{\n\"b\":[\n2]}"]);
}

#[test]
fn arrays() {
    check("", "[]", &[]);
    check("application/json", " [ ] ", &[]);
    check("", "[{\"a\":[1,2]} ,\n{\"b\":\"],\"}]\n", &["{\"a\":[1,2]}", "{\"b\":\"],\"}"]);
    check("application/json", "[1, null,\"x\"]", &["1", "null", "\"x\""]);
}

#[test]
fn a_broken_array_keeps_what_came_before_the_break() {
    check("", "[{\"a\":1},{\"b\":2", &["{\"a\":1}", "MALFORMED"]);
    check("", "[{\"a\":1}", &["MALFORMED"]);
    check("", "[{\"a\":1},", &["{\"a\":1}", "MALFORMED"]);
    check("", "[", &["["]);
    check("application/json", "[", &["MALFORMED"]);
    check("", "[{\"a\":1},{\"b\":2}}", &["{\"a\":1}", "MALFORMED"]);
    check("", "[{\"a\":1},]", &["{\"a\":1}", "MALFORMED"]);
    check("application/json", "[,1]", &["MALFORMED", "1"]);
    check("", "[{\"a\":1}] x", &["{\"a\":1}", "MALFORMED"]);
    check("", "[{\"a\":\"x\n\"},{\"b\":2}]", &["MALFORMED"]);
}

#[test]
fn a_log_line_that_begins_with_a_bracket_is_no_array() {
    check("", "[12:01] a\n[12:02] b", &["[12:01] a", "[12:02] b"]);
    check("text/plain; charset=utf-8", "[{\"a\":1}] x", &["[{\"a\":1}] x"]);
}

#[test]
fn text_is_an_array_if_all_of_it_is_one() {
    check("text/plain", "[{\"a\":1}, {\"b\":2}]\n", &["{\"a\":1}", "{\"b\":2}"]);
    check("text/json", " [ {\"a\":1}\n,\n{\"b\":2} ] ", &["{\"a\":1}", "{\"b\":2}"]);
    check("text/plain", "[]", &[]);
    // Two lines, each of which is an array; a log; an array that is not whole; one of something else.
    for body in ["[{\"a\":1}]\n[{\"b\":2}]", "[]\nx", "[{\"a\":1},\n{\"b\":2}", "[{a} 1]\n[{b} 2]", "[1,\n2]"] {
        check("text/plain", body, &body.lines().collect::<Vec<_>>());
    }
    check("application/x-ndjson", "[{\"a\":1}]", &["[{\"a\":1}]"]);
}

#[test]
fn sequences_by_record_separators() {
    for content_type in ["application/json-seq", "application/geo+json-seq", "application/json", ""] {
        check(content_type, "\x1e{\"a\":1}\n\x1e{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
        check(content_type, "\x1e{\n\"a\":\n1}\n\x1e\x1e \n\x1e{\"b\":2}", &["{\n\"a\":\n1}", "{\"b\":2}"]);
        // A text that was cut short does not take the next one with it.
        check(content_type, "\x1e{\"a\":\"x\x1e{\"b\":2}\n", &["{\"a\":\"x", "{\"b\":2}"]);
    }
    check("application/json-seq", "\x1e\n\x1e", &[]);
    // Without a separator, whoever sent it had lines in mind.
    check("application/json-seq", "{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
}

#[test]
fn several_objects_on_a_line_are_a_record_each() {
    check("", "{\"a\":1}{\"b\":2}\n{\"c\":3}\n", &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
    check(
        "application/x-ndjson",
        "{\"c\":3}\r\n{\"a\":{}} \t{\"b\":2}\r\n",
        &["{\"c\":3}", "{\"a\":{}}", " \t{\"b\":2}"],
    );
    check("application/json", "{\"a\":1}{}{\"b\":\"}{\"}", &["{\"a\":1}", "{}", "{\"b\":\"}{\"}"]);
    // A broken one spoils what follows it on its line, and nothing before.
    check("", "{\"a\":1}{\"b\":[2}{\"c\":3}\n{\"d\":4}", &["{\"a\":1}", "{\"b\":[2}{\"c\":3}", "{\"d\":4}"]);
    for line in
        ["{\"a\":\"}{\"}", "{\"a\":\"} {\"}", "{\"a\":[{},{}]}", "{a}{b} 192.0.2.1", "{\"a\":1}x", "{\"a\":1}{x"]
    {
        check("text/plain", line, &[line]);
    }
}

#[test]
fn nuls_in_front_of_a_line_are_skipped() {
    check("", "\0\0\0{\"a\":1}\n\0{\"b\":2}\n\0\n\0\0", &["{\"a\":1}", "{\"b\":2}"]);
    check("text/plain", "a\n\0\0b\0c\n", &["a", "b\0c"]);
    let gap = "\0".repeat(1000);
    check("text/plain", &format!("a\n{gap}b\n{gap}"), &["a", "b"]);
}

#[test]
fn a_record_that_is_too_long_is_rejected_alone() {
    let long = "x".repeat(65);
    check("text/plain", &format!("a\n{long}\nb\n{long}"), &["a", "TOO-LONG", "b", "TOO-LONG"]);
    check("", &format!("[\"a\",\"{long}\",\"b\"]"), &["\"a\"", "TOO-LONG", "\"b\""]);
}

proptest! {
    /// Whatever comes, records keep their order, lie within the body, do not overlap, and chunks change nothing.
    #[test]
    fn frames_of_anything(
        body in "[\\[\\]{},\"\\\\a1 \n\r\0\x1e]{0,60}",
        content_type in prop::option::of(prop::sample::select(vec!["application/json", "text/plain", "x/y"])),
        chunk_records in 1..5_usize,
        chunk_bytes in 1..20_usize,
    ) {
        let whole = frame(content_type, &body, BOUNDS);
        prop_assert_eq!(&whole, &frame(content_type, &body, Bounds { chunk_records, chunk_bytes, ..BOUNDS }));
        let mut frames = Frames::new(body.as_bytes(), detect(content_type, body.as_bytes()), BOUNDS);
        let (mut chunk, mut last) = (Chunk::default(), 0);
        while frames.next(&mut chunk) {
            let records = chunk.records(body.as_bytes(), 0);
            for [start, end] in records.bounds.as_chunks().0 {
                prop_assert!(chunk.base + *start as usize >= last && start < end);
                last = chunk.base + *end as usize;
            }
        }
        prop_assert!(last <= body.len());
    }

    /// What was joined by newlines comes apart at the same places.
    #[test]
    fn lines_round_trip(lines in prop::collection::vec("[a-z][a-z ]{0,20}", 0..50)) {
        prop_assert_eq!(frame(Some("text/plain"), &lines.join("\n"), BOUNDS), lines);
    }
}

/// A client whose record is no JSON takes no other record with it: what is wrong with an element is the plugin's to say.
#[test]
fn a_text_is_an_array_though_an_element_is_no_json() {
    for element in [r#"{"ua":"\x22"}"#, "{\"ua\":\"\u{1}\"}", r#"{"ua":nothing}"#] {
        let body = format!("[{{\"ip\":\"192.0.2.1\"}},{element},{{\"ip\":\"192.0.2.3\"}}]");
        assert_eq!(detect(Some("text/plain"), body.as_bytes()), Framing::Array, "{body}");
    }
    for text in ["[{broken", "[{} log line", "[{}]\n[{}]", "[{\"a\":1}] behind"] {
        assert_eq!(detect(Some("text/plain"), text.as_bytes()), Framing::Lines, "{text}");
    }
}
