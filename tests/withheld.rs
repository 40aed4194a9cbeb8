//! Clients that do not take their answers, or do not even finish asking: bounded in time and in memory, whatever signs of life
//! they give.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, Frames, Gateway, HEADERS, PING, PREFACE, Request,
    eventually, frame, header, settings,
};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

/// Ids of so many streams of a client.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|at| 2 * at + 1)
}

/// A connection whose requests are judged and whose answers are not taken.
fn withhold(gateway: &Gateway, requests: u32) -> Frames {
    let mut client = Frames::with_window(gateway.ingest(), 0);
    streams(requests).for_each(|stream| client.post(stream, RECORD));
    client
}

/// Expects that the gateway closes it, although it gives signs of life.
fn expect_close_of_the_living(client: &mut Frames) {
    let mut signs = [frame(PING, 0, 0, b"tallygat"), frame(8, 0, 0, &1_u32.to_be_bytes())].into_iter().cycle();
    eventually("the connection to be closed", || (!client.try_write(&signs.next().expect("endless"))).then_some(()));
}

#[test]
fn an_answer_that_is_not_taken_ends_its_connection() {
    let gateway = Gateway::with_config("[ingest]\nbody_timeout = \"500 ms\"");
    let mut client = withhold(&gateway, 100);
    expect_close_of_the_living(&mut client);
    gateway.wait_for("nothing to be left of it", |metrics| {
        metrics.value("tallygate_connections") == 0 && metrics.value("tallygate_in_flight_bytes") == 0
    });
    assert_eq!(gateway.metrics().value("tallygate_records_accepted_total"), 100);
    let mut scraper = Frames::with_window(gateway.ops(), 0);
    streams(10).for_each(|stream| scraper.get(stream, "/metrics"));
    expect_close_of_the_living(&mut scraper);
}

#[test]
fn one_that_takes_some_answers_and_not_others_is_ended_too() {
    let gateway = Gateway::with_config("[ingest]\nbody_timeout = \"500 ms\"");
    let mut client = withhold(&gateway, 1);
    let mut stream = 3;
    eventually("the connection to be closed", || {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &header("POST", "/logs"));
        let window = frame(8, 0, stream, &1000_u32.to_be_bytes());
        stream += 2;
        // Slowly enough to be no flood.
        thread::sleep(Duration::from_millis(5));
        (!client.try_write(&[request, window].concat())).then_some(())
    });
}

#[test]
fn what_waits_is_counted_as_held() {
    let gateway = Gateway::start();
    let client = withhold(&gateway, 100);
    gateway.wait_for("all of them", |metrics| {
        metrics.value("tallygate_records_accepted_total") == 100
            && metrics.value("tallygate_in_flight_bytes") > 100 << 10
    });
    drop(client);
    gateway.wait_for("none of them", |metrics| metrics.value("tallygate_in_flight_bytes") == 0);
}

#[test]
fn over_the_bytes_in_flight_one_that_takes_no_answer_is_ended_and_others_are_served() {
    let config = "[ingest]\nmax_body = \"64 KiB\"\nmax_record = \"64 KiB\"\nmax_in_flight = \"128 KiB\"";
    let gateway = Gateway::with_config(config);
    let mut client = withhold(&gateway, 120);
    client.expect_close();
    gateway.wait_for("nothing to be left of it", |metrics| metrics.value("tallygate_in_flight_bytes") == 0);
    gateway.post(RECORD).expect_tally(1, 1);
}

#[test]
fn answers_that_are_not_taken_do_not_hold_up_the_end() {
    let gateway = Gateway::with_config("[ingest]\ndrain_timeout = \"60 s\"\nbody_timeout = \"60 s\"");
    let client = withhold(&gateway, 50);
    gateway.wait_for("all of them", |metrics| metrics.value("tallygate_records_accepted_total") == 50);
    // One that answers nothing at all, and one that has begun to ask.
    let deaf = Frames::with_window(gateway.ingest(), 100);
    let mut half = gateway.connect();
    half.write("POST /logs HT");
    gateway.wait_for("these", |metrics| metrics.value("tallygate_connections") == 3);
    gateway.signal(Signal::TERM);
    let log = gateway.expect_end();
    assert!(!log.contains("cut off"), "{log}");
    drop((client, deaf, half));
}

/// The answers whose header has come.
fn answered(client: &mut Frames) -> usize {
    client.until_ping().iter().filter(|frame| frame.kind == HEADERS).count()
}

#[test]
fn no_more_answers_are_made_than_are_taken() {
    let gateway = Gateway::start();
    let mut client = Frames::with_window(gateway.ops(), 0);
    streams(100).for_each(|stream| client.get(stream, "/metrics"));
    let size = gateway.ask("/metrics").body.len();
    let mut made = answered(&mut client);
    // Whatever else is made is made before many pings more are answered.
    (0..20).for_each(|_| made += answered(&mut client));
    assert!((1..=(256 << 10) / size + 1).contains(&made), "{made} answers of {size} bytes were made");
    client.widen(0, 1 << 30);
    streams(100).for_each(|stream| client.widen(stream, 1 << 20));
    let mut ended = 0;
    while ended < 100 {
        let frame = client.next().expect("answers");
        ended += usize::from(frame.kind == DATA && frame.flags & END_STREAM != 0);
    }
    gateway.expect_to_serve();
}

#[test]
fn on_a_full_operations_port_the_one_that_has_waited_longest_makes_way() {
    let gateway = Gateway::start();
    let withheld: Vec<_> = (0..300)
        .map(|_| {
            let mut client = Frames::with_window(gateway.ops(), 0);
            streams(3).for_each(|stream| client.get(stream, "/metrics"));
            client
        })
        .collect();
    gateway.ask("/metrics").expect(200);
    let unread: Vec<_> = (0..300)
        .map(|_| {
            let mut client = Connection::to(gateway.ops());
            // The first to come are let go of while the last ask.
            drop(client.try_write(Request::get("/metrics").bytes().repeat(20)));
            client
        })
        .collect();
    gateway.ask("/metrics").expect(200);
    let silent: Vec<_> = (0..300).map(|_| Connection::to(gateway.ops())).collect();
    gateway.expect_to_serve();
    drop((withheld, unread, silent));
}

#[test]
fn a_connection_in_use_is_not_the_one_that_makes_way() {
    let gateway = Gateway::start();
    let mut used = Connection::to(gateway.ops());
    for _ in 0..20 {
        used.exchange(&Request::get("/healthz")).expect(200);
        let others: Vec<_> = (0..100).map(|_| Connection::to(gateway.ops())).collect();
        // They are there when the last of them is answered.
        let mut last = Connection::to(gateway.ops());
        last.exchange(&Request::get("/healthz")).expect(200);
        drop(others);
    }
}

/// Connections that begin like this.
fn begin(gateway: &Gateway, beginnings: &[Vec<u8>]) -> Vec<Frames> {
    begin_at(gateway.ingest(), beginnings)
}

fn begin_at(address: SocketAddr, beginnings: &[Vec<u8>]) -> Vec<Frames> {
    let begin = |beginning: &Vec<u8>| {
        let mut client = Frames::bare(address);
        client.write(beginning);
        client
    };
    beginnings.iter().map(begin).collect()
}

/// What lacks an end: beginnings of each kind of header.
fn halves() -> Vec<Vec<u8>> {
    let preface = PREFACE.as_bytes();
    let opened = [preface, &settings(100)].concat();
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &header("POST", "/logs"));
    let part = frame(HEADERS, END_STREAM, 1, &header("POST", "/logs"));
    let more = frame(CONTINUATION, 0, 1, &[]);
    let mut halves: Vec<_> = [1, 2, 10, 18, 23, 24].iter().map(|length| preface[..*length].to_vec()).collect();
    halves.push(opened[..preface.len() + 5].to_vec());
    halves.push(opened[..opened.len() - 1].to_vec());
    halves.push([&opened[..], &whole[..3]].concat());
    halves.push([&opened[..], &whole[..20]].concat());
    let second = frame(HEADERS, END_STREAM, 3, &header("POST", "/logs"));
    halves.push([&opened[..], &whole[..], &second[..]].concat());
    halves.push([opened, part, more].concat());
    halves.extend(["P", "POST", "POST /logs HTTP/1.1\r\nHost: tally"].map(|text| text.as_bytes().to_vec()));
    halves
}

#[test]
fn half_a_header_of_any_kind_is_cut_off() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"500 ms\"\nidle_timeout = \"10 min\"");
    begin(&gateway, &halves()).iter_mut().for_each(Frames::expect_close);
    begin_at(gateway.ops(), &halves()).iter_mut().for_each(Frames::expect_close);
    gateway.post(RECORD).expect_tally(1, 1);
}

#[test]
fn a_header_that_trickles_in_frames_is_cut_off() {
    let gateway = Gateway::with_config("[ingest]\nheader_timeout = \"500 ms\"\nidle_timeout = \"10 min\"");
    let mut client = Frames::with_window(gateway.ingest(), 100);
    client.write(&frame(HEADERS, END_STREAM, 1, &header("POST", "/logs")));
    eventually("the connection to be closed", || {
        thread::sleep(Duration::from_millis(200));
        (!client.try_write(&frame(CONTINUATION, 0, 1, &[]))).then_some(())
    });
}

#[test]
fn a_client_that_is_gone_is_let_go_of_at_once() {
    let gateway = Gateway::with_config(
        "[ingest]\nheader_timeout = \"10 min\"\nidle_timeout = \"10 min\"\nbody_timeout = \"10 min\"",
    );
    // Some hang up, some say only that nothing more will come.
    let mut begun = begin(&gateway, &halves());
    begun.iter_mut().for_each(Frames::finish);
    begun.iter_mut().for_each(Frames::expect_close);
    drop(begin(&gateway, &halves()));
    let mut client = withhold(&gateway, 10);
    gateway.wait_for("the answers", |metrics| metrics.value("tallygate_records_accepted_total") == 10);
    client.finish();
    gateway.wait_for("none of them", |metrics| metrics.value("tallygate_connections") == 0);
}
