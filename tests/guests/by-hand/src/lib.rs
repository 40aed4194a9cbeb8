//! A record is an IPv4 address, read by the standard library; everything else is written by hand. The guest `by-sdk` is the same
//! on the SDK: what the SDK costs is the difference.

wit_bindgen::generate!({ path: "../../../wit/1.0.0", world: "plugin" });

use std::net::Ipv4Addr;

use exports::tallygate::plugin::extractor::{Guest, Info, Outcome};

struct ByHand;

impl Guest for ByHand {
    fn describe() -> Info {
        Info {
            name: "by-hand".into(),
            version: "0.1.0".into(),
            about: "a record is an IPv4 address".into(),
            rejects: vec![],
            settings: vec![],
        }
    }

    fn configure(_: Vec<(String, String)>) -> Result<(), String> {
        Ok(())
    }

    fn extract(data: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        let records = bounds.len() / 2;
        let (mut status, mut v4) = (Vec::with_capacity(records), Vec::with_capacity(records));
        for [start, end] in bounds.as_chunks().0 {
            match address(&data[*start as usize..*end as usize]) {
                Some(address) => {
                    status.push(0);
                    v4.push(address.to_bits());
                }
                None => status.push(18),
            }
        }
        Outcome { status, v4, v6: vec![], times: vec![] }
    }

    fn explain(record: Vec<u8>, _: i64) -> Result<String, String> {
        match address(&record) {
            Some(address) => Ok(format!("client {address}")),
            None => Err("the record is no address".into()),
        }
    }
}

fn address(record: &[u8]) -> Option<Ipv4Addr> {
    std::str::from_utf8(record).ok()?.parse().ok()
}

export!(ByHand);
