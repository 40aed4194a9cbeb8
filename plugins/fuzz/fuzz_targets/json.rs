//! Sequences of records: the answer to each must be that of a plugin that has seen no other, and a record must be
//! refused exactly if `serde_json` refuses it, apart from what the plugin's README names.

#![no_main]

use json::Json;
use libfuzzer_sys::fuzz_target;
use tallygate_guest::{Format as _, extract};

fuzz_target!(|data: &[u8]| {
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    let mut at = 0;
    for record in data.split(|byte| *byte == b'\n') {
        starts.push(at as u32);
        ends.push((at + record.len()) as u32);
        at += record.len() + 1;
    }
    let fresh = || Json::configure(&[]).expect("the defaults are accepted");
    let mut remembers = fresh();
    let _ = extract(&mut remembers, data, &starts, &ends);
    let columns = extract(&mut remembers, data, &starts, &ends);
    let (mut v4, mut v6, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for (record, status) in data.split(|byte| *byte == b'\n').zip(&columns.status) {
        let alone = extract(&mut fresh(), record, &[0], &[record.len() as u32]);
        assert_eq!(alone.status, [*status]);
        let accepted = alone.v4.len() + alone.v6.len() / 2;
        times.extend(if alone.times.is_empty() { vec![i64::MIN; accepted] } else { alone.times });
        v4.extend(alone.v4);
        v6.extend(alone.v6);
        check_acceptance(record, *status);
        assert_eq!(fresh().explain(record).is_ok(), *status < 16);
    }
    assert_eq!((columns.v4, columns.v6), (v4, v6));
    if !columns.times.is_empty() {
        assert_eq!(columns.times, times);
    }
});

fn check_acceptance(record: &[u8], status: u8) {
    match serde_json::from_slice::<serde_json::Value>(record) {
        Ok(_) => assert_ne!(status, 16),
        Err(error) => {
            let message = error.to_string();
            let intended = ["out of range", "surrogate", "hex escape"].iter().any(|part| message.contains(part));
            assert!(status == 16 || intended || record.starts_with(b"\xef\xbb\xbf"), "{message}");
        }
    }
}
