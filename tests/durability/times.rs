//! Which hour a record counts for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tallygate_index::Hour;

use super::kept::{self, now, record};
use crate::harness::{Gateway, Request};

fn address(number: u8) -> IpAddr {
    format!("192.0.2.{number}").parse().expect("an address")
}

/// Posts one record for each of these hours, relative to now.
fn post(gateway: &Gateway, hours: &[i64]) -> crate::harness::Reply {
    let hour = |ahead: i64| Hour(u32::try_from(i64::from(now().0) + ahead).expect("in range"));
    let visits = (1..).zip(hours).map(|(number, ahead)| (hour(*ahead), address(number)));
    let body: String = visits.map(|visit| record(&visit)).collect();
    gateway.send(&Request::post("/logs").body(body))
}

/// The hours, relative to now, that the addresses came at.
fn found(gateway: Gateway) -> BTreeSet<(IpAddr, i64)> {
    let folder = gateway.stop_and_leave();
    let (found, _) = kept::visits(&folder.path().join("data"));
    found.into_iter().map(|(hour, address)| (address, i64::from(hour.0) - i64::from(now().0))).collect()
}

#[test]
fn times_that_are_not_believed_are_replaced_and_counted() {
    let gateway = Gateway::start();
    // Now, late, as late as is believed; too late, and too far ahead.
    post(&gateway, &[0, -30, -24 * 34, -24 * 36, 24 * 400]).expect_tally(5, 5);
    assert_eq!(gateway.metrics().value("tallygate_event_times_replaced_total"), 2);
    let expected = [(1, 0), (2, -30), (3, -24 * 34), (4, 0), (5, 0)];
    expect_hours(gateway, &expected);
}

#[test]
fn records_whose_times_are_not_believed_are_rejected_if_that_is_asked_for() {
    let gateway = Gateway::with_config("[event_time]\nbeyond = \"reject\"\nmax_age = \"2 days\"\nmax_ahead = \"0 s\"");
    let reply = post(&gateway, &[0, -30, -24 * 3, 2]);
    assert_eq!(reply.errors().into_iter().map(|(record, _)| record).collect::<Vec<_>>(), [2, 3]);
    reply.expect_tally(4, 2);
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("tallygate_event_times_replaced_total", &[]), 0);
    assert_eq!(metrics.sum("tallygate_records_rejected_total", &[]), 2);
    expect_hours(gateway, &[(1, 0), (2, -30)]);
}

#[test]
fn records_whose_times_cannot_be_read_count_as_now_and_are_counted_apart() {
    for config in ["", "[event_time]\nbeyond = \"reject\""] {
        let gateway = Gateway::with_config(config);
        let times = ["\"noon\"", "0.212", "\"1970-01-01T00:00:00Z\"", "null", "\"-\""];
        let body: String = (1..)
            .zip(times)
            .map(|(number, time)| format!("{{\"ip\":\"{}\",\"time\":{time}}}\n", address(number)))
            .collect();
        gateway.send(&Request::post("/logs").body(body)).expect_tally(5, 5);
        assert_eq!(gateway.metrics().value("tallygate_event_times_unread_total"), 3);
        assert_eq!(gateway.metrics().value("tallygate_event_times_replaced_total"), 0);
        expect_hours(gateway, &[(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
    }
}

/// The hour may change while the test runs.
fn expect_hours(gateway: Gateway, expected: &[(u8, i64)]) {
    let found = found(gateway);
    let expected = |late: i64| expected.iter().map(|(number, hour)| (address(*number), hour - late)).collect();
    assert!(found == expected(0) || found == expected(1), "{found:?}");
}
