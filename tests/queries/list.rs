//! Lists of addresses and networks, streamed.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};

use serde_json::{Value, json};

use super::{ask_list, day, hour, visit};
use crate::harness::{Connection, Gateway, Request, eventually};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[test]
fn lines_are_answered_in_their_order() {
    let gateway = Gateway::start();
    let ten = day(10);
    let came = ["192.0.2.1", "192.0.2.2", "192.0.3.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
    visit(&gateway, &came.map(|ip| (ip, hour(&ten, 5))));

    let list = "192.0.2.1\r\n\n  2001:db8::2 \n192.0.2.9\n192.0.2.77/24\n192.0.2.0/23\nwho\n2001:db8::/64\n2001:db8::/32\n\
                0.0.0.0/0\n::/0\n::ffff:192.0.2.0/120\n192.0.2.0/33\n198.51.100.0/24\n::ffff:192.0.2.2";
    let reply = ask_list(&gateway, &format!("?from={ten}&to={ten}"), list).expect(200);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let address = |ip: &str| {
        let one = gateway.ask(&format!("/v1/visited?ip={ip}&from={ten}&to={ten}")).expect(200).json();
        assert_eq!(one["visited"], ip != "192.0.2.9");
        one
    };
    let network = |cidr: &str, addresses: u64| json!({"cidr": cidr, "visited": addresses > 0, "addresses": addresses});
    let mut answers = lines(&reply.text());
    for (at, line, found) in [(5, 7, "who"), (11, 13, "192.0.2.0/33")] {
        let error = answers[at].take();
        assert_eq!((&error["error"]["code"], &error["line"]), (&json!("bad-address"), &json!(line)), "{error}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| message.contains(found)), "{error}");
    }
    let expected = [
        address("192.0.2.1"),
        address("2001:db8::2"),
        address("192.0.2.9"),
        network("192.0.2.0/24", 2),
        network("192.0.2.0/23", 3),
        Value::Null,
        network("2001:db8::/64", 2),
        network("2001:db8::/32", 3),
        network("0.0.0.0/0", 3),
        network("::/0", 3),
        network("192.0.2.0/24", 2),
        Value::Null,
        network("198.51.100.0/24", 0),
        address("192.0.2.2"),
    ];
    assert_eq!(answers, expected);
}

#[test]
fn a_list_may_be_empty_and_its_lines_may_be_anything() {
    let gateway = Gateway::start();
    assert_eq!(ask_list(&gateway, "", "").expect(200).text(), "");
    assert_eq!(ask_list(&gateway, "", "\n \r\n\n").expect(200).text(), "");
    let long = [b"192.0.2.1", " ".repeat(1 << 20).as_bytes(), b"\n\xff\xfe\0\n192.0.2.1"].concat();
    let reply = Connection::to(gateway.ops()).exchange(&Request::post("/v1/visited").body(&long).chunked(1000));
    let answers = lines(&reply.expect(200).text());
    assert_eq!(answers.len(), 3);
    assert_eq!((&answers[0]["line"], &answers[1]["line"]), (&json!(1), &json!(2)));
    assert_eq!(answers[2]["ip"], "192.0.2.1");
    ask_list(&gateway, "?from=never", "192.0.2.1").expect_error(400, "bad-range");
    ask_list(&gateway, "?ip=192.0.2.1", "192.0.2.1").expect_error(400, "bad-query");
    ask_list(&gateway, "?from=2020-01-01", "192.0.2.1").expect_error(422, "beyond-retention");
}

/// Bytes of memory that a process had at most.
fn peak(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[test]
fn a_long_list_takes_no_memory_while_nobody_reads_the_answers() {
    const LINES: u32 = 200_000;
    let gateway = Gateway::start();
    let hours: Vec<_> = (3..23).map(|ago| ("10.0.0.0", hour(&day(ago), 5))).collect();
    visit(&gateway, &hours);
    // Most have 20 days to tell, so that the answers are far longer than the list; the others show the order.
    let came = |at: u32| at == 0 || !at.is_multiple_of(4);
    let ip = |at: u32| Ipv4Addr::from_bits(if came(at) { 10 << 24 } else { 10 << 24 | at });
    let list: String = (0..LINES).map(|at| format!("{}\n", ip(at))).collect();
    let before = peak(gateway.pid());

    // Sends all of it, as many clients do, before it reads the first answer.
    let mut connection = Connection::to(gateway.ops());
    connection.write(Request::post("/v1/visited").body(&list).bytes());
    gateway.expect_to_serve();
    let reply = connection.reply().expect(200);
    let answers = lines(&reply.text());
    assert_eq!(answers.len(), LINES as usize);
    for (at, answer) in (0..LINES).zip(&answers) {
        assert_eq!(answer["ip"], ip(at).to_string());
        assert_eq!(answer["days"].as_array().map(Vec::len), Some(if came(at) { 20 } else { 0 }));
    }
    let grown = peak(gateway.pid()).saturating_sub(before);
    assert!(grown < reply.body.len() / 2, "grew by {grown} for {} bytes of answers", reply.body.len());
}

#[test]
fn a_list_that_breaks_off_ends_its_answers_broken() {
    let gateway = Gateway::start();
    let mut stream = TcpStream::connect(gateway.ops()).expect("the port takes connections");
    let head = "POST /v1/visited HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n192.0.2.1\n192.0.2.2\n192.0";
    stream.write_all(head.as_bytes()).expect("the connection is open");
    stream.shutdown(std::net::Shutdown::Write).expect("the connection is open");
    let mut answer = String::new();
    // It may be reset rather than closed.
    drop(std::io::Read::read_to_string(&mut stream, &mut answer));
    assert!(!answer.contains("\r\n0\r\n"), "broken off, and called whole: {answer}");
}

#[test]
fn only_so_many_are_answered_at_the_same_time() {
    let gateway = Gateway::start();
    let head = Request::post("/v1/visited").header("Content-Length", 100).bytes();
    let mut open: Vec<_> = (0..4).map(|_| Connection::to(gateway.ops())).collect();
    for connection in &mut open {
        connection.write(&head);
        connection.write("192.0.2.1\n");
        eventually("the first answer", || connection.has_something().then_some(()));
    }
    let busy = ask_list(&gateway, "", "192.0.2.1").expect_error(503, "busy");
    assert!(busy.header("retry-after").is_some());
    gateway.ask("/v1/top").expect_error(503, "busy");
    gateway.ask("/v1/visited?ip=192.0.2.1").expect(200);
    gateway.expect_to_serve();
    drop(open);
    eventually("a place", || (ask_list(&gateway, "", "192.0.2.1").status == 200).then_some(()));
}
