//! Requests that two programs would read differently: no second request may hide in the body of a first.

use crate::harness::Gateway;

/// Were this read as a request, it would be counted.
const HIDDEN: &str =
    "POST /logs HTTP/1.1\r\nHost: tallygate.example\r\nContent-Length: 18\r\n\r\n{\"ip\":\"192.0.2.9\"}";

/// A head with these lines.
fn head(lines: &[&str]) -> String {
    format!("POST /logs HTTP/1.1\r\nHost: tallygate.example\r\n{}\r\n\r\n", lines.join("\r\n"))
}

/// Sends a head and a hidden request behind it, and expects a refusal and a close.
fn expect_refused(gateway: &Gateway, lines: &[&str]) {
    eprintln!("{lines:?}");
    let mut connection = gateway.connect();
    connection.write(head(lines) + HIDDEN);
    connection.finish();
    connection.reply().expect(400);
    connection.expect_close();
}

#[test]
fn lengths_that_can_be_read_in_two_ways_are_refused() {
    let gateway = Gateway::start();
    expect_refused(&gateway, &["Content-Length: 0", "Content-Length: 85"]);
    expect_refused(&gateway, &["Content-Length: 85", "Content-Length: 0"]);
    for length in ["+0", "-1", "0, 85", "0x0", "0 0", "", "1e1", "99999999999999999999"] {
        expect_refused(&gateway, &[&format!("Content-Length: {length}")]);
    }
    for line in ["Content-Length : 0", " Content-Length: 0", "Content-Length\t: 0", "Content Length: 0"] {
        expect_refused(&gateway, &[line]);
    }
    expect_refused(&gateway, &["X: y\r\n Content-Length: 0"]);
    expect_refused(&gateway, &["X: y\0z", "Content-Length: 0"]);
    assert_eq!(gateway.unique(), 0);
}

#[test]
fn transfer_codings_that_can_be_read_in_two_ways_are_refused() {
    let gateway = Gateway::start();
    for coding in ["identity", "xchunked", "chunked, identity", "chunked;x=y", "\"chunked\"", "", "chunked\x0b"] {
        expect_refused(&gateway, &[&format!("Transfer-Encoding: {coding}")]);
    }
    expect_refused(&gateway, &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]);
    expect_refused(&gateway, &["Transfer-Encoding : chunked"]);
    let mut old = gateway.connect();
    old.write("POST /logs HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + HIDDEN);
    old.reply().expect(400);
    old.expect_close();
    assert_eq!(gateway.unique(), 0);
}

#[test]
fn chunks_that_can_be_read_in_two_ways_are_refused() {
    let gateway = Gateway::start();
    for chunks in
        ["+0\r\n\r\n", "0x0\r\n\r\n", "-1\r\n\r\n", "g\r\n\r\n", "\r\n\r\n", "fffffffffffffffff\r\n", "1\r\nab\r\n"]
    {
        eprintln!("{chunks:?}");
        let mut connection = gateway.connect();
        connection.write(head(&["Transfer-Encoding: chunked"]) + chunks + HIDDEN);
        connection.finish();
        connection.reply().expect(400);
        connection.expect_close();
    }
    assert_eq!(gateway.unique(), 0);
}

/// RFC 9112, 6.3: the coding wins and the length is ignored; the connection is closed after, whatever follows.
#[test]
fn with_both_a_length_and_a_coding_nothing_behind_the_request_is_read() {
    let gateway = Gateway::start();
    let coding = "Transfer-Encoding: chunked";
    for lines in [["Content-Length: 90", coding], [coding, "Content-Length: 90"], ["Content-Length: 0", coding]] {
        let mut connection = gateway.connect();
        connection.write(head(&lines) + "0\r\n\r\n" + HIDDEN);
        connection.reply().expect_tally(0, 0);
        connection.expect_close();
    }
    assert_eq!(gateway.unique(), 0);
    gateway.expect_to_serve();
}
