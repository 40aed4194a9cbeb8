use std::{collections::BTreeSet, path::Path};

use tallygate_guest::{Address, Columns, extract};

use super::*;

const TIME: i64 = 971_211_336_000;

fn read(lines: &[&[u8]]) -> Columns {
    let mut data = Vec::new();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for line in lines {
        starts.push(data.len() as u32);
        data.extend_from_slice(line);
        ends.push(data.len() as u32);
        data.push(b'\n');
    }
    extract(&mut AccessLog::default(), &data, &starts, &ends)
}

#[track_caller]
fn check(line: &str, expect: Result<(&str, i64), u8>) {
    check_with("", line, expect);
}

#[track_caller]
fn check_with(trusted: &str, line: &str, expect: Result<(&str, i64), u8>) {
    let format = || AccessLog::configure(&[("trusted".to_owned(), trusted.to_owned())]).expect("the test's own");
    let columns = extract(&mut format(), line.as_bytes(), &[0], &[line.len() as u32]);
    let expect = match expect {
        Ok((address, time)) => {
            let (v4, v6) = match address.parse().expect("the test's own address") {
                std::net::IpAddr::V4(address) => (vec![u32::from(address)], vec![]),
                std::net::IpAddr::V6(address) => {
                    let bits = u128::from(address);
                    (vec![], vec![(bits >> 64) as u64, bits as u64])
                }
            };
            let times = if time == NO_TIME { vec![] } else { vec![time] };
            (vec![u8::from(v4.is_empty())], v4, v6, times)
        }
        Err(code) => (vec![code], vec![], vec![], vec![]),
    };
    assert_eq!((columns.status, columns.v4, columns.v6, columns.times), expect, "{line}");
    let explained = format().explain(line.as_bytes());
    assert_eq!(explained.is_ok(), expect.0 < vec![16], "{line}: {explained:?}");
}

#[test]
fn common_and_combined() {
    for line in [
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326"#,
        r#"1.2.3.4 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -"#,
        r#"1.2.3.4 - frank smith [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -"#,
        r#"1.2.3.4 - [x] [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 "http://a/" "Mozilla/4.08 [en]""#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /\"x\\" 200 2326 "a \"b\" c" "-" "extra" 0.004"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /"raw" HTTP/1.0" 404 0"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "-" 408 -"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "" 400 0"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03\x01" 400 157"#,
        r#"1.2.3.4:51234 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326"#,
        r#"1.2.3.4, 10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326"#,
        r#"1.2.3.4 - - [2000-10-10T20:55:36+00:00] "GET / HTTP/1.0" 200 2326"#,
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326\r",
    ] {
        check(line, Ok(("1.2.3.4", TIME)));
    }
    check(r#"2001:db8::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#, Ok(("2001:db8::1", TIME)));
    check(r#"::ffff:1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#, Ok(("1.2.3.4", TIME)));
}

#[test]
fn virtual_hosts_in_front() {
    for host in ["example.com:443", "example.com", "10.0.0.1:80", "-"] {
        let line = format!(r#"{host} 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#);
        check(&line, Ok(("1.2.3.4", TIME)));
    }
    // Without a fourth field, the second is the identity.
    check(r#"1.2.3.4 9.9.9.9 - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#, Ok(("1.2.3.4", TIME)));
}

#[test]
fn cut_off_lines_are_read_as_long_as_client_and_time_are_there() {
    let line = r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /\"a\" HTTP/1.0" 200 2326 "-" "curl""#;
    let needed = line.find(']').expect("there is one") + 1;
    for length in 0..=line.len() {
        let expect = if length < needed { Err(16) } else { Ok(("1.2.3.4", TIME)) };
        check(&line[..length], expect);
    }
}

#[test]
fn rejects() {
    for line in [
        "",
        " ",
        "hello",
        "1.2.3.4",
        " 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
        "1.2.3.4 - - 10/Oct/2000:13:55:36 -0700 \"GET /\" 200 1",
        "1.2.3.4 [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] get / 200 1",
        "1.2.3.4 - x [10/Oct/2000:13:55:36 -0700] [10/Oct/20",
        "\u{feff}\u{feff}1.2.3.4 - - 10/Oct/2000:13:55:36 -0700",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700]x",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /\" OK 1",
        r#"{"ip":"1.2.3.4"}"#,
    ] {
        check(line, Err(16));
    }
    check(r#"- - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#, Err(17));
    for client in ["host.example.com", "unix:", "localhost", "1.2.3", "1.2.3.4.5", "999.1.1.1"] {
        check(&format!(r#"{client} - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#), Err(18));
    }
}

#[test]
fn a_time_that_is_none_does_not_reject() {
    check(r#"1.2.3.4 - - [31/Feb/2000:13:55:36 -0700] "GET /" 200 1"#, Ok(("1.2.3.4", UNREAD_TIME)));
    check(r#"1.2.3.4 - - [whenever] "GET /" 200 1"#, Ok(("1.2.3.4", UNREAD_TIME)));
    check(r#"1.2.3.4 - - [10/Oct/2000:13:55:36] "GET /" 200 1"#, Ok(("1.2.3.4", UNREAD_TIME)));
    check(r#"1.2.3.4 - - [10/Oct/1970:13:55:36 -0700] "GET /" 200 1"#, Ok(("1.2.3.4", UNREAD_TIME)));
    check(r#"1.2.3.4 - - [-] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
    check(r#"1.2.3.4 - - [] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
}

#[test]
fn settings_are_refused() {
    let refused = AccessLog::configure(&[("fields".to_owned(), "ip".to_owned())]).err();
    assert_eq!(refused.as_deref(), Some("unknown setting `fields`: the only setting is `trusted`"));
}

#[test]
fn explains() {
    let explain = |line: &str| AccessLog::default().explain(line.as_bytes());
    assert_eq!(
        explain(r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#).as_deref(),
        Ok("client 1.2.3.4; event time 971211336000 ms since 1970")
    );
    assert_eq!(
        explain("example.com - - [10/Oct/2000:13:55:36 -0700]").err().as_deref(),
        Some("the client field holds no address at byte 0, found `example.com - - [10/Oct/2000:13:55:36 -0`…")
    );
    assert_eq!(
        explain("1.2.3.4 - -").err().as_deref(),
        Some(
            "not a line of an access log: expected a time in brackets, as in `[10/Oct/2000:13:55:36 -0700]` at byte 0, found `1.2.3.4 - -`"
        )
    );
}

#[test]
fn ten_thousand_real_lines() {
    let Some(folder) = std::env::var_os("TALLYGATE_CORPUS") else {
        eprintln!("SKIPPED: TALLYGATE_CORPUS is unset, so no real line was read");
        return;
    };
    let path = Path::new(&folder).join("apache_combined.log");
    let corpus = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<&[u8]> = corpus.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let columns = read(&lines);
    let firsts: Vec<u32> = lines
        .iter()
        .map(|line| {
            let first = line.split(|byte| *byte == b' ').next().expect("a split has a first part");
            match Address::parse(first) {
                Some(Address::V4(address)) => address,
                other => panic!("the corpus holds {other:?}"),
            }
        })
        .collect();
    assert_eq!(lines.len(), 10_000);
    assert_eq!(columns.v4, firsts);
    assert_eq!(columns.times.iter().filter(|time| **time == NO_TIME).count(), 0);
    assert_eq!(columns.v4.iter().collect::<BTreeSet<_>>().len(), 1_753);
}

const REQUEST: &str = r#""GET / HTTP/1.1" 401 5 "-" "-""#;
const BRACKET: &str = "[10/Oct/2000:13:55:36 -0700]";

#[test]
fn what_a_user_is_called_is_never_read_as_structure() {
    for user in [
        "[1]",
        "x [01/Jan/2001:00:00:00 +0000]",
        "- [01/Jan/2001:00:00:00 +0000]",
        "[01/Jan/2001:00:00:00 +0000] 561",
        r"x [01/Jan/2026:00:00:00 +0000] \x22GET / HTTP/1.1\x22 200",
        r#"x [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1"#,
        "x [01/Jan/2026:00:00:00 +0000] GET / HTTP/1.1 200 1",
        "9.9.9.9",
        "9.9.9.9 - -",
        "9.9.9.9, 8.8.8.8 - -",
        "(9.9.9.9) - -",
        "nginx: 9.9.9.9 - -",
        "] [",
        "[[[ ]]]",
        "a\"b",
    ] {
        check(&format!("1.2.3.4 - {user} {BRACKET} {REQUEST}"), Ok(("1.2.3.4", TIME)));
        check(&format!("example.com:80 1.2.3.4 - {user} {BRACKET} {REQUEST}"), Ok(("1.2.3.4", TIME)));
        check(&format!("7.7.7.7 1.2.3.4, 9.9.9.9 - {user} {BRACKET} {REQUEST}"), Ok(("1.2.3.4", TIME)));
    }
}

#[test]
fn what_is_in_request_referer_and_agent_is_never_read_as_structure() {
    for word in [
        "[01/Jan/2001:00:00:00 +0000]",
        "x [01/Jan/2001:00:00:00 +0000] GET /",
        r"x [01/Jan/2001:00:00:00 +0000] \x22GET",
        "9.9.9.9 - - ",
        "9.9.9.9, 8.8.8.8",
        r#"a \"b\" c"#,
        r#"a "b c"#,
        r"a\",
        "[en] (x",
    ] {
        let rest = r#"401 5 "-" "-""#;
        check(&format!(r#"1.2.3.4 - - {BRACKET} "GET /{word} HTTP/1.1" {rest}"#), Ok(("1.2.3.4", TIME)));
        check(&format!(r#"1.2.3.4 - - {BRACKET} "GET /{word}" {rest}"#), Ok(("1.2.3.4", TIME)));
        check(&format!(r#"1.2.3.4 - - {BRACKET} "GET /" 200 1 "{word}" "-""#), Ok(("1.2.3.4", TIME)));
        check(&format!(r#"1.2.3.4 - - {BRACKET} "GET /" 200 1 "-" "{word}" 3ms"#), Ok(("1.2.3.4", TIME)));
    }
}

/// Servers that do not escape quotes let clients write all that makes a line. Then there are two times, and neither is
/// believed; who the client is stands in front of both.
#[test]
fn raw_quotes_choose_neither_address_nor_time() {
    let forged = r#"x [01/Jan/2001:00:00:00 +0000] "GET / HTTP/1.1" 200 5"#;
    for line in [
        format!("1.2.3.4 - {forged} {BRACKET} {REQUEST}"),
        format!("1.2.3.4 - - [01/Jan/2001:00:00:00 +0000] \"GET /\" 200 5 {BRACKET} {REQUEST}"),
        format!(r#"1.2.3.4 - - {BRACKET} "GET /" 200 1 "-" "{forged}""#),
        format!(r#"1.2.3.4 - - {BRACKET} "GET /{forged}" 200 1"#),
    ] {
        check(&line, Ok(("1.2.3.4", UNREAD_TIME)));
    }
}

#[test]
fn lists_of_hops() {
    for front in [
        "1.2.3.4, 10.0.0.1 - -",
        "1.2.3.4,10.0.0.1 - -",
        "1.2.3.4, 10.0.0.1, 10.0.0.2 - frank",
        "7.7.7.7 1.2.3.4, 10.0.0.1 - -",
        "7.7.7.7 1.2.3.4,10.0.0.1 - -",
        "7.7.7.7 1.2.3.4 - -",
        "7.7.7.7 unknown, 1.2.3.4 - -",
        "7.7.7.7 (1.2.3.4, 7.7.7.7) - -",
        "1.2.3.4 (-) - -",
        "1.2.3.4 - - -",
        "1.2.3.4 - 7.7.7.7 - -",
        "1.2.3.4 - [1.2.3.4] - -",
        "example.com:443 1.2.3.4, 10.0.0.1 - -",
    ] {
        check(&format!("{front} {BRACKET} {REQUEST}"), Ok(("1.2.3.4", TIME)));
    }
    for front in [
        "192.0.2.1:80 client.example - -",
        "7.7.7.7 nobody - -",
        "example.com client.example - user",
        "10.0.0.1 nginx: 1.2.3.4 - -",
        "10.0.0.1 nginx: x",
        "7.7.7.7 frank john smith",
    ] {
        check(&format!("{front} {BRACKET} {REQUEST}"), Err(18));
    }
}

#[test]
fn the_hop_behind_trusted_proxies() {
    let trusted = "10.0.0.0/8,7.7.7.7";
    for (front, expect) in [
        ("6.6.6.6, 1.2.3.4, 10.0.0.1 - -", Ok("1.2.3.4")),
        ("7.7.7.7 6.6.6.6, 1.2.3.4, 10.0.0.1 - -", Ok("1.2.3.4")),
        ("7.7.7.7 6.6.6.6, 1.2.3.4 - -", Ok("1.2.3.4")),
        ("1.2.3.4 6.6.6.6, 10.0.0.1 - -", Ok("1.2.3.4")),
        ("1.2.3.4 made up - -", Ok("1.2.3.4")),
        ("192.0.2.1:80 1.2.3.4 - -", Ok("1.2.3.4")),
        ("7.7.7.7 10.0.0.1, 10.0.0.2 - -", Ok("10.0.0.1")),
        ("7.7.7.7 - -", Ok("7.7.7.7")),
        ("7.7.7.7 6.6.6.6, unknown - -", Err(18)),
    ] {
        check_with(trusted, &format!("{front} {BRACKET} {REQUEST}"), expect.map(|ip| (ip, TIME)));
    }
}

#[test]
fn prefixes_of_syslog() {
    for prefix in [
        "<134>Nov 20 05:00:00 fw.example nginx: ",
        "<134>Nov 20 05:00:00 10.0.0.1 nginx: ",
        "Nov  2 05:00:00 10.0.0.1 nginx[12]: ",
        "<134>Nov 20 05:00:00 nginx: ",
        "2026-11-20T05:00:00.1+00:00 10.0.0.1 nginx: ",
        "<134>1 2026-11-20T05:00:00Z 10.0.0.1 nginx 12 - - ",
        "\u{feff}",
    ] {
        check(&format!("{prefix}1.2.3.4 - - {BRACKET} {REQUEST}"), Ok(("1.2.3.4", TIME)));
        check(&format!("{prefix}name.example - - {BRACKET} {REQUEST}"), Err(18));
    }
    for prefix in ["Nov 20 05:00:00 10.0.0.1 ", "10.0.0.1 nginx: ", "<134>Nov 20 10.0.0.1 nginx: "] {
        check(&format!("{prefix}1.2.3.4 - - {BRACKET} {REQUEST}"), Err(18));
    }
}

#[test]
fn legal_lines_of_other_servers() {
    for line in [
        r#"1.2.3.4 -  [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5"#,
        r#"1.2.3.4 -   [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5"#,
        r#"1.2.3.4 - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" - 0 x"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" - 512"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" - -"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" 0 0 "-" "-" 6 "a" "-" 0ms"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "- - -" 0 0"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] 561 "HEAD /" 403 -"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] example.com 3 "HEAD /" 403 -"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "example.com" "HEAD /" 403 -"#,
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] GET /api HTTP/1.1 204 - - okhttp",
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] GET /api HTTP/1.1 204 - "http://a/" "x" 5"#,
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] CONNECT example.com:443 HTTP/1.1 200",
        r#"1.2.3.4 - - [10/Oct/2000 13:55:36.000 -0700] "GET /" 200 1"#,
        r#"1.2.3.4 - - [10/Oct/2000:13:55:36,000 -0700] "GET /" 200 1"#,
        r#"1.2.3.4 - - [971211336] "GET /" 200 1"#,
        r#"1.2.3.4 - - [4711] [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#,
        r#"1.2.3.4/32 - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#,
    ] {
        check(line, Ok(("1.2.3.4", TIME)));
    }
    let port = format!("2001:db8:4538:1:bcf4:5264:e01c:f215:50718 - - {BRACKET} {REQUEST}");
    check(&port, Ok(("2001:db8:4538:1:bcf4:5264:e01c:f215", TIME)));
}
