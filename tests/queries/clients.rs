//! Clients that are slow or go while their questions are answered, and gateways that stop meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::{ask_list, day, hour, visit};
use crate::harness::{ADMIN, Connection, Gateway, PATIENCE, Request, eventually};

/// How many questions that take their time are answered at the same time.
const PLACES: usize = 4;
const CROWD: u32 = 300_000;

/// Lets so many addresses come, in so many hours and from so many networks, that to count them takes a while.
fn crowd(gateway: &Gateway) {
    for ago in 3..7 {
        let hour = hour(&day(ago), 5);
        let record =
            |at| format!("{{\"ip\":\"{}\",\"timestamp\":\"{hour}:12:34Z\"}}\n", Ipv4Addr::from_bits(at * 14_000));
        for part in [0..CROWD / 2, CROWD / 2..CROWD] {
            gateway.post(part.map(record).collect::<String>()).expect_tally(u64::from(CROWD / 2), u64::from(CROWD / 2));
        }
    }
}

/// Asks for what takes minutes, and waits for the first answer.
fn ask_for_long(gateway: &Gateway) -> Connection {
    let mut connection = Connection::to(gateway.ops());
    connection.write(Request::post("/v1/visited").body("0.0.0.0/0\n".repeat(20_000)).bytes());
    eventually("the first answers", || connection.has_something().then_some(()));
    connection
}

#[test]
fn a_gateway_that_stops_waits_for_no_question() {
    let gateway = Gateway::with_config("ingest.drain_timeout = \"2 s\"");
    crowd(&gateway);
    let asking: Vec<_> = (0..PLACES).map(|_| ask_for_long(&gateway)).collect();
    gateway.signal(Signal::TERM);
    let log = gateway.expect_end();
    assert!(!log.contains("cut off"), "they noticed: {log}");
    assert!(log.lines().any(|line| line.contains("stopped") && line.contains(&CROWD.to_string())), "{log}");
    drop(asking);
}

/// As many as there are places ask for what takes minutes, and stop nobody else.
#[test]
fn who_computes_for_long_lets_others_have_a_turn_and_who_goes_leaves_the_place() {
    let gateway = Gateway::start();
    crowd(&gateway);
    let asking: Vec<_> = (0..PLACES).map(|_| ask_for_long(&gateway)).collect();
    for _ in 0..3 {
        eventually("a turn", || (gateway.ask("/v1/top").status == 200).then_some(()));
        eventually("a turn", || (ask_list(&gateway, "", "0.0.0.0").status == 200).then_some(()));
    }
    drop(asking);
    eventually("places", || places(&gateway, PLACES).then_some(()));
}

/// Whether so many places are free.
fn places(gateway: &Gateway, count: usize) -> bool {
    let head = Request::post("/v1/visited").header("Content-Length", 100).bytes();
    let mut open: Vec<_> = (0..count).map(|_| Connection::to(gateway.ops())).collect();
    open.iter_mut().all(|connection| {
        connection.write(&head);
        connection.write("192.0.2.1\n");
        eventually("an answer", || connection.has_something().then_some(()));
        connection.status() == 200
    })
}

/// A connection with so little room for what it has not read that the gateway sees it read.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // Less than a segment of the loopback would make the system wait for its timers.
    socket.set_recv_buffer_size(192 << 10).expect("less than there may be");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    socket.connect(&address.into()).expect("the port takes connections");
    socket.into()
}

/// As [`eventually`], for longer.
fn at_last<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = attempt() {
            return answer;
        }
        assert!(start.elapsed() < 3 * PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn rest(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    // It may be reset rather than closed.
    drop(stream.read_to_end(&mut rest));
    String::from_utf8_lossy(&rest).into_owned()
}

#[test]
fn who_is_slow_loses_the_place_to_others_and_who_has_a_slow_line_does_not() {
    const LINES: usize = 10_000;
    let gateway = Gateway::with_config(ADMIN);
    let hours: Vec<_> = (3..23).map(|ago| ("10.0.0.0", hour(&day(ago), 5))).collect();
    visit(&gateway, &hours);
    let list = Request::post("/v1/visited").header("Connection", "close").body("10.0.0.0\n".repeat(LINES)).bytes();
    let begun = Request::post("/v1/visited").header("Content-Length", 1 << 20).bytes();

    // Two send a byte now and then, one takes nothing, one takes 64 KiB a second.
    let mut trickles = [begun.clone(), begun].map(|begun| {
        let mut stream = narrow(gateway.ops());
        stream.write_all(&begun).and_then(|()| stream.write_all(b"10.0.0.0\n")).expect("the connection is open");
        stream
    });
    let [deaf, mut slow] = [list.clone(), list].map(|list| {
        let mut stream = narrow(gateway.ops());
        stream.write_all(&list).expect("the gateway reads ahead");
        stream
    });
    eventually("all places to be taken", || (gateway.ask("/v1/top").status == 503).then_some(()));
    let one = Request::new("DELETE", "/v1/ips/192.0.2.99");
    gateway.administer(one.clone()).expect(200);

    let (start, mut taken) = (Instant::now(), Vec::new());
    at_last("three places", || {
        // One that was cut off does not take any more.
        trickles.iter_mut().for_each(|stream| drop(stream.write_all(b"1")));
        while taken.len() < start.elapsed().as_millis() as usize * (64 << 10) / 1000 {
            let mut buffer = [0; 4 << 10];
            let count = slow.read(&mut buffer).expect("the connection is open");
            assert!(count > 0, "cut off after {} bytes", taken.len());
            taken.extend_from_slice(&buffer[..count]);
        }
        gateway.administer(one.clone()).expect(200);
        places(&gateway, 3).then_some(())
    });
    for answers in trickles.map(rest) {
        let last = answers.lines().rfind(|line| line.starts_with('{')).unwrap_or_default();
        let last: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON at the end: {answers}"));
        assert_eq!(last["error"]["code"], "too-slow", "{answers}");
        assert!(!answers.ends_with("\r\n0\r\n\r\n"), "broken off, and called whole: {answers}");
    }
    assert!(!rest(deaf).ends_with("\r\n0\r\n\r\n"), "broken off, and called whole");
    let all = String::from_utf8_lossy(&taken).into_owned() + &rest(slow);
    assert!(all.ends_with("\r\n0\r\n\r\n"), "not whole");
    assert_eq!(all.matches("{\"ip\":\"10.0.0.0\"").count(), LINES);
    ask_list(&gateway, "", "10.0.0.0").expect(200);
}
