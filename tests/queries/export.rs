//! All addresses of a range, as files.

use std::fs;
use std::process::Command;

use super::{day, hour, visit};
use crate::harness::{Gateway, python_with, run};

fn history() -> (Gateway, String) {
    let (gateway, ten) = (Gateway::start(), day(10));
    let came = ["2001:db8::2", "198.51.100.7", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.3"];
    visit(&gateway, &came.map(|ip| (ip, hour(&ten, 5))));
    visit(&gateway, &[("192.0.2.1", hour(&ten, 6)), ("203.0.113.1", hour(&day(3), 5))]);
    (gateway, ten)
}

#[test]
fn csv_and_ndjson_have_an_address_a_line() {
    let (gateway, ten) = history();
    let csv = gateway.ask(&format!("/v1/export?format=csv&from={ten}&to={ten}")).expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"tallygate-{ten}-{ten}.csv\"");
    assert_eq!(csv.header("content-disposition"), Some(name.as_str()));
    assert_eq!(csv.text(), "ip\n192.0.2.1\n192.0.2.3\n198.51.100.7\n2001:db8::1\n2001:db8::2\n");

    let ndjson = gateway.ask(&format!("/v1/export?format=ndjson&from={ten}T06")).expect(200);
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(ndjson.text(), "{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"203.0.113.1\"}\n");

    assert_eq!(gateway.ask(&format!("/v1/export?format=csv&from={}", day(1))).expect(200).text(), "ip\n");
    for (query, status, code) in [
        ("", 400, "bad-format"),
        ("format=xml", 400, "bad-format"),
        ("format=csv&from=soon", 400, "bad-range"),
        ("format=csv&by=day", 400, "bad-query"),
        ("format=csv&from=2020-01-01", 422, "beyond-retention"),
    ] {
        gateway.ask(&format!("/v1/export?{query}")).expect_error(status, code);
    }
}

#[test]
fn many_addresses_are_all_there() {
    let gateway = Gateway::start();
    let count = 200_000_u32;
    let ip = |at: u32| std::net::Ipv4Addr::from_bits((10 << 24) + at * 7);
    let body: String = (0..count).map(|at| format!("{{\"ip\":\"{}\"}}\n", ip(at))).collect();
    gateway.post(body).expect_tally(u64::from(count), u64::from(count));
    let csv = gateway.ask("/v1/export?format=csv").expect(200).text();
    assert!(csv.lines().skip(1).eq((0..count).map(|at| ip(at).to_string())), "{} lines", csv.lines().count());
}

/// Pyroaring is another implementation of the format than ours.
#[test]
fn others_read_the_roaring_bitmap() {
    const READ: &str = "\
import sys, ipaddress
from pyroaring import BitMap
for address in BitMap.deserialize(open(sys.argv[1], 'rb').read()):
    print(ipaddress.IPv4Address(address))
";
    let Some(python) = python_with("pyroaring") else { return };
    let (gateway, ten) = history();
    // One container of each kind: an array, a bitmap, and what runs would be.
    let many = (0..20_000_u32).map(|at| if at < 10_000 { (10 << 24) + at * 3 } else { (11 << 24) + at });
    let body: String = many.map(|bits| format!("{{\"ip\":\"{}\"}}\n", std::net::Ipv4Addr::from_bits(bits))).collect();
    gateway.post(body).expect_tally(20_000, 20_000);

    for range in [String::new(), format!("&from={ten}&to={ten}"), format!("&from={}&to={}", day(2), day(1))] {
        let roaring = gateway.ask(&format!("/v1/export?format=roaring{range}")).expect(200);
        assert_eq!(roaring.header("content-type"), Some("application/octet-stream"));
        let csv = gateway.ask(&format!("/v1/export?format=csv{range}")).expect(200).text();
        let (v6, v4): (Vec<_>, Vec<_>) = csv.lines().skip(1).partition(|ip| ip.contains(':'));
        assert_eq!(roaring.header("x-tallygate-ipv6-left-out"), Some(v6.len().to_string().as_str()));
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), &roaring.body).expect("writable");
        let output = run(Command::new(&python).args(["-c", READ]).arg(file.path()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).lines().eq(v4), "{range}");
    }
}
