//! SIGTERM: what has begun is finished, nothing new is taken, and the end comes in bounded time.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::harness::{ADMIN, Connection, Gateway, Http2, Request, eventually, sinner};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

/// Begins a request and keeps the end of its body back; the gateway has seen the rest.
fn begin(gateway: &Gateway) -> Connection {
    let mut connection = gateway.connect();
    connection.write(Request::post("/logs").header("Content-Length", RECORD.len()).head());
    connection.write(&RECORD[..5]);
    gateway.wait_for("the beginning of a body", |metrics| metrics.value("tallygate_in_flight_bytes") > 0);
    connection
}

fn wait_for_drain(gateway: &Gateway) {
    eventually("the drain", || (gateway.ask("/readyz").status == 503).then_some(()));
}

#[test]
fn a_request_whose_body_is_still_arriving_is_finished() {
    let gateway = Gateway::start();
    let mut begun = begin(&gateway);
    gateway.signal(Signal::TERM);
    wait_for_drain(&gateway);
    gateway.ask("/healthz").expect(200);
    eventually("new connections to be refused", || TcpStream::connect(gateway.ingest()).err());

    begun.write(&RECORD[5..]);
    begun.reply().expect_tally(1, 1);
    begun.expect_close();
    let log = gateway.expect_end();
    assert!(log.lines().any(|line| line.contains("stopped") && line.contains("\"unique_ip_addresses\":1")), "{log}");
}

#[test]
fn streams_of_http2_are_finished_too() {
    let gateway = Gateway::start();
    let client = Http2::to(gateway.ingest());
    let (beginning, rest) = RECORD.split_at(5);
    let begun = client.begin(beginning);
    gateway.wait_for("the beginning of a body", |metrics| metrics.value("tallygate_in_flight_bytes") > 0);
    gateway.signal(Signal::TERM);
    wait_for_drain(&gateway);
    begun.end(rest).expect_tally(1, 1);
    gateway.expect_end();
}

#[test]
fn a_request_that_never_ends_is_cut_off_after_the_drain_timeout() {
    let gateway = Gateway::with_config("[ingest]\ndrain_timeout = \"300 ms\"");
    let mut begun = begin(&gateway);
    gateway.signal(Signal::TERM);
    let log = gateway.expect_end();
    begun.expect_close();
    assert!(log.contains("ingest.drain_timeout"), "{log}");
}

#[test]
fn the_operations_port_does_not_hold_up_the_end_either() {
    // In configure, the one that is brought spins for as long as that, and nobody looks up meanwhile.
    let time = "plugins.json.limits.time = \"60 s\"\n";
    let gateway = Gateway::with_config(&format!("{ADMIN}ingest.drain_timeout = \"100 ms\"\n{time}"));
    let described = || gateway.log().matches("\"stage\":\"describe\"").count();
    let before = described();
    let mut upload = Connection::to(gateway.ops());
    upload.write(Request::new("PUT", "/admin/plugins/json").body(sinner("spin_configure")).with_token().bytes());
    eventually("the call", || (described() > before).then_some(()));
    gateway.signal(Signal::TERM);
    let log = gateway.expect_end();
    upload.expect_close();
    assert!(log.contains("requests to the operations port were still under way"), "{log}");
    assert!(log.lines().any(|line| line.contains("\"stopped\"")), "{log}");
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let gateway = Gateway::start();
    let mut fresh: Vec<_> = (0..20).map(|_| gateway.connect()).collect();
    let mut used = gateway.connect();
    used.exchange(&Request::post("/logs").body(RECORD)).expect_tally(1, 1);
    let http2 = Http2::to(gateway.ingest());
    http2.post_all(vec![RECORD.to_owned()]).remove(0).expect_tally(1, 1);
    gateway.wait_for("all of them", |metrics| metrics.value("tallygate_connections") == 22);

    gateway.signal(Signal::TERM);
    let log = gateway.expect_end();
    assert!(!log.contains("cut off"), "{log}");
    used.expect_close();
    fresh.iter_mut().for_each(Connection::expect_close);
}

#[test]
fn an_interrupt_from_the_keyboard_ends_it_as_well() {
    let gateway = Gateway::start();
    gateway.expect_to_serve();
    gateway.signal(Signal::INT);
    gateway.expect_end();
}
