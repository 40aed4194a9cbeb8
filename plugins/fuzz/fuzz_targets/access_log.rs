//! Lines: read together or alone, explained or extracted, the answer is the same, and what a client chooses as user,
//! request, referer or agent neither hides it nor brings another address in.

#![no_main]

use access_log::AccessLog;
use libfuzzer_sys::fuzz_target;
use tallygate_sdk::{Format as _, extract};

fuzz_target!(|data: &[u8]| {
    let mut bounds = Vec::new();
    let mut at = 0;
    for line in data.split(|byte| *byte == b'\n') {
        bounds.extend([at as u32, (at + line.len()) as u32]);
        at += line.len() + 1;
    }
    let columns = extract(&mut AccessLog::default(), data, &bounds, 0);
    assert_eq!(2 * columns.status.len(), bounds.len());
    for (line, status) in data.split(|byte| *byte == b'\n').zip(&columns.status) {
        let alone = extract(&mut AccessLog::default(), line, &[0, line.len() as u32], 0);
        assert_eq!(alone.status, [*status]);
        assert_eq!(AccessLog::default().explain(line, 0).is_ok(), *status < 16);
    }
    check_chosen(data);
});

/// A line as Apache and nginx write it, with quotation marks and control characters escaped.
fn check_chosen(data: &[u8]) {
    let mut chosen = Vec::new();
    for byte in data {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => chosen.extend(format!("\\x{byte:02X}").bytes()),
            byte => chosen.push(*byte),
        }
    }
    let parts: Vec<&[u8]> = chosen.split(|byte| *byte == b'|').chain([&b"-"[..]; 4]).take(4).collect();
    let line = [
        b"1.2.3.4 - ",
        parts[0],
        b" [20/Nov/2026:05:00:00 +0000] \"",
        parts[1],
        b"\" 200 5 \"",
        parts[2],
        b"\" \"",
        parts[3],
        b"\"",
    ]
    .concat();
    let columns = extract(&mut AccessLog::default(), &line, &[0, line.len() as u32], 0);
    assert_eq!(
        (columns.v4, columns.times),
        (vec![0x0102_0304], vec![1_795_150_800_000_000_000]),
        "{}",
        line.escape_ascii()
    );
}
