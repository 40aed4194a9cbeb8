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
    let explained = AccessLog::default().explain(line.as_bytes());
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
        "1.2.3.4 - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
        "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] GET / 200 1",
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
    check(r#"1.2.3.4 - - [31/Feb/2000:13:55:36 -0700] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
    check(r#"1.2.3.4 - - [whenever] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
    check(r#"1.2.3.4 - - [] "GET /" 200 1"#, Ok(("1.2.3.4", NO_TIME)));
}

#[test]
fn settings_are_refused() {
    let refused = AccessLog::configure(&[("fields".to_owned(), "ip".to_owned())]).err();
    assert_eq!(refused.as_deref(), Some("unknown setting `fields`: this plugin has no settings"));
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
            "not a line of an access log: expected a time in brackets, as in `[10/Oct/2000:13:55:36 -0700]` at byte 7, found ` - -`"
        )
    );
}

#[test]
fn ten_thousand_real_lines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/apache_combined.log");
    let Ok(corpus) = std::fs::read(&path) else {
        eprintln!("SKIPPED: the corpus of real log lines is absent, looked for it at {}", path.display());
        return;
    };
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
