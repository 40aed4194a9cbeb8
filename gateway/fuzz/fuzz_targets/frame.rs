//! However a body is cut into chunks, the same records come out, in order, within the body, without overlap.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallygate_connect::frame::{Bounds, Chunk, Frames, detect};

fuzz_target!(|input: (Option<&str>, &[u8], u8, u8)| {
    let (content_type, body, records, bytes) = input;
    let whole = frame(content_type, body, Bounds { chunk_records: 4096, chunk_bytes: 1 << 20, max_record: 100 });
    let small =
        Bounds { chunk_records: 1 + usize::from(records), chunk_bytes: 1 + usize::from(bytes), max_record: 100 };
    assert_eq!(whole, frame(content_type, body, small));
});

/// Where the records lie, and the codes of those that the framing rejects.
fn frame(content_type: Option<&str>, body: &[u8], bounds: Bounds) -> Vec<(usize, usize)> {
    let mut frames = Frames::new(body, detect(content_type, body), bounds);
    let (mut chunk, mut all, mut last) = (Chunk::default(), Vec::new(), 0);
    while frames.next(&mut chunk) {
        let records = chunk.records(body, 0);
        for [start, end] in records.bounds.as_chunks().0 {
            let (start, end) = (chunk.base + *start as usize, chunk.base + *end as usize);
            assert!(last <= start && start < end && end <= body.len() && end - start <= bounds.max_record);
            all.push((start, end));
            last = end;
        }
        all.extend(chunk.reject.map(|code| (usize::MAX, usize::from(code.0))));
    }
    all
}
