use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::with_slack;

/// Both ways to read an address, which must agree, with other bytes behind it.
fn read(spelling: &[u8]) -> Option<Address> {
    for behind in [0, b'0', b'.', b'"', b':'] {
        let mut copy = with_slack(spelling);
        copy[spelling.len()..].fill(behind);
        let text = Text::new(&copy).expect("slack was added");
        assert_eq!(Address::read(text, 0, spelling.len()), Address::parse(spelling), "{}", spelling.escape_ascii());
    }
    Address::parse(spelling)
}

fn address(ip: IpAddr) -> Address {
    let address = Address::from(ip);
    assert_eq!(IpAddr::from(address), ip.to_canonical());
    address
}

/// What is between back quotes in a cell.
fn quoted(cell: &str) -> Option<&str> {
    cell.trim_matches(' ').strip_prefix('`')?.strip_suffix('`')
}

#[test]
fn the_table_holds() {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../../gateway/docs/addresses.md");
    let Ok(table) = std::fs::read_to_string(place) else {
        eprintln!("SKIPPED: this copy of the crate lies apart from the table of addresses");
        return;
    };
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.split('|').skip(1);
        let spelling = cells.next().and_then(quoted).expect("a row begins with a spelling in back quotes");
        let expect = match cells.next().expect("a row has an answer") {
            " none " => None,
            cell => Some(address(quoted(cell).and_then(|text| text.parse().ok()).expect("the answer is an address"))),
        };
        assert_eq!(read(spelling.as_bytes()), expect, "{row}");
        rows += 1;
    }
    assert!(rows > 90, "only {rows} rows were found");
}

#[test]
fn nothing_is_no_address() {
    assert_eq!(read(b""), None);
    assert_eq!(read(b"\xff\xfe"), None);
    assert_eq!(read(&[b':'; 1 << 20]), None);
    assert_eq!(read(&[b'.'; 1 << 20]), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn reads_all_ipv4(bits: u32) {
        prop_assert_eq!(read(Ipv4Addr::from(bits).to_string().as_bytes()), Some(Address::V4(bits)));
    }

    #[test]
    fn reads_all_ipv6(bits: u128, keep in 0u32..=128, port: u16) {
        let ip = Ipv6Addr::from(bits & (u128::MAX.checked_shl(keep).unwrap_or(0)));
        let expect = Some(address(ip.into()));
        prop_assert_eq!(read(ip.to_string().as_bytes()), expect);
        prop_assert_eq!(read(format!("[{ip}]:{port}").as_bytes()), expect);
    }

    /// Where no port, bracket, zone or space is involved, the standard library's parser is right.
    #[test]
    fn agrees_with_the_standard_library(text in "[0-9a-fA-F.:]{0,45}|[0-9.]{5,16}|([0-9]{1,4}\\.){3}[0-9]{1,4}|([0-9a-f]{0,5}:){2,8}[0-9a-f.]{0,9}") {
        let expect = text.parse().ok().map(address);
        let read = read(text.as_bytes());
        // A dotted quad with a colon behind it is one with a port, and so is what follows eight groups.
        let colons = text.matches(':').count();
        let has_port = text.contains('.') && colons == 1 || colons == 8;
        prop_assert!(read == expect || has_port && expect.is_none(), "{}: {:?}, not {:?}", text, read, expect);
    }
}
