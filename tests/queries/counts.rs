//! How many came, and from where.

use serde_json::{Value, json};

use super::{day, hour, visit};
use crate::harness::Gateway;

fn history() -> (Gateway, [String; 3]) {
    let gateway = Gateway::start();
    let days = [day(10), day(9), day(3)];
    let [ten, nine, three] = &days;
    visit(
        &gateway,
        &[
            ("192.0.2.1", hour(ten, 5)),
            ("192.0.2.1", hour(ten, 7)),
            ("192.0.2.2", hour(ten, 7)),
            ("192.0.2.1", hour(nine, 0)),
            ("198.51.100.7", hour(nine, 23)),
            ("2001:db8::1", hour(three, 12)),
            ("192.0.2.2", hour(three, 13)),
        ],
    );
    (gateway, days)
}

/// As a dashboard asks that has many panels.
#[test]
fn many_questions_at_once_wait_for_each_other() {
    let (gateway, _) = history();
    let questions = ["/v1/top", "/v1/distinct?by=day", "/v1/distinct", "/v1/export?format=csv"];
    std::thread::scope(|scope| {
        for asking in 0..16 {
            let gateway = &gateway;
            scope.spawn(move || {
                for round in 0..10 {
                    // Something new comes in meanwhile, so that counting waits for it.
                    visit(gateway, &[(&format!("203.0.113.{}", asking * 10 + round), hour(&day(1), 1))]);
                    gateway.ask(questions[asking % questions.len()]).expect(200);
                }
            });
        }
    });
    assert_eq!(gateway.unique(), 4 + 160);
}

fn counts(distinct: u64, new: u64) -> Value {
    json!({"distinct": distinct, "new": new, "returning": distinct - new})
}

fn bucket(at: &str, distinct: u64, new: u64) -> Value {
    json!({"at": at, "distinct": distinct, "new": new, "returning": distinct - new})
}

/// Without a range, answers begin with the first visit, and hours with the first that are kept.
#[test]
fn what_is_kept_begins_with_the_first_visit() {
    let (gateway, [ten, ..]) = history();
    let days = gateway.ask("/v1/distinct?by=day").expect(200).json();
    assert_eq!((&days["from"], &days["buckets"][0]["at"]), (&json!(ten), &json!(ten)));
    assert_eq!(days["buckets"].as_array().map(Vec::len), Some(11));
    let hours = gateway.ask("/v1/distinct?by=hour").expect(200).json();
    assert_eq!(hours["buckets"].as_array().map(Vec::len), Some(11 * 24));
    assert_eq!(hours["buckets"][5], bucket(&hour(&ten, 5), 1, 1));
    let nothing = Gateway::start().ask("/v1/distinct?by=hour").expect(200).json();
    assert_eq!((&nothing["from"], nothing["buckets"].as_array().map(Vec::len)), (&nothing["to"], Some(24)));
}

#[test]
fn hours_begin_where_they_are_kept_though_days_reach_back_further() {
    let gateway = Gateway::with_config("event_time.max_age = \"200 days\"");
    visit(&gateway, &[("192.0.2.1", hour(&day(100), 5)), ("192.0.2.1", hour(&day(2), 5))]);
    assert_eq!(gateway.ask("/v1/distinct?by=day").expect(200).json()["from"], day(100));
    let hours = gateway.ask("/v1/distinct?by=hour").expect(200).json();
    assert_eq!((&hours["distinct"], &hours["new"]), (&json!(1), &json!(0)));
    // Who asks for what is not kept is told.
    gateway.ask(&format!("/v1/distinct?by=hour&from={}T05", day(100))).expect_error(422, "beyond-retention");
}

#[test]
fn distinct_addresses_are_counted_over_any_range() {
    let (gateway, [ten, nine, three]) = history();
    let text = gateway.ask(&format!("/v1/distinct?from={ten}&to={nine}&by=day")).expect(200).text();
    let expected = format!(
        "{{\"from\":\"{ten}\",\"to\":\"{nine}\",\"distinct\":3,\"new\":3,\"returning\":0,\"saturated_prefixes\":0,\
         \"buckets\":[{{\"at\":\"{ten}\",\"distinct\":2,\"new\":2,\"returning\":0}},\
         {{\"at\":\"{nine}\",\"distinct\":2,\"new\":1,\"returning\":1}}]}}\n"
    );
    assert_eq!(text, expected);
    for (range, distinct, new) in [
        (format!("from={ten}&to={three}"), 4, 4),
        (format!("from={three}"), 2, 1),
        (format!("from={nine}&to={nine}T22"), 1, 0),
        (format!("from={ten}T06&to={ten}T07"), 2, 1),
        (format!("from={ten}T05:30:00Z&to={ten}T05:30:00Z"), 1, 1),
        (String::new(), 4, 4),
        (format!("to={ten}"), 2, 2),
        ("from=9999-01-01".to_owned(), 0, 0),
    ] {
        let answer = gateway.ask(&format!("/v1/distinct?{range}")).expect(200).json();
        let found = json!({"distinct": answer["distinct"], "new": answer["new"], "returning": answer["returning"]});
        assert_eq!(found, counts(distinct, new), "{range}: {answer}");
        assert_eq!(answer["buckets"], json!([]), "{range}");
    }
}

#[test]
fn buckets_are_hours_days_weeks_and_months() {
    let (gateway, [ten, nine, three]) = history();
    let buckets = |range: &str| {
        let answer = gateway.ask(&format!("/v1/distinct?{range}")).expect(200).json();
        answer["buckets"].as_array().expect("a list").clone()
    };
    let hours = buckets(&format!("from={ten}T04&to={ten}T07&by=hour"));
    let at = |of_day| hour(&ten, of_day);
    assert_eq!(hours, [bucket(&at(4), 0, 0), bucket(&at(5), 1, 1), bucket(&at(6), 0, 0), bucket(&at(7), 2, 1)]);
    let days = buckets(&format!("from={ten}T06&to={nine}T22&by=day"));
    assert_eq!(days, [bucket(&ten, 2, 1), bucket(&nine, 1, 0)]);

    // 2026-01-01 was a Thursday: to the week it is cut as to the month.
    let weeks = buckets("from=2026-01-01&to=2026-01-12&by=week");
    let starts: Vec<_> = weeks.iter().map(|week| week["at"].as_str().expect("text")).collect();
    assert_eq!(starts, ["2026-01-01", "2026-01-05", "2026-01-12"]);
    let months = buckets(&format!("from={}&by=month", day(70)));
    assert!(
        (3..=4).contains(&months.len())
            && months[0]["at"] == day(70)
            && months[1]["at"].as_str().expect("text").ends_with("-01")
    );
    let sum: u64 = months.iter().map(|month| month["new"].as_u64().expect("a number")).sum();
    assert_eq!(sum, 4, "{three}: whoever is new is new once");
}

#[test]
fn a_range_of_too_many_buckets_is_refused() {
    let gateway = Gateway::start();
    let reply =
        gateway.ask(&format!("/v1/distinct?from={}&to=2099-12-31&by=hour", day(1))).expect_error(400, "bad-range");
    assert!(reply.text().contains("10000 buckets; choose larger ones"), "{}", reply.text());
    gateway.ask("/v1/distinct?by=minute").expect_error(400, "bad-range");
    gateway.ask("/v1/distinct?by=").expect_error(400, "bad-range");
    gateway.ask("/v1/distinct?from=2020-01-01").expect_error(422, "beyond-retention");
    let error = gateway.ask(&format!("/v1/distinct?from={}&by=hour", day(100))).expect_error(422, "beyond-retention");
    assert!(error.json()["error"]["oldest_hour"].is_string());
}

#[test]
fn the_largest_networks_come_first() {
    let (gateway, [ten, _, three]) = history();
    let text = gateway.ask(&format!("/v1/top?from={ten}&to={three}")).expect(200).text();
    let expected = "{\"networks\":[{\"network\":\"192.0.2.0/24\",\"distinct\":2},{\"network\":\"198.51.100.0/24\",\"distinct\":1},\
                    {\"network\":\"2001:db8::/64\",\"distinct\":1}]}\n";
    assert_eq!(text, expected);
    for (query, networks) in [
        (format!("from={ten}&to={ten}&prefix=32"), json!([["192.0.2.1/32", 1], ["192.0.2.2/32", 1]])),
        ("prefix=0&prefix6=128".to_owned(), json!([["0.0.0.0/0", 3], ["2001:db8::1/128", 1]])),
        ("limit=1".to_owned(), json!([["192.0.2.0/24", 2]])),
        (format!("from={three}&prefix=8&prefix6=32&limit=10000"), json!([["192.0.0.0/8", 1], ["2001:db8::/32", 1]])),
        ("from=9999-01-01".to_owned(), json!([])),
    ] {
        let answer = gateway.ask(&format!("/v1/top?{query}")).expect(200).json();
        let found =
            answer["networks"].as_array().expect("a list").iter().map(|one| json!([one["network"], one["distinct"]]));
        assert_eq!(Value::from_iter(found), networks, "{query}");
    }
    for (query, code) in [
        ("prefix=33", "bad-prefix"),
        ("prefix=-1", "bad-prefix"),
        ("prefix6=129", "bad-prefix"),
        ("limit=0", "bad-limit"),
        ("limit=10001", "bad-limit"),
        ("limit=many", "bad-limit"),
        ("from=2026-13-01", "bad-range"),
        ("by=day", "bad-query"),
    ] {
        gateway.ask(&format!("/v1/top?{query}")).expect_error(400, code);
    }
}
