//! What authors of plugins take records apart with: whatever the bytes, nothing panics, everything ends, and what is JSON is
//! found as `serde_json` finds it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tallygate_sdk::{Address, Trusted, fields, json, time};

/// 1990 to 2100, in nanoseconds.
const PLAUSIBLE: std::ops::Range<i64> = 631_152_000_000_000_000..4_102_444_800_000_000_000;

fuzz_target!(|data: &[u8]| {
    check_times(data);
    let trusted = Trusted::read("1.0.0.0/8,::/16").expect("networks");
    if let Some(peer) = Address::parse(data.get(..7).unwrap_or(data)) {
        let _ = trusted.client_behind(peer, data);
    }
    let sums = [
        fields::words(data).map(<[u8]>::len).sum::<usize>(),
        fields::quoted(data).map(<[u8]>::len).sum(),
        fields::csv(data, b';').map(<[u8]>::len).sum(),
        fields::pairs(data).map(|(name, value)| name.len() + value.len()).sum(),
        fields::unescape(data).len(),
        fields::undouble(data).len(),
    ];
    assert!(sums.iter().all(|sum| *sum <= data.len()), "{sums:?}");
    check_json(data);
});

fn check_times(data: &[u8]) {
    let (first, rest) =
        data.split_first_chunk::<8>().map_or((0, data), |(first, rest)| (i64::from_le_bytes(*first), rest));
    let east = first % 86_400;
    let times = [
        time::rfc3339(data),
        time::local(rest, east),
        time::clf(data),
        time::http(data),
        time::epoch(data),
        time::epoch_in(data, time::Unit::Millis),
        time::syslog(rest, first, east),
    ];
    assert!(times.iter().flatten().all(|time| PLAUSIBLE.contains(time)), "{times:?}");
}

fn check_json(data: &[u8]) {
    let mut members = json::members(data);
    members.by_ref().for_each(drop);
    let whole = members.is_whole();
    let Ok(Value::Object(object)) = serde_json::from_slice(data) else { return };
    assert!(whole, "an object of serde_json is one");
    if data.contains(&b'\\') {
        // Keys and strings are handed out as they are written.
        return;
    }
    for (key, expect) in object.iter().filter(|(key, _)| !key.is_empty() && !key.contains('.')) {
        // Where a key stands twice, the scanner takes the first, and serde_json the last.
        let mut same = json::members(data).filter(|(found, _)| *found == key.as_bytes());
        let Some((_, value)) = same.next() else { panic!("{key} is not found") };
        assert_eq!(json::get(data, key), Some(value));
        if same.next().is_some() {
            continue;
        }
        match (expect, value) {
            (Value::String(expect), json::Value::String(raw)) => assert_eq!(raw, expect.as_bytes()),
            (Value::Null, json::Value::Null) | (Value::Number(_), json::Value::Number(_)) => {}
            (Value::Bool(expect), json::Value::Boolean(found)) => assert_eq!(*expect, found),
            (Value::Object(expect), json::Value::Object(raw)) => assert!(json::members(raw).count() >= expect.len()),
            (Value::Array(expect), json::Value::Array(raw)) => assert_eq!(json::elements(raw).count(), expect.len()),
            _ => panic!("{key}: {value:?} is not {expect:?}"),
        }
    }
}
