//! When one address came.

use serde_json::json;

use super::{day, hour, visit};
use crate::harness::Gateway;

#[test]
fn an_address_has_its_first_and_last_hour_and_its_days() {
    let gateway = Gateway::start();
    let (ten, three) = (day(10), day(3));
    visit(&gateway, &[("192.0.2.1", hour(&ten, 5)), ("192.0.2.1", hour(&ten, 7)), ("192.0.2.1", hour(&three, 23))]);

    let reply = gateway.ask(&format!("/v1/visited?ip=192.0.2.1&from={ten}&to={three}")).expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let expected = format!(
        "{{\"ip\":\"192.0.2.1\",\"from\":\"{ten}\",\"to\":\"{three}\",\"visited\":true,\"first\":\"{ten}T05\",\
         \"last\":\"{three}T23\",\"days\":[\"{ten}\",\"{three}\"]}}\n"
    );
    assert_eq!(reply.text(), expected);

    let with_hours = gateway.ask(&format!("/v1/visited?ip=192.0.2.1&from={ten}&to={three}&detail=hours")).expect(200);
    assert_eq!(with_hours.json()["hours"], json!([hour(&ten, 5), hour(&ten, 7), hour(&three, 23)]));

    let none = gateway.ask(&format!("/v1/visited?ip=192.0.2.9&from={ten}&to={three}")).expect(200).json();
    let expected =
        json!({"ip": "192.0.2.9", "from": ten, "to": three, "visited": false, "first": null, "last": null, "days": []});
    assert_eq!(none, expected);

    let all = gateway.ask("/v1/visited?ip=192.0.2.1").expect(200).json();
    assert_eq!(all["days"], json!([ten, three]));
    assert_eq!(all["to"], day(0), "all that is kept ends today");
}

#[test]
fn both_ends_of_a_range_are_in_it() {
    let gateway = Gateway::start();
    let (ten, nine) = (day(10), day(9));
    visit(&gateway, &[("192.0.2.1", hour(&ten, 5)), ("192.0.2.1", hour(&ten, 23)), ("192.0.2.1", hour(&nine, 0))]);
    let five = "05:59:59.999";
    let hours = [(&ten, 5), (&ten, 23), (&nine, 0)].map(|(day, at)| hour(day, at));
    for (from, to, came) in [
        (hour(&ten, 5), hour(&ten, 5), 0..1),
        (hour(&ten, 5), hour(&nine, 0), 0..3),
        (hour(&ten, 6), hour(&ten, 22), 1..1),
        (hour(&ten, 6), ten.clone(), 1..2),
        (ten.clone(), ten.clone(), 0..2),
        (nine.clone(), nine.clone(), 2..3),
        (hour(&nine, 1), day(0), 3..3),
        // Instants: the hour that holds them, whatever their offset, and whether or not the plus is encoded.
        (format!("{ten}T{five}Z"), format!("{ten}T{five}Z"), 0..1),
        (format!("{ten}T06:30:00+01:00"), format!("{ten}T06:30:00%2B01:00"), 0..1),
        (format!("{ten}T06:30:00%2001:00"), format!("{ten}T06:30:00%2B01:00"), 0..1),
        (format!("{nine}T00:59:59%2B01:00"), format!("{nine}T00:59:59+01:00"), 1..2),
        (format!("{ten}T18:30:00-05:30"), format!("{ten}T18:30:00-05:30"), 2..3),
    ] {
        let path = format!("/v1/visited?ip=192.0.2.1&detail=hours&from={from}&to={to}");
        let answer = gateway.ask(&path).expect(200).json();
        assert_eq!(answer["hours"], json!(hours[came.clone()]), "{path}: {answer}");
        assert_eq!(answer["visited"], !came.is_empty(), "{path}");
        let first = hours[came.clone()].first();
        assert_eq!(answer["first"], json!(first), "{path}");
    }
}

#[test]
fn what_is_told_of_a_range_is_how_it_was_asked_for() {
    let gateway = Gateway::start();
    let ten = day(10);
    let path = format!("/v1/visited?ip=192.0.2.1&from={ten}T00&to={ten}T23:30:00Z");
    let answer = gateway.ask(&path).expect(200).json();
    assert_eq!((&answer["from"], &answer["to"]), (&json!(hour(&ten, 0)), &json!(hour(&ten, 23))));
    let answer = gateway.ask("/v1/visited?ip=192.0.2.1&to=9999-12-31").expect(200).json();
    assert_eq!(answer["to"], "9999-12-31");
    let answer = gateway.ask("/v1/visited?ip=192.0.2.1&from=9999-12-30").expect(200).json();
    assert_eq!((&answer["visited"], &answer["from"]), (&json!(false), &json!("9999-12-30")));
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    let gateway = Gateway::start();
    let ten = day(10);
    visit(&gateway, &[("::ffff:192.0.2.1", hour(&ten, 5)), ("2001:DB8:0::1", hour(&ten, 6))]);
    for (asked, told) in [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("%3A%3Affff%3Ac000%3A201", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001%3adb8%3a%3A0001", "2001:db8::1"),
    ] {
        let answer = gateway.ask(&format!("/v1/visited?ip={asked}")).expect(200).json();
        assert_eq!((&answer["ip"], &answer["visited"]), (&json!(told), &json!(true)), "{asked}");
    }
}

#[test]
fn what_was_acknowledged_is_seen_at_once() {
    let gateway = Gateway::start();
    for last in 0..50 {
        let ip = format!("192.0.2.{last}");
        gateway.post(format!("{{\"ip\":\"{ip}\"}}")).expect_tally(1, 1);
        let answer = gateway.ask(&format!("/v1/visited?ip={ip}")).expect(200).json();
        assert_eq!(answer["visited"], true, "{answer}");
    }
}

#[test]
fn a_question_that_cannot_be_answered_says_why() {
    let gateway = Gateway::start();
    let (ten, nine) = (day(10), day(9));
    for (query, code, told) in [
        ("", "bad-address", "\"\" is no IP address"),
        ("ip=192.0.2.256", "bad-address", "192.0.2.256"),
        ("ip=192.0.2.0/24", "bad-address", "192.0.2.0/24"),
        ("ip=192.0.2.1&from=yesterday", "bad-range", "from is \"yesterday\""),
        ("ip=192.0.2.1&from=", "bad-range", "from is \"\""),
        ("ip=192.0.2.1&to=2026-02-30", "bad-range", "to is \"2026-02-30\""),
        ("ip=192.0.2.1&to=2026-02-03T05:00", "bad-range", "2026-01-31T05:12:33+01:00"),
        (&format!("ip=192.0.2.1&from={nine}&to={ten}"), "bad-range", "ends before it begins"),
        (&format!("ip=192.0.2.1&from={ten}T05&to={ten}T04"), "bad-range", "ends before it begins"),
        ("ip=192.0.2.1&form=2026-01-31", "bad-query", "\"form\""),
        ("ip=192.0.2.1&ip=192.0.2.2", "bad-query", "ip is there twice"),
        ("ip=192.0.2.1&detail=days", "bad-query", "detail"),
        ("ip=%ff", "bad-query", "ip is not percent-encoded text"),
    ] {
        let reply = gateway.ask(&format!("/v1/visited?{query}")).expect_error(400, code);
        let message = reply.json()["error"]["message"].as_str().expect("text").to_owned();
        assert!(message.contains(told), "{query}: {message}");
    }
}

#[test]
fn what_is_no_longer_kept_is_told_with_what_is() {
    let gateway = Gateway::start();
    let hundred = day(100);
    for query in ["from=2020-01-01", "to=2020-01-01", "from=2020-01-01T05&to=2020-01-01T06"] {
        let error =
            gateway.ask(&format!("/v1/visited?ip=192.0.2.1&{query}")).expect_error(422, "beyond-retention").json();
        let oldest = error["error"]["oldest_day"].as_str().expect("a day").to_owned();
        assert!(oldest.ends_with("-01") && oldest <= day(400) && oldest > day(432), "{query}: {oldest}");
        gateway.ask(&format!("/v1/visited?ip=192.0.2.1&from={oldest}")).expect(200);
    }
    gateway.ask(&format!("/v1/visited?ip=192.0.2.1&from={hundred}&to={hundred}")).expect(200);
    let path = format!("/v1/visited?ip=192.0.2.1&from={hundred}T05");
    let error = gateway.ask(&path).expect_error(422, "beyond-retention").json();
    let oldest = error["error"]["oldest_hour"].as_str().expect("an hour").to_owned();
    gateway.ask(&format!("/v1/visited?ip=192.0.2.1&from={oldest}")).expect(200);
}
