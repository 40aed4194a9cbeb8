use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::{future::Future, pin::pin};

use bytes::Bytes;
use tallygate_connect::frame::{Bounds, Chunk, Frames, Framing};
use tallygate_disk::Simulated;
use tallygate_event::{Outcome, TenantId};
use tallygate_index::Visits;
use tallygate_index::journal::Durability;
use tallygate_index::visits::Options;
use tokio::sync::watch;

use super::super::batch::{Origin, Spans};
use super::*;
use crate::in_flight::{InFlight, Share};
use crate::visits::of_default;

/// A destination that hands batches to another thread, and settles when the test says so.
pub(in crate::pipeline) struct Elsewhere {
    thread: mpsc::Sender<Arc<Judged>>,
    settled: watch::Receiver<Option<Result<(), Unwritable>>>,
    refuses: Rc<Cell<bool>>,
}

pub(in crate::pipeline) struct Waiting(watch::Receiver<Option<Result<(), Unwritable>>>);

impl Elsewhere {
    pub(super) fn take(&self, batch: &Arc<Judged>) -> Result<Waiting, Unwritable> {
        if self.refuses.get() {
            return Err(failed());
        }
        self.thread.send(Arc::clone(batch)).expect("the thread waits");
        Ok(Waiting(self.settled.clone()))
    }
}

impl Waiting {
    pub(super) async fn settled(&mut self) -> Result<(), Unwritable> {
        self.0.wait_for(Option::is_some).await.expect("the sender is there").clone().expect("is some")
    }
}

/// Visits in memory, and a second destination.
struct Two {
    visits: Arc<Visits>,
    destinations: [Destination; 2],
    settle: watch::Sender<Option<Result<(), Unwritable>>>,
    refuses: Rc<Cell<bool>>,
    batches: mpsc::Receiver<Arc<Judged>>,
}

const OTHER: TenantId = TenantId(7);

fn failed() -> Unwritable {
    Unwritable { reason: "the other one is full".to_owned() }
}

fn two() -> Two {
    let tenants = vec![TenantId::DEFAULT, OTHER];
    let options = Options { durability: Durability::Memory, tenants, ..Options::default() };
    let (visits, _) = Visits::open(Arc::new(Simulated::default()), options, Arc::new(())).expect("opens");
    let (visits, (_, progress)) = (Arc::new(visits), watch::channel(visits_progress()));
    let (thread, batches) = mpsc::channel();
    let (settle, settled) = watch::channel(None);
    let refuses = Rc::new(Cell::new(false));
    let elsewhere = Elsewhere { thread, settled, refuses: Rc::clone(&refuses) };
    let intake = Intake::new(Arc::clone(&visits), progress);
    let destinations = [Destination::Visits(intake), Destination::Elsewhere(elsewhere)];
    Two { visits, destinations, settle, refuses, batches }
}

fn visits_progress() -> tallygate_index::journal::Progress {
    tallygate_index::journal::Progress { durable: u64::MAX, failures: 0, failing: false }
}

/// Two records of 1.2.3.4 and one without an address.
fn batch(share: &Share) -> Arc<Judged> {
    batch_of(TenantId::DEFAULT, share)
}

fn batch_of(tenant: TenantId, share: &Share) -> Arc<Judged> {
    let body = Bytes::from_static(b"1.2.3.4\nnone\n1.2.3.4\n");
    let bounds = Bounds { chunk_records: 2, chunk_bytes: 1000, max_record: 1000 };
    let mut frames = Frames::new(&body, Framing::Lines, bounds);
    let (mut spans, mut chunk) = (Spans::new(Framing::Lines, bounds), Chunk::default());
    let mut mark = frames.mark();
    while frames.next(&mut chunk) {
        spans.push(mark, &mut chunk);
        mark = frames.mark();
    }
    let outcome = Outcome { status: vec![0, 16, 0], v4: vec![0x0102_0304; 2], ..Outcome::default() };
    let origin = Origin { tenant, source: Arc::from("http"), received: crate::time::now() };
    let mut held = share.reservation();
    held.grow(body.len()).expect("there is room");
    Arc::new(Judged::new(body, (spans, outcome), origin, held))
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_batch_is_acknowledged_when_the_last_destination_has_it_for_good() {
    let (in_flight, two) = (InFlight::new(1 << 20), two());
    let share = in_flight.share();
    let batch = batch(&share);
    let mut delivered = pin!(deliver(&two.destinations, &batch));
    assert!(poll(delivered.as_mut()).is_pending(), "the visits are there, and the other one has not settled");
    two.settle.send_replace(Some(Ok(())));
    assert_eq!(poll(delivered.as_mut()), Poll::Ready(Ok(())));
    assert_eq!((of_default(&two.visits).unique(), of_default(&two.visits).unacknowledged()), (1, 0));
}

#[test]
fn a_batch_is_refused_if_one_destination_loses_it() {
    let (in_flight, two) = (InFlight::new(1 << 20), two());
    let share = in_flight.share();
    let batch = batch(&share);
    {
        let mut delivered = pin!(deliver(&two.destinations, &batch));
        assert!(poll(delivered.as_mut()).is_pending());
        two.settle.send_replace(Some(Err(failed())));
        assert_eq!(poll(delivered.as_mut()), Poll::Ready(Err(failed())));
    }
    assert_eq!(
        (of_default(&two.visits).unique(), of_default(&two.visits).unacknowledged()),
        (1, 1),
        "counted, and told to be refused"
    );
    // It is sent again.
    two.settle.send_replace(Some(Ok(())));
    assert_eq!(poll(pin!(deliver(&two.destinations, &batch))), Poll::Ready(Ok(())));
    assert_eq!((of_default(&two.visits).unique(), of_default(&two.visits).unacknowledged()), (1, 0));
}

#[test]
fn nobody_gets_what_an_earlier_destination_refuses() {
    let (in_flight, mut two) = (InFlight::new(1 << 20), two());
    let share = in_flight.share();
    two.destinations.reverse();
    two.refuses.set(true);
    assert_eq!(poll(pin!(deliver(&two.destinations, &batch(&share)))), Poll::Ready(Err(failed())));
    assert_eq!(of_default(&two.visits).unique(), 0);
    assert!(two.batches.try_recv().is_err());
}

/// Whoever gives up in the midst leaves the addresses to be told as refused.
#[test]
fn what_nobody_waits_for_is_not_acknowledged() {
    let (in_flight, two) = (InFlight::new(1 << 20), two());
    let share = in_flight.share();
    let batch = batch(&share);
    {
        let mut delivered = pin!(deliver(&two.destinations, &batch));
        assert!(poll(delivered.as_mut()).is_pending());
    }
    assert_eq!((of_default(&two.visits).unique(), of_default(&two.visits).unacknowledged()), (1, 1));
}

/// What another thread keeps has all of its records, and counts as in flight until it is let go of there.
#[test]
fn another_thread_has_all_of_a_batch_and_holds_its_bytes() {
    let (in_flight, two) = (InFlight::new(1 << 20), two());
    let share = in_flight.share();
    let batch = batch(&share);
    two.settle.send_replace(Some(Ok(())));
    assert_eq!(poll(pin!(deliver(&two.destinations, &batch))), Poll::Ready(Ok(())));
    let (held, body) = (in_flight.held(), batch.body.len());
    assert!(held > body, "what is known of the records counts, too: {held} bytes");
    drop(batch);
    assert_eq!(in_flight.held(), held, "it waits to be taken by the thread");
    let (batches, bound) = (two.batches, &in_flight);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let batch = batches.recv().expect("it was handed on");
            let mut reader = batch.reader();
            let records: Vec<_> = (0..batch.len()).filter_map(|record| reader.record(record)).collect();
            assert_eq!(records, [&b"1.2.3.4"[..], b"none", b"1.2.3.4"]);
            assert_eq!(batch.outcome.rejects().map(|(record, _)| record).collect::<Vec<_>>(), [1]);
            assert_eq!((batch.origin.tenant, &*batch.origin.source), (TenantId::DEFAULT, "http"));
            assert!(bound.held() >= batch.body.len());
        });
    });
    assert_eq!(in_flight.held(), 0);
}

#[test]
fn a_batch_counts_for_its_tenant_alone_and_for_none_that_is_not_kept() {
    let (in_flight, two) = (InFlight::new(1 << 20), two());
    let share = in_flight.share();
    two.settle.send_replace(Some(Ok(())));
    let unique = |tenant| two.visits.of(tenant).expect("it is kept").unique();
    assert_eq!(poll(pin!(deliver(&two.destinations, &batch_of(OTHER, &share)))), Poll::Ready(Ok(())));
    assert_eq!((unique(TenantId::DEFAULT), unique(OTHER)), (0, 1));
    assert_eq!(poll(pin!(deliver(&two.destinations, &batch(&share)))), Poll::Ready(Ok(())));
    assert_eq!((unique(TenantId::DEFAULT), unique(OTHER)), (1, 1));
    let refused = poll(pin!(deliver(&two.destinations, &batch_of(TenantId(8), &share))));
    assert!(matches!(&refused, Poll::Ready(Err(error)) if error.to_string().contains("tenant 8")), "{refused:?}");
    assert_eq!((unique(TenantId::DEFAULT), unique(OTHER)), (1, 1));
}
