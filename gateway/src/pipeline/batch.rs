//! Records on their way: a batch as it came, and as it was judged.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tallygate_connect::frame::{Bounds, Chunk, Frames, Framing, Mark};
use tallygate_event::{Outcome, TenantId};

use crate::in_flight::Reservation;

/// What a source hands to the pipeline: a body that is all there, and what is known of it.
pub(crate) struct Batch {
    pub(crate) body: Bytes,
    /// How its records are told apart.
    pub(crate) framing: Framing,
    /// A longer record is rejected.
    pub(crate) max_record: usize,
    pub(crate) origin: Origin,
    /// The bytes in flight that it holds.
    pub(crate) held: Reservation,
}

/// Whose a batch is, where it came from, and when.
pub(crate) struct Origin {
    pub(crate) tenant: TenantId,
    /// The source's name in the configuration; `http` is the ingest port.
    pub(crate) source: Arc<str>,
    /// When it was received, in Unix nanoseconds: the time of records that have none.
    pub(crate) received: i64,
}

/// A batch with what became of each of its records. It owns all that it needs, so that a destination may take it to another
/// thread, and keep it there for as long as it likes: until the last holder lets go of it, it counts as in flight.
pub(crate) struct Judged {
    pub(crate) body: Bytes,
    spans: Spans,
    /// What became of each record, in order.
    pub(crate) outcome: Outcome,
    pub(crate) origin: Origin,
    /// Given back when the last holder lets go of the batch.
    _held: Reservation,
}

/// Where the records of a batch lie in its body. Of the first chunk, which is all of most batches, that is kept; the others are
/// framed again when somebody asks, as eight bytes for each record may be more than the records themselves.
pub(crate) struct Spans {
    framing: Framing,
    bounds: Bounds,
    first: Chunk,
    later: Vec<Stretch>,
}

/// Chunks behind the first, one after the other. Where the framing rejects records, a chunk may be as short as one of them: a
/// mark for each would take more than the body.
struct Stretch {
    /// Where it begins.
    mark: Mark,
    /// How many records it has, those included that the framing rejected.
    records: usize,
}

/// Finds the records of a batch. Of those that are asked for in ascending order, each chunk is framed once.
pub(crate) struct Reader<'a> {
    batch: &'a Judged,
    walk: Option<Walk<'a>>,
}

/// The way through a stretch.
struct Walk<'a> {
    /// Which one it is.
    stretch: usize,
    frames: Frames<'a>,
    chunk: Chunk,
    /// How many records of the stretch lie before the chunk.
    before: usize,
}

// === impl Judged ===

impl Judged {
    /// `held` are the bytes in flight of the body, and of what is known of the records of large batches. What is known of a small
    /// one is little, and it is never refused for that; but it is counted.
    pub(super) fn new(body: Bytes, (spans, outcome): (Spans, Outcome), origin: Origin, mut held: Reservation) -> Self {
        let all = body.len() + spans.bytes() + outcome.bytes();
        held.force(all.saturating_sub(held.bytes()));
        Self { body, spans, outcome, origin, _held: held }
    }

    /// How many records it has.
    pub(crate) fn len(&self) -> usize {
        self.outcome.status.len()
    }

    /// Finds its records.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { batch: self, walk: None }
    }

    /// Memory for framing that another batch may use.
    pub(super) fn into_chunk(self) -> Chunk {
        self.spans.first
    }
}

// === impl Spans ===

impl Spans {
    /// None yet, of a body that is framed like this.
    pub(super) fn new(framing: Framing, bounds: Bounds) -> Self {
        Self { framing, bounds, first: Chunk::default(), later: Vec::new() }
    }

    /// Adds a chunk, which was framed from the mark on. The first is taken.
    pub(super) fn push(&mut self, mark: Mark, chunk: &mut Chunk) {
        if records_in(&self.first) == 0 {
            self.first = std::mem::take(chunk);
            return;
        }
        let (bounds, records) = (self.bounds, records_in(chunk));
        let has_room = |last: &&mut Stretch| {
            last.records < bounds.chunk_records && mark.bytes_since(last.mark) < bounds.chunk_bytes
        };
        match self.later.last_mut().filter(has_room) {
            Some(last) => last.records += records,
            None => self.later.push(Stretch { mark, records }),
        }
    }

    /// How many records there are, those included that the framing rejected.
    pub(super) fn len(&self) -> usize {
        records_in(&self.first) + self.later.iter().map(|stretch| stretch.records).sum::<usize>()
    }

    /// Memory that they hold, in bytes.
    fn bytes(&self) -> usize {
        self.first.bytes() + self.later.capacity() * size_of::<Stretch>()
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// A record's bytes. `None` for one that the framing rejected, as nobody knows where it ends, and if there are not so many.
    pub(crate) fn record(&mut self, record: usize) -> Option<&'a [u8]> {
        let Judged { body, spans, .. } = self.batch;
        let span = match record.checked_sub(records_in(&spans.first)) {
            None => spans.first.span(record),
            Some(behind) => self.span_behind_the_first(behind),
        };
        body.get(span?)
    }

    fn span_behind_the_first(&mut self, mut record: usize) -> Option<Range<usize>> {
        let Judged { body, spans, .. } = self.batch;
        let mut stretches = spans.later.iter().enumerate();
        let (at, stretch) = stretches.find(|(_, stretch)| {
            let is_in_it = record < stretch.records;
            record -= if is_in_it { 0 } else { stretch.records };
            is_in_it
        })?;
        let on_its_way = self.walk.take().filter(|walk| walk.stretch == at && walk.before <= record);
        let walk = self.walk.insert(on_its_way.unwrap_or_else(|| {
            let frames = Frames::from_mark(body, (spans.framing, spans.bounds), stretch.mark);
            Walk { stretch: at, frames, chunk: Chunk::default(), before: 0 }
        }));
        while record >= walk.before + records_in(&walk.chunk) {
            walk.before += records_in(&walk.chunk);
            if !walk.frames.next(&mut walk.chunk) {
                return None;
            }
        }
        walk.chunk.span(record - walk.before)
    }
}

/// The records of a chunk, with the one that the framing rejected.
pub(super) fn records_in(chunk: &Chunk) -> usize {
    chunk.len() + usize::from(chunk.reject.is_some())
}

#[cfg(test)]
mod tests {
    use tallygate_event::NO_TIME;

    use super::*;
    use crate::in_flight::InFlight;

    /// What a reader finds, in ascending order, then the other way round, is what was framed, whatever the framing.
    #[test]
    fn every_record_is_found_again_over_all_chunks() {
        let in_flight = InFlight::new(1 << 20);
        let share = in_flight.share();
        let lines = "one\ntwo\nthree-is-too-long\nfour\n\n{\"a\":1}{\"b\":2} {\"c\":3}\n\0\0five\r\n\n\n\nsix";
        let array = "[ {\"a\":[1,2]}, 7,\"eight\" ,{}, [] , \"much-too-long\", 9] x";
        let values = "{\"a\":\n1}\n{}\n{\"b\":2}{\"c\":3}\n{\"d\":4}";
        let sequence = "\x1e{\"a\":1}\n\x1e2\n\x1e\x1e[3]\n\x1e4";
        let all = [
            (Framing::Lines, lines),
            (Framing::Array, array),
            (Framing::Values, values),
            (Framing::Sequence, sequence),
        ];
        for (framing, text) in all {
            for chunk_records in 1..5 {
                let bounds = Bounds { chunk_records, chunk_bytes: 20, max_record: 12 };
                let mut frames = Frames::new(text.as_bytes(), framing, bounds);
                let (mut spans, mut chunk, mut expected) = (Spans::new(framing, bounds), Chunk::default(), Vec::new());
                loop {
                    let mark = frames.mark();
                    if !frames.next(&mut chunk) {
                        break;
                    }
                    let records = (0..chunk.len()).map(|record| chunk.span(record).and_then(|span| text.get(span)));
                    expected.extend(records);
                    expected.extend(chunk.reject.map(|_| None));
                    spans.push(mark, &mut chunk);
                }
                assert!(expected.len() > 3, "{text:?}");
                assert_eq!(spans.len(), expected.len());
                let outcome = Outcome { status: vec![16; expected.len()], times: vec![NO_TIME], ..Outcome::default() };
                let origin = Origin { tenant: TenantId::DEFAULT, source: Arc::from("http"), received: 0 };
                let body = Bytes::from_static(text.as_bytes());
                let batch = Judged::new(body, (spans, outcome), origin, share.reservation());
                let mut reader = batch.reader();
                let mut read = |record| reader.record(record).map(|bytes| str::from_utf8(bytes).expect("as it was"));
                let ascending: Vec<_> = (0..expected.len()).map(&mut read).collect();
                assert_eq!(ascending, expected, "{framing:?} by {chunk_records}");
                let mut descending: Vec<_> = (0..expected.len()).rev().map(&mut read).collect();
                descending.reverse();
                assert_eq!(descending, expected, "{framing:?} by {chunk_records}");
                assert_eq!(read(expected.len()), None);
            }
        }
        assert_eq!(in_flight.held(), 0);
    }

    /// The framing rejects what stands between two commas with nothing between them, and ends a chunk with it.
    #[test]
    fn chunks_of_one_record_do_not_take_more_than_the_body() {
        let text = format!("[{}]", "{},,".repeat(100_000));
        let bounds = Bounds { chunk_records: 4096, chunk_bytes: 256 << 10, max_record: 1 << 20 };
        let mut frames = Frames::new(text.as_bytes(), Framing::Array, bounds);
        let (mut spans, mut chunk, mut chunks) = (Spans::new(Framing::Array, bounds), Chunk::default(), 0);
        loop {
            let mark = frames.mark();
            if !frames.next(&mut chunk) {
                break;
            }
            spans.push(mark, &mut chunk);
            chunks += 1;
        }
        assert!(chunks > 50_000, "{chunks}");
        assert!(spans.bytes() < text.len() / 50, "{} bytes for {}", spans.bytes(), text.len());
    }
}
