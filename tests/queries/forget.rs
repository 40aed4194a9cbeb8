//! What is forgotten has never come.

use serde_json::json;

use super::{day, hour, visit};
use crate::harness::{ADMIN, Connection, Gateway, Request};

const QUESTIONS: [&str; 4] = ["/v1/distinct?by=day", "/v1/top", "/v1/export?format=csv", "/v1/visited?ip=192.0.2.7"];

fn forget(gateway: &Gateway, ip: &str) -> serde_json::Value {
    gateway.administer(Request::new("DELETE", &format!("/v1/ips/{ip}"))).expect(200).json()
}

/// All that can be asked, but for how the range ends.
fn answers(gateway: &Gateway) -> Vec<String> {
    let from = day(12);
    let ask = |question: &&str| {
        let mark = if question.contains('?') { '&' } else { '?' };
        gateway.ask(&format!("{question}{mark}from={from}&to={}", day(1))).expect(200).text()
    };
    QUESTIONS.iter().map(ask).collect()
}

#[test]
fn a_forgotten_address_has_never_come() {
    let gateway = Gateway::with_config(ADMIN);
    let others = [("192.0.2.1", hour(&day(10), 5)), ("192.0.2.2", hour(&day(3), 5)), ("2001:db8::1", hour(&day(3), 6))];
    visit(&gateway, &others);
    let expected = answers(&gateway);
    visit(
        &gateway,
        &[("192.0.2.7", hour(&day(10), 5)), ("192.0.2.7", hour(&day(3), 7)), ("2001:db8::7", hour(&day(9), 5))],
    );
    assert_ne!(answers(&gateway), expected);
    assert_eq!(gateway.unique(), 5);

    assert_eq!(forget(&gateway, "::ffff:192.0.2.7"), json!({"ip": "192.0.2.7", "forgotten": true}));
    assert_eq!(forget(&gateway, "192.0.2.7"), json!({"ip": "192.0.2.7", "forgotten": false}));
    let list = Request::post("/v1/forget").body("2001:db8::7\n\n192.0.2.99\n");
    assert_eq!(gateway.administer(list).expect(200).json(), json!({"forgotten": 1, "asked": 2}));
    assert_eq!(answers(&gateway), expected);
    assert_eq!(gateway.unique(), 3);

    let gateway = gateway.restart();
    assert_eq!(answers(&gateway), expected);
    assert_eq!(gateway.unique(), 3);
    visit(&gateway, &[("192.0.2.7", hour(&day(2), 5))]);
    let two = day(2);
    let again = gateway.ask(&format!("/v1/distinct?from={two}&to={two}")).expect(200).json();
    assert_eq!((&again["distinct"], &again["new"]), (&json!(1), &json!(1)), "it comes back as new");
    let days = gateway.ask("/v1/visited?ip=192.0.2.7").expect(200).json();
    assert_eq!(days["days"], json!([two]));
}

#[test]
fn forgetting_needs_the_token() {
    let gateway = Gateway::with_config(ADMIN);
    let ask = |request: &Request| Connection::to(gateway.ops()).exchange(request);
    let requests = [Request::new("DELETE", "/v1/ips/192.0.2.1"), Request::post("/v1/forget").body("192.0.2.1")];
    for request in requests {
        let refused = ask(&request).expect_error(401, "unauthorized");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        ask(&request.clone().header("Authorization", "Bearer wrong")).expect_error(401, "unauthorized");
        ask(&request.with_token()).expect(200);
    }
    gateway.administer(Request::new("DELETE", "/v1/ips/192.0.2.0%2F24")).expect_error(400, "bad-address");
    let list = Request::post("/v1/forget").body("192.0.2.1\n192.0.2.0/24");
    let error = gateway.administer(list).expect_error(400, "bad-address");
    assert_eq!(error.json()["line"], 2);

    let without = Gateway::start();
    without.administer(Request::new("DELETE", "/v1/ips/192.0.2.1")).expect_error(404, "not-found");
    without.administer(Request::post("/v1/forget").body("192.0.2.1")).expect_error(404, "not-found");
}
