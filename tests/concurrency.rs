//! Many clients at once: the count stays exact.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;

use crate::harness::{Gateway, Http2, Request};

const CLIENTS: u32 = 8;
const POSTS: u32 = 10;
const RECORDS: u32 = 400;

/// What client `client` sends in its post `post`. Neighbours share half of their addresses, and one of three is IPv6.
fn address(client: u32, post: u32, record: u32) -> String {
    let number = client * POSTS * RECORDS / 2 + post * RECORDS + record;
    if number.is_multiple_of(3) {
        Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(number % 50) << 64) | u128::from(number)).to_string()
    } else {
        Ipv4Addr::from_bits(0x0a00_0000 + number).to_string()
    }
}

fn body(client: u32, post: u32) -> String {
    (0..RECORDS).map(|record| format!("{{\"ip\":\"{}\"}}\n", address(client, post, record))).collect()
}

#[test]
fn clients_that_send_the_same_addresses_at_the_same_time_count_them_once() {
    let gateway = Gateway::start();
    let all = u64::from(RECORDS);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let gateway = &gateway;
            scope.spawn(move || {
                if client.is_multiple_of(2) {
                    let mut connection = gateway.connect();
                    for post in 0..POSTS {
                        connection.exchange(&Request::post("/logs").body(body(client, post))).expect_tally(all, all);
                    }
                } else {
                    let posts = (0..POSTS).map(|post| body(client, post)).collect();
                    for reply in Http2::to(gateway.ingest()).post_all(posts) {
                        reply.expect_tally(all, all);
                    }
                }
            });
        }
    });
    let sent = (0..CLIENTS).flat_map(|client| {
        (0..POSTS).flat_map(move |post| (0..RECORDS).map(move |record| address(client, post, record)))
    });
    let distinct: HashSet<_> = sent.collect();
    let metrics = gateway.metrics();
    assert_eq!(metrics.value("unique_ip_addresses"), distinct.len() as u64);
    let received = u64::from(CLIENTS * POSTS * RECORDS);
    assert_eq!(metrics.value("tallygate_records_received_total"), received);
    assert_eq!(metrics.sum("tallygate_records_accepted_total", &[]), received);
    assert_eq!(metrics.value("tallygate_saturated_prefixes"), 0);
}

#[test]
fn the_same_new_addresses_from_everybody_are_new_once() {
    let gateway = Gateway::start();
    for round in 0..10 {
        let lines: String = (0..250).map(|last| format!("{{\"ip\":\"10.1.{round}.{last}\"}}\n")).collect();
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| gateway.post(&lines).expect_tally(250, 250));
            }
        });
        assert_eq!(gateway.unique(), 250 * (round + 1));
    }
}

#[test]
fn one_network_with_more_addresses_than_are_kept_is_told() {
    let gateway = Gateway::with_config("[addresses]\nmax_per_64 = 100");
    let lines: String = (0..150).map(|host| format!("{{\"ip\":\"2001:db8::{host:x}\"}}\n")).collect();
    gateway.post(lines).expect_tally(150, 150);
    let metrics = gateway.metrics();
    assert_eq!(metrics.value("unique_ip_addresses"), 100);
    assert_eq!(metrics.value("tallygate_saturated_prefixes"), 1);
}
