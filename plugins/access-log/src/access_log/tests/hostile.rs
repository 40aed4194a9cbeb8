//! What a client may choose.

use super::*;

/// What a client may choose: it is told in `USER`, `REQUEST` and `AGENT` below, and must neither hide the client nor
/// bring another address in.
const CHOSEN: &[&str] = &[
    "-",
    "",
    " ",
    "[1]",
    "[",
    "]",
    "] [",
    "[] []",
    "9.9.9.9",
    "- 9.9.9.9 - -",
    "9.9.9.9, 8.8.8.8 - -",
    ",9.9.9.9 - -",
    ", 9.9.9.9, 8.8.8.8 - -",
    "x, 9.9.9.9 - -",
    "(9.9.9.9) - -",
    "[01/Jan/2001:00:00:00 +0000]",
    "x [01/Jan/2001:00:00:00 +0000]",
    "- [01/Jan/2001:00:00:00 +0000]",
    "9.9.9.9 - - [01/Jan/2001:00:00:00 +0000] GET /x HTTP/1.1 200 5",
    "Nov 20 05:00:00 8.8.8.8 nginx: 9.9.9.9 - - [01/Jan/2001:00:00:00 +0000]",
    "x [01/Jan/2001:00:00:00 +0000] 5",
    "x\\x22 [01/Jan/2001:00:00:00 +0000] \\x22GET / HTTP/1.1\\x22 200",
    "x\\\" [01/Jan/2001:00:00:00 +0000] \\\"GET / HTTP/1.1\\\" 200",
    "\\",
    "\\\\",
    "\\\"",
    "\u{1}\u{80}\u{fffd}",
];

/// The same with the quotation marks as they came, which only some servers write.
const CHOSEN_RAW: &[&str] = &[
    "\"",
    "\" \"",
    "a\"b",
    "[x] \"y",
    "[x] \"y\" 200",
    "- - [01/Jan/2001:00:00:00 +0000] \"GET / HTTP/1.1\" 200 5",
    "x\" [01/Jan/2001:00:00:00 +0000] \"GET / HTTP/1.1",
    "\" 9.9.9.9 - - [01/Jan/2001:00:00:00 +0000] \"GET / HTTP/1.1\" 200",
];

fn addresses(line: &str) -> (Vec<u8>, Vec<u32>, Vec<i64>) {
    let columns = read(&[line.as_bytes()]);
    (columns.status, columns.v4, columns.times)
}

#[test]
fn what_a_client_chooses_is_never_structure() {
    const CLIENT: u32 = 0x0102_0304;
    for chosen in CHOSEN {
        for front in
            ["1.2.3.4", "10.0.0.1 1.2.3.4", "example.com:443 1.2.3.4", "10.0.0.1 1.2.3.4, 10.0.0.2", "1.2.3.4:80"]
        {
            for line in [
                format!(r#"{front} - {chosen} [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 401 5 "-" "-""#),
                format!(r#"{front} - - [10/Oct/2000:13:55:36 -0700] "GET /{chosen} HTTP/1.0" 401 5 "-" "-""#),
                format!(r#"{front} - - [10/Oct/2000:13:55:36 -0700] "{chosen}" 401 5 "-" "-""#),
                format!(r#"{front} - - [10/Oct/2000:13:55:36 -0700] 561 "GET /" 401 5 "{chosen}" "{chosen}""#),
                format!(r#"{front} - {chosen} [10/Oct/2000:13:55:36 -0700] "{chosen}" 401 5 "{chosen}" "{chosen}""#),
            ] {
                assert_eq!(addresses(&line), (vec![0], vec![CLIENT], vec![TIME]), "{line}");
            }
        }
    }
    for chosen in CHOSEN_RAW {
        for line in [
            format!(r#"1.2.3.4 - {chosen} [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 401 5 "-" "-""#),
            format!(r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /{chosen} HTTP/1.0" 401 5 "-" "-""#),
            format!(r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" 401 5 "{chosen}" "{chosen}""#),
            format!(r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] 5 "{chosen}" 401 5 "{chosen}" "{chosen}""#),
        ] {
            let (status, v4, _) = addresses(&line);
            assert_eq!((status, v4), (vec![0], vec![CLIENT]), "{line}");
        }
    }
}
