//! From a batch to an answer: frame, ask the plugin, hand to the destinations, count.

mod batch;
mod call;
mod destination;
mod lane;
mod metrics;

use std::sync::Arc;

use bytes::Bytes;
use tallygate_connect::frame::{Bounds, Chunk, Frames, Framing};
use tallygate_event::{Code, Outcome};
use tallygate_index::journal::Unwritable;

use crate::in_flight::{NoRoom, Reservation};
use crate::serving::{Active, Route};
use crate::visits::{Believed, Replaced};

pub(crate) use batch::{Batch, Origin};
use batch::{Judged, Spans};
use call::Unavailable;
pub(crate) use lane::Lane;
pub(crate) use metrics::{PluginRecords, RecordMetrics, WorkerRecords};

/// What one call of a plugin takes: so much that the boundary costs nothing, so little that it stays in a core's own
/// cache and the other connections of the thread do not wait long.
const CHUNK_RECORDS: usize = 4096;
const CHUNK_BYTES: usize = 256 << 10;
/// Rejected records that a reply names.
pub(crate) const NAMED_REJECTS: usize = 20;

/// What became of the records of one batch.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    pub(crate) received: usize,
    pub(crate) accepted: usize,
    /// The first rejected records.
    pub(crate) named: Vec<Named>,
}

/// A rejected record, for the sender.
#[derive(Debug)]
pub(crate) struct Named {
    /// Which record of the batch, from zero.
    pub(crate) record: usize,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Why a batch was not judged, or is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unjudged {
    /// The plugin cannot be relied on now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// There is no memory for what is known of them.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// What they say cannot be kept.
    #[error("{0}")]
    Unwritable(#[from] Unwritable),
}

/// A batch on its way through.
struct Run<'a> {
    lane: &'a Lane,
    route: &'a Route,
    body: &'a Bytes,
    frames: Frames<'a>,
    believed: Believed,
    /// When the batch came in.
    received: i64,
    spans: Spans,
    /// Those among the records that no plugin saw.
    unframed: usize,
    outcome: Outcome,
}

/// Judges every record of a batch, hands it to all destinations, waits until they keep it for good, and counts everything.
///
/// Nothing is added or counted before all is judged, so a request that is given up on the way leaves no trace.
///
/// # Errors
/// When it cannot be judged or kept now: then all records are counted as refused, and may be sent again.
pub(crate) async fn process(lane: &Lane, route: &Route, batch: Batch) -> Result<Tally, Unjudged> {
    let Batch { body, framing, max_record, origin, mut held } = batch;
    let bounds = Bounds { chunk_records: CHUNK_RECORDS, chunk_bytes: CHUNK_BYTES, max_record };
    let mut run = Run::new((lane, route), &body, (framing, bounds), &origin);
    if let Err(unjudged) = run.judge_all(&mut held).await {
        let received = run.count_all();
        return Err(refused(lane, route, received, (&origin, unjudged)));
    }
    let (unframed, known) = (run.unframed, (run.spans, run.outcome));
    let batch = Arc::new(Judged::new(body, known, origin, held));
    let (received, accepted) = (batch.len(), batch.outcome.accepted());
    let named = if accepted < received { name_rejects(lane, &route.active, &batch).await } else { Vec::new() };
    if let Err(unwritable) = destination::deliver(&lane.destinations, &batch).await {
        return Err(refused(lane, route, received, (&batch.origin, unwritable.into())));
    }
    lane.own_metrics.records.received.inc_by(received as u64);
    lane.plugins.count_accepted(lane, &route.active, accepted as u64);
    if let Some(counts) = route.active.counts.of(lane.at) {
        counts.judged(accepted as u64, (received - unframed - accepted) as u64);
    }
    if accepted < received {
        count_rejects(&route.active, &batch.outcome);
    }
    // Unless a destination has the batch still.
    if let Some(batch) = Arc::into_inner(batch) {
        lane.give_back(batch.into_chunk());
    }
    Ok(Tally { received, accepted, named })
}

/// Counts records that were refused.
fn refused(lane: &Lane, route: &Route, received: usize, (origin, unjudged): (&Origin, Unjudged)) -> Unjudged {
    let Origin { tenant, source, .. } = origin;
    tracing::debug!(tenant = tenant.0, %source, records = received, %unjudged, "a batch was refused");
    lane.own_metrics.records.received.inc_by(received as u64);
    lane.metrics.records.refused(unjudged.reason(), received as u64);
    if let (Unjudged::Unavailable(_), Some(counts)) = (&unjudged, route.active.counts.of(lane.at)) {
        counts.refused(received as u64);
    }
    unjudged
}

// === impl Unjudged ===

impl Unjudged {
    /// The value of the metric label `reason`.
    fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "plugin",
            Self::NoRoom(_) => "capacity",
            // Whatever keeps visits from being taken: the name is that of the commonest.
            Self::Unwritable(_) => "journal",
        }
    }
}

// === impl Run ===

impl<'a> Run<'a> {
    fn new(
        (lane, route): (&'a Lane, &'a Route),
        body: &'a Bytes,
        (framing, bounds): (Framing, Bounds),
        origin: &Origin,
    ) -> Self {
        let frames = Frames::new(body, framing, bounds);
        let believed = lane.believed(origin);
        Self {
            lane,
            route,
            body,
            frames,
            believed,
            received: origin.received,
            spans: Spans::new(framing, bounds),
            unframed: 0,
            outcome: Outcome::default(),
        }
    }

    async fn judge_all(&mut self, held: &mut Reservation) -> Result<(), Unjudged> {
        let mut chunk = self.lane.take_chunk();
        loop {
            let mark = self.frames.mark();
            if !self.frames.next(&mut chunk) {
                return Ok(());
            }
            if !self.outcome.status.is_empty() {
                // The other connections of this thread have a turn between two calls.
                tokio::task::yield_now().await;
            }
            let judged = self.judge(&chunk, held).await;
            self.spans.push(mark, &mut chunk);
            judged?;
        }
    }

    async fn judge(&mut self, chunk: &Chunk, held: &mut Reservation) -> Result<(), Unjudged> {
        let records = chunk.records(self.body, self.received);
        let is_first = self.outcome.status.is_empty();
        if !records.is_empty() {
            self.route.samples.offer(self.lane.at, records);
            let mut answer = call::extract(self.lane, &self.route.active, self.body, (chunk, self.received)).await?;
            if self.route.requires_client {
                answer.require_client();
            }
            let replaced = self.believed.apply(&mut answer);
            if replaced != Replaced::default() {
                self.lane.metrics.visits.times_replaced.inc_by(replaced.beyond);
                self.lane.metrics.visits.times_unread.inc_by(replaced.unread);
            }
            if is_first {
                // Most requests are one chunk; what it takes is little.
                self.outcome = answer;
            } else {
                // Columns double as they grow, so that they hold up to twice what is in them.
                held.grow(2 * answer.bytes())?;
                self.outcome.append(&answer);
            }
        }
        if let Some(code) = chunk.reject {
            self.outcome.push_reject(code);
            self.unframed += 1;
        }
        Ok(())
    }

    /// How many records the body has in all, those included that nobody judged.
    fn count_all(mut self) -> usize {
        let (mut chunk, mut all) = (Chunk::default(), self.spans.len());
        while self.frames.next(&mut chunk) {
            all += batch::records_in(&chunk);
        }
        all
    }
}

/// Finds words for the first rejected records.
async fn name_rejects(lane: &Lane, active: &Arc<Active>, batch: &Judged) -> Vec<Named> {
    let (mut named, mut reader) = (Vec::new(), batch.reader());
    for (record, code) in batch.outcome.rejects().take(NAMED_REJECTS) {
        let seen = reader.record(record);
        let words = match seen.filter(|_| code != Code::TRAP) {
            Some(bytes) => call::explain(lane, active, (bytes, batch.origin.received), code).await,
            None => None,
        };
        let message = words.unwrap_or_else(|| in_general(code, seen.is_some()).to_owned());
        named.push(Named { record, code: active.plugin.code_name(code).to_owned(), message });
    }
    named
}

fn count_rejects(active: &Active, outcome: &Outcome) {
    let mut by_code = [0_u64; 256];
    for (_, code) in outcome.rejects() {
        by_code[usize::from(code.0)] += 1;
    }
    for (code, count) in (0..=u8::MAX).zip(by_code).filter(|(_, count)| *count > 0) {
        active.metrics.records.rejected(active.plugin.code_name(Code(code)), count);
    }
}

/// What a code means, where the plugin has no words of its own, or has not seen the record.
pub(crate) fn in_general(code: Code, seen: bool) -> &'static str {
    match code {
        Code::MALFORMED if !seen => {
            "what stands here is no element of the array: it is empty, or not closed, or stands behind the array's end"
        }
        Code::MALFORMED => "the record is not of the format expected",
        Code::FIELD_MISSING => "no field that could carry an address",
        Code::NOT_AN_ADDRESS => "the field for the address holds something else",
        Code::POLICY => "excluded by the plugin's settings, or its time lies beyond event_time.max_age or max_ahead",
        Code::TOO_LONG => "the record is longer than ingest.max_record allows",
        Code::TRAP => "the plugin fails on this very record",
        _ => "rejected by the plugin",
    }
}
