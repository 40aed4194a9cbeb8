//! Over a bound, the client is told so, and when to come back.

use crate::harness::{Connection, Gateway, Request};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

/// Begins a request whose body is padded to `length`, and keeps the end of it back.
fn begin(gateway: &Gateway, length: usize) -> (Connection, String) {
    let mut connection = gateway.connect();
    connection.write(Request::post("/logs").header("Content-Length", length).head());
    connection.write(" ".repeat(length - RECORD.len()));
    (connection, RECORD.to_owned())
}

#[test]
fn over_the_bytes_in_flight_clients_are_told_to_come_back() {
    let config = "[ingest]\nmax_body = \"64 KiB\"\nmax_record = \"64 KiB\"\nmax_in_flight = \"64 KiB\"";
    let gateway = Gateway::with_config(config);
    assert_eq!(gateway.metrics().value("tallygate_in_flight_limit_bytes"), 64 << 10);
    let (mut first, rest) = begin(&gateway, 50_000);
    gateway.wait_for("the first body", |metrics| metrics.value("tallygate_in_flight_bytes") > 40_000);

    let reply = gateway.post(" ".repeat(40_000)).expect_error(429, "over-capacity");
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    // What still fits is served.
    gateway.expect_to_serve();

    first.write(rest);
    first.reply().expect_tally(1, 1);
    gateway.post(" ".repeat(40_000)).expect_tally(0, 0);
    assert_eq!(gateway.metrics().sum("tallygate_requests_total", &[("code", "429")]), 1);
}

#[test]
fn a_length_that_is_only_told_takes_no_room() {
    let config = "[ingest]\nmax_body = \"1 MiB\"\nmax_record = \"1 MiB\"\nmax_in_flight = \"1 MiB\"";
    let gateway = Gateway::with_config(config);
    let tellers: Vec<_> = (0..50)
        .map(|_| {
            let mut connection = gateway.connect();
            connection.write(Request::post("/logs").header("Content-Length", 1_000_000).head());
            connection.write(" ");
            connection
        })
        .collect();
    gateway.wait_for("all of them", |metrics| metrics.value("tallygate_in_flight_bytes") == 50);
    gateway.expect_to_serve();
    drop(tellers);
}

#[test]
fn over_the_connections_clients_are_told_to_come_back() {
    let gateway = Gateway::with_config("[ingest]\nmax_connections = 4");
    let mut served: Vec<_> = (0..4).map(|_| gateway.connect()).collect();
    gateway.wait_for("four connections", |metrics| metrics.value("tallygate_connections") == 4);

    let reply = gateway.connect().reply().expect_error(503, "too-many-connections");
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    for connection in &mut served {
        connection.exchange(&Request::post("/logs").body(RECORD)).expect_tally(1, 1);
    }
    gateway.ask("/healthz").expect(200);
    assert_eq!(gateway.metrics().value("tallygate_connections_refused_total"), 1);

    served.pop();
    gateway.wait_for("a place", |metrics| metrics.value("tallygate_connections") == 3);
    gateway.expect_to_serve();
}

#[test]
fn a_client_that_is_turned_away_while_it_writes_learns_why() {
    let gateway = Gateway::with_config("[ingest]\nmax_connections = 1");
    let served = gateway.connect();
    gateway.wait_for("the connection", |metrics| metrics.value("tallygate_connections") == 1);
    for _ in 0..20 {
        let mut connection = gateway.connect();
        // It may be turned away before all is written.
        drop(connection.try_write(Request::post("/logs").body(RECORD).bytes()));
        connection.reply().expect_error(503, "too-many-connections");
    }
    drop(served);
    gateway.wait_for("a place", |metrics| metrics.value("tallygate_connections") == 0);
    gateway.expect_to_serve();
}

#[test]
fn what_is_known_of_many_records_is_bounded_too() {
    let gateway = Gateway::with_config("[ingest]\nmax_body = \"1 MiB\"\nmax_in_flight = \"1100 KiB\"\n");
    // Tiny records: their bodies fit, what is known of them does not.
    let body = "{\"ip\":\"1.2.3.4\"}\n".repeat(60_000);
    gateway.post(&body).expect_error(413, "too-large");
    assert_eq!(gateway.metrics().sum("tallygate_records_refused_total", &[("reason", "capacity")]), 60_000);
    gateway.post(&body[..500_000 / 17 * 17]).expect(202);
    gateway.stop();
}
