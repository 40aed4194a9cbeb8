//! Records on their way: a batch as it came, and as it was judged.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tallygate_connect::frame::{Chunk, Framing};
use tallygate_event::{Outcome, TenantId};

use crate::in_flight::Reservation;

/// What a source hands to the pipeline: a body that is all there, and what is known of it.
pub(crate) struct Batch {
    pub(crate) body: Bytes,
    /// How its records are told apart.
    pub(crate) framing: Framing,
    pub(crate) origin: Origin,
    /// The bytes in flight that it holds.
    pub(crate) held: Reservation,
}

/// Whose a batch is, where it came from, and when.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) tenant: TenantId,
    /// The source's name in the configuration; `http` is the ingest port.
    pub(crate) source: Arc<str>,
    /// When it was received, in Unix milliseconds: the time of records that have none.
    pub(crate) received: i64,
}

/// A batch with what became of each of its records. It owns all that it needs, so that a destination may take it to another
/// thread, and keep it there for as long as it likes: until the last holder lets go of it, it counts as in flight.
pub(crate) struct Judged {
    pub(crate) body: Bytes,
    pub(crate) spans: Spans,
    /// What became of each record, in order.
    pub(crate) outcome: Outcome,
    pub(crate) origin: Origin,
    /// Given back when the last holder lets go of the batch.
    _held: Reservation,
}

/// Where the records of a batch lie in its body.
#[derive(Default)]
pub(crate) struct Spans {
    chunks: Vec<Chunk>,
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

    /// A record's bytes, unless the framing rejected it: then nobody knows where it ends.
    pub(crate) fn record(&self, record: usize) -> Option<&[u8]> {
        self.body.get(self.spans.get(record)?)
    }

    /// Memory for framing that another batch may use.
    pub(super) fn into_chunk(self) -> Option<Chunk> {
        self.spans.chunks.into_iter().next()
    }
}

// === impl Spans ===

impl Spans {
    pub(super) fn push(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
    }

    /// How many records there are, those included that the framing rejected.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(records_in).sum()
    }

    /// Where a record lies. `None` for one that the framing rejected, and if there are not so many.
    pub(crate) fn get(&self, mut record: usize) -> Option<Range<usize>> {
        for chunk in &self.chunks {
            if record < chunk.len() {
                return chunk.span(record);
            }
            record = record.checked_sub(records_in(chunk))?;
        }
        None
    }

    /// Memory that they hold, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum()
    }
}

/// The records of a chunk, with the one that the framing rejected.
pub(super) fn records_in(chunk: &Chunk) -> usize {
    chunk.len() + usize::from(chunk.reject.is_some())
}

#[cfg(test)]
mod tests {
    use tallygate_connect::frame::{Bounds, Frames};

    use super::*;

    #[test]
    fn every_record_is_found_again_over_all_chunks() {
        let body = b"one\ntwo\nthree-is-too-long\nfour\n\nfive\n";
        let bounds = Bounds { chunk_records: 2, chunk_bytes: 1000, max_record: 10 };
        let mut frames = Frames::new(body, Framing::Lines, bounds);
        let mut spans = Spans::default();
        let mut chunk = Chunk::default();
        while frames.next(&mut chunk) {
            spans.push(std::mem::take(&mut chunk));
        }
        let found: Vec<_> = (0..6).map(|record| spans.get(record).and_then(|span| body.get(span))).collect();
        let text = |text: &'static str| Some(text.as_bytes());
        assert_eq!(found, [text("one"), text("two"), None, text("four"), text("five"), None]);
        assert!(spans.bytes() >= 4 * 2 * size_of::<u32>());
    }
}
