//! From a body to an answer: frame, ask the plugin, add to the set, count.

mod call;

use std::ops::Range;

use bytes::Bytes;
use tallygate_connect::frame::{Bounds, Chunk, Frames, Framing};
use tallygate_event::{Code, Outcome};
use tallygate_index::journal::Unwritable;
use tallygate_index::{NewIps, Visits};

use crate::in_flight::{NoRoom, Reservation};
use crate::serving::{Active, Route};
use crate::visits::{self, Believed, Replaced, of_default};
use crate::worker::Worker;

pub(crate) use call::OwnPlugins;
use call::Unavailable;

/// What one call of a plugin takes: so much that the boundary costs nothing, so little that it stays in a core's own
/// cache and the other connections of the thread do not wait long.
const CHUNK_RECORDS: usize = 4096;
const CHUNK_BYTES: usize = 256 << 10;
/// Rejected records that a reply names.
pub(crate) const NAMED_REJECTS: usize = 20;

/// What became of the records of one request.
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
    /// Which record of the request, from zero.
    pub(crate) record: usize,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A body, and how its records are told apart.
#[derive(Clone, Copy)]
pub(crate) struct Framed<'a> {
    pub(crate) body: &'a Bytes,
    pub(crate) framing: Framing,
    pub(crate) max_record: usize,
}

/// Why the records of a request were not judged.
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

/// Addresses that a request has brought into the set that is counted, until it is acknowledged.
struct Arrived<'a> {
    visits: &'a Visits,
    addresses: NewIps,
}

/// A rejected record, before there are words for it.
struct Reject {
    record: usize,
    code: Code,
    /// Where it lies in the body, if a plugin has seen it.
    place: Option<Range<usize>>,
}

/// A request on its way through.
struct Run<'a> {
    worker: &'a Worker,
    route: &'a Route,
    body: &'a Bytes,
    /// When it was received, in Unix milliseconds.
    now: i64,
    believed: Believed,
    received: usize,
    /// Those among them that no plugin saw.
    unframed: usize,
    outcome: Outcome,
    /// The first rejected records.
    rejects: Vec<Reject>,
}

/// Judges every record of a body, adds the visits, waits until they are durable and counts everything.
///
/// Nothing is added or counted before all is judged, so a request that is given up on the way leaves no trace.
///
/// # Errors
/// When it cannot be judged now: then all records are counted as refused, and may be sent again.
pub(crate) async fn process(
    worker: &Worker,
    route: &Route,
    body: Framed<'_>,
    held: &mut Reservation,
) -> Result<Tally, Unjudged> {
    let Framed { body, framing, max_record } = body;
    let bounds = Bounds { chunk_records: CHUNK_RECORDS, chunk_bytes: CHUNK_BYTES, max_record };
    let mut frames = Frames::new(body, framing, bounds);
    let mut run = Run::new(worker, route, body);
    let mut chunk = worker.take_chunk();
    let mut first = true;
    let judged = loop {
        if !frames.next(&mut chunk) {
            break Ok(());
        }
        if !first {
            // The other connections of this thread have a turn between two calls.
            tokio::task::yield_now().await;
        }
        first = false;
        if let Err(unjudged) = run.judge(&chunk, held).await {
            break Err(unjudged);
        }
    };
    let result = match judged {
        Ok(()) => run.finish().await,
        Err(unjudged) => Err(unjudged),
    };
    if let Err(unjudged) = &result {
        while frames.next(&mut chunk) {
            run.received += records_in(&chunk, body);
        }
        worker.own_metrics.received.inc_by(run.received as u64);
        worker.metrics.refused(unjudged.reason(), run.received as u64);
        if let (Unjudged::Unavailable(_), Some(counts)) = (unjudged, route.active.counts.of(worker.at)) {
            counts.refused(run.received as u64);
        }
    }
    worker.give_back(chunk);
    result
}

fn records_in(chunk: &Chunk, body: &[u8]) -> usize {
    chunk.records(body).len() + usize::from(chunk.reject.is_some())
}

// === impl Arrived ===

impl Arrived<'_> {
    fn acknowledged(mut self, outcome: &Outcome) {
        self.addresses.clear();
        of_default(self.visits).acknowledged(&outcome.v4, &outcome.v6);
    }
}

impl Drop for Arrived<'_> {
    /// The request is refused, or its client is gone.
    fn drop(&mut self) {
        if !self.addresses.is_empty() {
            of_default(self.visits).refused(&self.addresses);
        }
    }
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
    fn new(worker: &'a Worker, route: &'a Route, body: &'a Bytes) -> Self {
        let now = visits::now();
        let believed = worker.believed(now);
        let (outcome, rejects) = (Outcome::default(), Vec::new());
        Self { worker, route, body, now, believed, received: 0, unframed: 0, outcome, rejects }
    }

    async fn judge(&mut self, chunk: &Chunk, held: &mut Reservation) -> Result<(), Unjudged> {
        let records = chunk.records(self.body);
        let first = self.received;
        self.received += records_in(chunk, self.body);
        if !records.is_empty() {
            self.route.samples.offer(self.worker.at, records);
            let mut answer = call::extract(self.worker, &self.route.active, self.body, chunk).await?;
            let replaced = self.believed.apply(&mut answer);
            if replaced != Replaced::default() {
                self.worker.metrics.times_replaced.inc_by(replaced.beyond);
                self.worker.metrics.times_unread.inc_by(replaced.unread);
            }
            if answer.accepted() < records.len() {
                self.note_rejects(first, chunk, &answer);
            }
            if self.outcome.status.is_empty() {
                // Most requests are one chunk; what it takes is little, and gone in a moment.
                self.outcome = answer;
            } else {
                // Columns double as they grow, so that they hold up to twice what is in them.
                held.grow(2 * answer.bytes())?;
                self.outcome.append(&answer);
            }
        }
        if let Some(code) = chunk.reject {
            self.note_reject(first + records.len(), code, None);
            self.outcome.push_reject(code);
            self.unframed += 1;
        }
        Ok(())
    }

    fn note_rejects(&mut self, first: usize, chunk: &Chunk, answer: &Outcome) {
        let records = chunk.records(self.body);
        for (at, code) in answer.rejects().take(NAMED_REJECTS - self.rejects.len().min(NAMED_REJECTS)) {
            let place = records.starts.get(at).zip(records.ends.get(at));
            let place = place.map(|(start, end)| chunk.base + *start as usize..chunk.base + *end as usize);
            self.note_reject(first + at, code, place);
        }
    }

    fn note_reject(&mut self, record: usize, code: Code, place: Option<Range<usize>>) {
        if self.rejects.len() < NAMED_REJECTS {
            self.rejects.push(Reject { record, code, place });
        }
    }

    /// Finds words for the first rejects, adds, waits until that is durable, and counts.
    async fn finish(&mut self) -> Result<Tally, Unjudged> {
        let active = &self.route.active;
        let named = self.name_rejects().await;
        let (worker, received, accepted) = (self.worker, self.received, self.outcome.accepted());
        let (added, arrived) = worker.add(&self.outcome, self.now);
        let arrived = Arrived { visits: worker.visits(), addresses: arrived };
        if let Some(ticket) = added? {
            worker.durable(ticket).await?;
        }
        arrived.acknowledged(&self.outcome);
        worker.own_metrics.received.inc_by(received as u64);
        worker.plugins.count_accepted(worker, active, accepted as u64);
        if let Some(counts) = active.counts.of(worker.at) {
            counts.judged(accepted as u64, (received - self.unframed - accepted) as u64);
        }
        if accepted < received {
            count_rejects(active, &self.outcome);
        }
        Ok(Tally { received, accepted, named })
    }

    async fn name_rejects(&mut self) -> Vec<Named> {
        let active = &self.route.active;
        let mut named = Vec::with_capacity(self.rejects.len());
        for Reject { record, code, place } in std::mem::take(&mut self.rejects) {
            let seen = place.clone().filter(|_| code != Code::TRAP).and_then(|place| self.body.get(place));
            let words = match seen {
                Some(bytes) => call::explain(self.worker, active, bytes).await,
                None => None,
            };
            let message = words.unwrap_or_else(|| in_general(code, place.is_some()).to_owned());
            named.push(Named { record, code: active.plugin.code_name(code).to_owned(), message });
        }
        named
    }
}

fn count_rejects(active: &Active, outcome: &Outcome) {
    let mut by_code = [0_u64; 256];
    for (_, code) in outcome.rejects() {
        by_code[usize::from(code.0)] += 1;
    }
    for (code, count) in (0..=u8::MAX).zip(by_code).filter(|(_, count)| *count > 0) {
        active.metrics.rejected(active.plugin.code_name(Code(code)), count);
    }
}

/// What a code means, where the plugin has no words of its own, or has not seen the record.
fn in_general(code: Code, seen: bool) -> &'static str {
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
