//! A record is an IPv4 address, read by the standard library; everything else is the SDK's. See the guest `by-hand`.

use std::net::Ipv4Addr;

use tallygate_sdk::{Address, Reject, Visit};

fn extract(record: &[u8]) -> Result<Visit, Reject> {
    let text = std::str::from_utf8(record).ok();
    let address: Option<Ipv4Addr> = text.and_then(|text| text.parse().ok());
    let address = address.ok_or(Reject::not_an_address("the record is no address"))?;
    Ok(Visit::of(Address::V4(address.to_bits())))
}

tallygate_sdk::plugin!(extract);
