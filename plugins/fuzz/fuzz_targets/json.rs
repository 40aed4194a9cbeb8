//! Sequences of records: the answer to each must be that of a plugin that has seen no other. With `strict`, a record
//! must be refused exactly if `serde_json` refuses it, apart from what the plugin's README names; without, what is
//! accepted with it must get the same answer. The first byte chooses the setting `trusted`.

#![no_main]

use json::Json;
use libfuzzer_sys::fuzz_target;
use tallygate_sdk::{Format as _, extract};

fuzz_target!(|data: &[u8]| {
    let (trusts, data) = data.split_first().map_or((false, data), |(first, rest)| (first % 2 == 1, rest));
    let trusted = if trusts { "1.0.0.0/8,::/16" } else { "" };
    let with = |strict: &str| {
        let settings =
            [("strict", strict), ("trusted", trusted)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        Json::configure(&settings).expect("the settings are valid")
    };
    for strict in ["true", "false"] {
        check(data, || with(strict));
    }
    for record in data.split(|byte| *byte == b'\n') {
        let strict = extract(&mut with("true"), record, &[0, record.len() as u32], 0);
        check_acceptance(record, strict.status[0]);
        if strict.status != [16] {
            assert_eq!(extract(&mut with("false"), record, &[0, record.len() as u32], 0), strict);
        }
    }
});

/// What was read before makes no difference.
fn check(data: &[u8], fresh: impl Fn() -> Json) {
    let mut bounds = Vec::new();
    let mut at = 0;
    for record in data.split(|byte| *byte == b'\n') {
        bounds.extend([at as u32, (at + record.len()) as u32]);
        at += record.len() + 1;
    }
    let mut remembers = fresh();
    let _ = extract(&mut remembers, data, &bounds, 0);
    let columns = extract(&mut remembers, data, &bounds, 0);
    let (mut v4, mut v6, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for (record, status) in data.split(|byte| *byte == b'\n').zip(&columns.status) {
        let alone = extract(&mut fresh(), record, &[0, record.len() as u32], 0);
        assert_eq!(alone.status, [*status]);
        let accepted = usize::from(*status < 16);
        times.extend(if alone.times.is_empty() { vec![i64::MIN; accepted] } else { alone.times });
        v4.extend(alone.v4);
        v6.extend(alone.v6);
        assert_eq!(fresh().explain(record, 0).is_ok(), *status < 16);
    }
    assert_eq!((columns.v4, columns.v6), (v4, v6));
    if !columns.times.is_empty() {
        assert_eq!(columns.times, times);
    }
}

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
