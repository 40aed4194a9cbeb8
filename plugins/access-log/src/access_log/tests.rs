use tallygate_sdk::{Address, Columns, extract};

use super::*;

mod corpus;
mod hostile;

const TIME: i64 = 971_211_336_000_000_000;
/// When the lines came in, which makes no difference.
const RECEIVED: i64 = 1_795_150_800_000_000_000;

fn read(lines: &[&[u8]]) -> Columns {
    let mut data = Vec::new();
    let mut bounds = Vec::new();
    for line in lines {
        bounds.push(data.len() as u32);
        data.extend_from_slice(line);
        bounds.push(data.len() as u32);
        data.push(b'\n');
    }
    extract(&mut AccessLog::default(), &data, &bounds, RECEIVED)
}

#[track_caller]
fn check(line: &str, expect: Result<(&str, i64), u8>) {
    let columns = read(&[line.as_bytes()]);
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
    let explained = AccessLog::default().explain(line.as_bytes(), RECEIVED);
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
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] what else 200 1",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] GET",
        "1.2.3.4 - - [whenever]",
        "1.2.3.4 - [x]",
        "1.2.3.4 - [1]",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700]x",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /\" OK 1",
        r#"{"ip":"1.2.3.4"}"#,
    ] {
        check(line, Err(16));
    }
    for client in ["host.example.com", "unix:", "localhost", "1.2.3", "1.2.3.4.5", "999.1.1.1"] {
        check(&format!(r#"{client} - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#), Err(18));
    }
}

#[test]
fn a_time_that_is_none_does_not_reject() {
    for time in ["31/Feb/2000:13:55:36 -0700", "whenever", "1", "01/Jan/1970:00:00:00 +0000", "10/Oct/2000:13:55:36"] {
        check(&format!(r#"1.2.3.4 - - [{time}] "GET /" 200 1"#), Ok(("1.2.3.4", UNREAD_TIME)));
    }
    check(r#"1.2.3.4 - - [-] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
    check(r#"1.2.3.4 - - [] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
}

#[test]
fn a_dash_is_nobody() {
    for (line, time) in [
        (r#"- - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#, vec![TIME]),
        (r#"- - - [whenever] "GET /" 200 1"#, vec![UNREAD_TIME]),
        (r#"- - - [-] "GET /" 200 1"#, vec![]),
    ] {
        let columns = read(&[line.as_bytes()]);
        assert_eq!((columns.status, columns.v4, columns.v6, columns.times), (vec![2], vec![], vec![], time), "{line}");
    }
    // Also a virtual host that is not known, with an identity: whose address is it?
    check(r#"- 9.9.9.9 x y [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#, Err(18));
}

#[test]
fn settings_are_refused() {
    let refused = AccessLog::configure(&[("fields".to_owned(), "ip".to_owned())]).err();
    assert_eq!(refused.as_deref(), Some("unknown setting `fields`: the only setting is `trusted`"));
}

#[test]
fn explains() {
    let explain = |line: &str| AccessLog::default().explain(line.as_bytes(), RECEIVED);
    assert_eq!(
        explain(r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#).as_deref(),
        Ok("client 1.2.3.4; event time 2000-10-10T20:55:36Z")
    );
    assert_eq!(
        explain(r#"- - - [-] "GET /" 200 1"#).as_deref(),
        Ok("no client: its field is `-`; no event time: there is none in the brackets")
    );
    assert_eq!(
        explain("example.com - - [10/Oct/2000:13:55:36 -0700]").err().as_deref(),
        Some("the client field holds no address at byte 0, found `example.com - - [10/Oct/2000:13:55:36 -0`…")
    );
    assert_eq!(
        explain("1.2.3.4 - -").err().as_deref(),
        Some(
            "not a line of an access log: expected a time in brackets, as in `[10/Oct/2000:13:55:36 -0700]`, and a request behind it at byte 7, found ` - -`"
        )
    );
}

#[test]
fn lists_before_the_identity() {
    for front in [
        "1.2.3.4, 10.0.0.1",
        "1.2.3.4,10.0.0.1",
        "10.0.0.2 , 1.2.3.4",
        "unknown, 1.2.3.4",
        "(1.2.3.4, 10.0.0.1)",
        "\"1.2.3.4, 10.0.0.1\"",
        "10.0.0.2 1.2.3.4",
        "10.0.0.2:80 1.2.3.4",
        "10.0.0.2 1.2.3.4, 10.0.0.1",
        "10.0.0.2 1.2.3.4,10.0.0.1",
        "10.0.0.2 1.2.3.4,",
        "10.0.0.2 (1.2.3.4, 10.0.0.1)",
        "10.0.0.2 unknown, 1.2.3.4",
        "1.2.3.4, 10.0.0.1 10.0.0.2",
        "example.com 10.0.0.2 1.2.3.4, 10.0.0.1",
        "example.com:80 1.2.3.4, 10.0.0.1",
        "- 1.2.3.4",
        "- 1.2.3.4, 10.0.0.1",
        "1.2.3.4 -",
        "1.2.3.4 (-)",
        "1.2.3.4 unknown,",
    ] {
        for user in ["-", "frank", "frank smith", ""] {
            let line = format!(r#"{front} - {user} [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#);
            check(&line, Ok(("1.2.3.4", TIME)));
        }
    }
    let line = r#"10.0.0.2 [2001:db8::1]:80, 10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#;
    check(line, Ok(("2001:db8::1", TIME)));
}

#[test]
fn the_hop_nearest_to_the_server_that_is_not_trusted() {
    for (front, expect) in [
        ("1.2.3.4 -", Some("1.2.3.4")),
        ("10.0.0.1 -", Some("10.0.0.1")),
        ("1.2.3.4, 10.0.0.1 -", Some("1.2.3.4")),
        ("9.9.9.9, 1.2.3.4, 10.0.0.1 -", Some("1.2.3.4")),
        ("10.0.0.2 9.9.9.9, 1.2.3.4 -", Some("1.2.3.4")),
        ("10.0.0.2 (9.9.9.9, 1.2.3.4, 10.0.0.1) -", Some("1.2.3.4")),
        ("9.9.9.9, 1.2.3.4 10.0.0.2 -", Some("1.2.3.4")),
        ("1.2.3.4 9.9.9.9 -", Some("1.2.3.4")),
        ("1.2.3.4 9.9.9.9, 10.0.0.1 -", Some("1.2.3.4")),
        ("10.0.0.2 1.2.3.4 -", Some("1.2.3.4")),
        ("10.0.0.2 - -", Some("10.0.0.2")),
        ("10.0.0.2 10.0.0.7, 10.0.0.1 -", Some("10.0.0.7")),
        ("10.0.0.2 9.9.9.9, unknown -", None),
        ("example.com:443 10.0.0.2 9.9.9.9, 1.2.3.4 -", Some("1.2.3.4")),
    ] {
        let line = format!(r#"{front} - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#);
        let settings = [("trusted".to_owned(), "10.0.0.0/8".to_owned())];
        let mut plugin = AccessLog::configure(&settings).expect("the setting is valid");
        let columns = extract(&mut plugin, line.as_bytes(), &[0, line.len() as u32], RECEIVED);
        let found = columns.v4.first().map(|quad| Address::V4(*quad));
        assert_eq!(found, expect.map(|ip| Address::parse(ip.as_bytes()).expect("an address")), "{line}");
    }
}

#[test]
fn two_readings_are_rejected() {
    for (front, reject) in [
        ("1.2.3.4 9.9.9.9 x y", 16),
        ("9.9.9.9 nginx: 1.2.3.4 - -", 16),
        ("9.9.9.9 nginx[12]: 1.2.3.4, 10.0.0.1 - -", 16),
        ("example.com 9.9.9.9 x y", 18),
        ("example.com 9.9.9.9 -", 18),
        ("Nov 20 05:00:00 9.9.9.9 1.2.3.4 - -", 18),
        ("2026-11-20T05:00:00Z 9.9.9.9 - - -", 18),
        ("<134>1.2.3.4 9.9.9.9 - -", 18),
        ("1795150800.1 9.9.9.9 - -", 18),
    ] {
        check(&format!(r#"{front} [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#), Err(reject));
    }
}

#[test]
fn behind_a_syslog_prefix() {
    for prefix in [
        "<134>Nov 20 05:00:00 9.9.9.9 nginx: ",
        "<134>Nov  2 05:00:00 fw.example nginx[123]: ",
        "Nov 20 05:00:00 9.9.9.9 nginx: ",
        "Nov 20 05:00:00 nginx: ",
        "2026-11-20T05:00:00.123+01:00 9.9.9.9 nginx: ",
        "<134>1 2026-11-20T05:00:00.123Z 9.9.9.9 nginx 12 - - ",
        "<134>1 - - - - - - ",
        "<134>1 2026-11-20T05:00:00Z 9.9.9.9 nginx 12 - [a b=\"9.9.9.9 \\\"] \"][c] \u{feff}",
        "\u{feff}",
    ] {
        for client in ["1.2.3.4", "10.0.0.1 1.2.3.4", "example.com:443 1.2.3.4"] {
            let line = format!(r#"{prefix}{client} - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#);
            check(&line, Ok(("1.2.3.4", TIME)));
        }
    }
}

#[test]
fn what_servers_write_otherwise() {
    for behind in [
        r#"- - [10/Oct/2000 13:55:36.000 -0700] "GET /" 200 5"#,
        r#"- - [10/Oct/2000:13:55:36,000 -0700] "GET /" 200 5"#,
        r#"- - [Tue, 10 Oct 2000 20:55:36 GMT] "GET /" 200 5"#,
        r#"- - [971211336] "GET /" 200 5"#,
        r#"- - [4711] [10/Oct/2000:13:55:36 -0700] "GET /" 200 5"#,
        r#"- [10/Oct/2000:13:55:36 -0700] "GET /" 200 5"#,
        r#"-  [10/Oct/2000:13:55:36 -0700] "GET /" 200 5"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] 561 "GET /" 200 5"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] example.com 561 "GET /" 200 5"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] "example.com" "GET /" 200 5"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] "GET /" - 0 x"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] "GET /" - "#,
        r#"- - [10/Oct/2000:13:55:36 -0700] "- - -" 0 0"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] "GET /" 000 0"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] "\" 400 157"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] GET /x HTTP/1.1 204 - - okhttp"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] 12 GET /x[0]=1 HTTP/1.1 204 "http://a/" "b [c]""#,
        r#"- - [10/Oct/2000:13:55:36 -0700] OPTIONS * HTTP/1.1 204"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] CONNECT example.com:443 HTTP/1.1 200"#,
        r#"- - [10/Oct/2000:13:55:36 -0700] GET http://example.com/ HTTP/1.1 200"#,
        "- - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200\r",
        "- - [10/Oct/2000:13:55:36 -0700]\r",
    ] {
        check(&format!("1.2.3.4 {behind}"), Ok(("1.2.3.4", TIME)));
    }
    // Two times with a request behind each: the client is the same, the time is not known.
    let line = "1.2.3.4 - x [01/Jan/2001:00:00:00 +0000] GET /x [10/Oct/2000:13:55:36 -0700] GET / HTTP/1.1 200";
    check(line, Ok(("1.2.3.4", UNREAD_TIME)));
}
