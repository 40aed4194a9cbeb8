//! Lines: read together or alone, explained or extracted, the answer is the same.

#![no_main]

use access_log::AccessLog;
use libfuzzer_sys::fuzz_target;
use tallygate_guest::{Format as _, extract};

fuzz_target!(|data: &[u8]| {
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    let mut at = 0;
    for line in data.split(|byte| *byte == b'\n') {
        starts.push(at as u32);
        ends.push((at + line.len()) as u32);
        at += line.len() + 1;
    }
    let columns = extract(&mut AccessLog::default(), data, &starts, &ends);
    assert_eq!(columns.status.len(), starts.len());
    for (line, status) in data.split(|byte| *byte == b'\n').zip(&columns.status) {
        let alone = extract(&mut AccessLog::default(), line, &[0], &[line.len() as u32]);
        assert_eq!(alone.status, [*status]);
        assert_eq!(AccessLog::default().explain(line).is_ok(), *status < 16);
    }
});
