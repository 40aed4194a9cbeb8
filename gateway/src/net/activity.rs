//! What happens on a connection, as far as its waits and its memory depend on it.
//!
//! Nothing here reads a clock. The watch ([`super::watch`]) looks at intervals, and what waits remembers at which look it began
//! to.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::places::Place;
use crate::in_flight::{Reservation, Share};

/// A connection. Its stream, its requests and its watch share it.
pub(super) struct Activity {
    /// What its requests and their answers hold is reserved here.
    share: Share,
    /// What one more answer is expected to take.
    answer: usize,
    place: Option<Place>,
    /// How often the watch has looked.
    looks: Cell<u32>,
    /// Since when something has begun whose rest must follow soon.
    header: Cell<Option<u32>>,
    /// Bytes read for a header that has not come whole, and what the buffer for it holds beyond what each may.
    unread: Cell<usize>,
    buffer: RefCell<Reservation>,
    /// Since when the peer has not taken any bytes.
    blocked: Cell<Option<u32>>,
    /// Requests under way: at work, or with an answer that is not taken.
    under_way: RefCell<Vec<Option<UnderWay>>>,
    busy: Cell<usize>,
    /// How many requests have ended.
    ended: Cell<u64>,
    /// Requests whose answer is being made.
    working: Cell<usize>,
    /// Bytes of answers that are not taken.
    waiting: Cell<usize>,
    /// Requests that wait until answers are taken, and what has come meanwhile.
    gate: RefCell<Vec<Waker>>,
    flood: Cell<usize>,
    order: Cell<Option<Order>>,
    waker: RefCell<Option<Waker>>,
}

/// A request that has come and whose answer is not wholly taken.
struct UnderWay {
    /// Handles to it.
    holders: u32,
    /// Since when the peer has taken nothing of the answer; `None` while the gateway has nothing for it to take.
    since: Option<u32>,
    /// Bytes of the answer that are there and not taken.
    waiting: usize,
    held: Reservation,
}

/// A handle to a request under way. The request ends with the last of them.
pub(super) struct Hold {
    activity: Rc<Activity>,
    at: usize,
}

/// What a connection is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Finish the current request and end.
    Drain,
    /// End now.
    End,
}

/// A connection holds more than it may.
#[derive(Debug)]
pub(super) struct Overflow;

/// There is no memory for a request. The service answers it without doing anything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRoomForRequest;

/// Answers that may wait on a connection, in bytes.
const ANSWERS: usize = 256 << 10;
/// What a connection's buffer may take without being counted. All that most requests need.
const BUFFER: usize = 16 << 10;
/// What a request of HTTP/2 takes besides its header and its body: a task, a stream, an answer of the usual size.
const STREAM: usize = 8 << 10;
/// Requests of one connection that may be refused for want of memory without their refusals being taken.
const REFUSED: usize = 16;
/// What may come on a connection while requests wait for answers to be taken: the bodies that windows allow, and as much of
/// other frames.
const FLOOD: usize = 2 * super::CONNECTION_WINDOW as usize;

// === impl Activity ===

impl Activity {
    pub(super) fn new(share: &Share, answer: usize, place: Option<Place>) -> Self {
        Self {
            share: share.clone(),
            answer,
            place,
            looks: Cell::default(),
            header: Cell::default(),
            unread: Cell::default(),
            buffer: RefCell::new(share.reservation()),
            blocked: Cell::default(),
            under_way: RefCell::default(),
            busy: Cell::default(),
            ended: Cell::default(),
            working: Cell::default(),
            waiting: Cell::default(),
            gate: RefCell::default(),
            flood: Cell::default(),
            order: Cell::default(),
            waker: RefCell::default(),
        }
    }

    // --- what the stream notes

    /// The first byte of something has come whose rest must follow soon.
    pub(super) fn note_header(&self) {
        self.header.set(Some(self.looks.get()));
    }

    /// Bytes of HTTP/1 came, into a buffer that had so much room.
    pub(super) fn note_read(&self, bytes: usize, room: usize) -> Result<(), Overflow> {
        if self.is_busy() {
            // They are of a body, and counted by whoever reads it; or of the next request, within what is buffered.
            return Ok(());
        }
        if self.header.get().is_none() {
            self.note_header();
        }
        let buffer = self.unread.get() + room;
        self.unread.set(self.unread.get() + bytes);
        if buffer <= BUFFER {
            return Ok(());
        }
        self.buffer.borrow_mut().resize(buffer).map_err(|_| Overflow)
    }

    /// Bytes of HTTP/2 came; whether at some moment nothing was missing, and whether something is missing now.
    pub(super) fn note_frames(&self, bytes: usize, was_whole: bool, lacks: bool) -> Result<(), Overflow> {
        if was_whole || !lacks {
            self.header.set(None);
        }
        if lacks && self.header.get().is_none() {
            self.note_header();
        }
        if self.gate.borrow().is_empty() {
            self.flood.set(0);
            return Ok(());
        }
        self.flood.set(self.flood.get() + bytes);
        if self.flood.get() > FLOOD { Err(Overflow) } else { Ok(()) }
    }

    /// Something was written, or the peer does not take it.
    pub(super) fn note_write(&self, blocked: bool) {
        match (blocked, self.blocked.get()) {
            (true, None) => self.blocked.set(Some(self.looks.get())),
            (false, Some(_)) => {
                self.blocked.set(None);
                self.moved();
                self.open_gate();
            }
            _ => {}
        }
    }

    // --- what the service notes

    /// A request has come. `header` is what it takes of memory beyond its connection's, `None` for HTTP/1, where the buffer
    /// for it is counted as it is read.
    pub(super) fn begin(self: &Rc<Self>, header: Option<usize>) -> (Hold, Result<(), NoRoomForRequest>) {
        let mut held = match header {
            None if self.unread.get() > BUFFER => self.buffer.replace(self.share.reservation()),
            _ => self.share.reservation(),
        };
        let room = header.map_or(Ok(()), |header| held.grow(STREAM + header));
        if header.is_none() {
            self.header.set(None);
            self.unread.set(0);
        }
        self.moved();
        self.busy.set(self.busy.get() + 1);
        if room.is_err() && self.busy.get() > REFUSED {
            // It does not take what it is told.
            self.give_order(Order::End);
        }
        let new = UnderWay { holders: 1, since: None, waiting: 0, held };
        let mut under_way = self.under_way.borrow_mut();
        let at = under_way.iter().position(Option::is_none).unwrap_or_else(|| {
            under_way.push(None);
            under_way.len() - 1
        });
        if let Some(place) = under_way.get_mut(at) {
            *place = Some(new);
        }
        (Hold { activity: Rc::clone(self), at }, room.map_err(|_| NoRoomForRequest))
    }

    /// Waits until so little waits to be taken that one more answer may be made.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let expected = self.waiting.get() + (self.working.get() + 1) * self.answer;
        if self.blocked.get().is_none() && (expected <= ANSWERS || self.waiting.get() + self.working.get() == 0) {
            return Poll::Ready(());
        }
        self.gate.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    fn open_gate(&self) {
        for waker in self.gate.take() {
            waker.wake();
        }
    }

    /// Something went on that is no mere sign of life.
    fn moved(&self) {
        if let Some(place) = &self.place {
            place.moved();
        }
    }

    // --- what the watch looks at

    pub(super) fn look(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    /// Whether the peer has taken nothing of something for more than so many looks.
    pub(super) fn has_waited(&self, looks: u32) -> bool {
        let now = self.looks.get();
        let long = |since: Option<u32>| since.is_some_and(|since| now - since > looks);
        long(self.blocked.get()) || self.under_way.borrow().iter().flatten().any(|request| long(request.since))
    }

    /// Whether half a header has been there for more than so many looks.
    pub(super) fn lacks_a_header(&self, looks: u32) -> bool {
        self.header.get().is_some_and(|since| self.looks.get() - since > looks)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.get() > 0
    }

    /// How many requests have ended.
    pub(super) fn ended(&self) -> u64 {
        self.ended.get()
    }

    /// Whether the gateway has something to do for it, rather than waits for the peer.
    pub(super) fn is_at_work(&self) -> bool {
        self.working.get() > 0 && self.blocked.get().is_none()
    }

    // --- orders

    /// What the connection is to do now.
    pub(super) fn take_order(&self) -> Option<Order> {
        self.order.take()
    }

    /// Waits for an order.
    pub(super) async fn ordered(&self) -> Order {
        poll_fn(|context| {
            self.wake_with(context.waker());
            self.take_order().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// How the connection is woken when there is an order.
    pub(super) fn wake_with(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        match &mut *known {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn give_order(&self, order: Order) {
        if self.order.get() != Some(Order::End) {
            self.order.set(Some(order));
        }
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

// === impl Hold ===

impl Hold {
    /// The answer is being made.
    pub(super) fn work(&self) {
        self.activity.working.set(self.activity.working.get() + 1);
    }

    /// It is made, or nobody wants it any more.
    pub(super) fn rest(&self) {
        self.activity.working.set(self.activity.working.get() - 1);
        self.activity.open_gate();
    }

    /// So many bytes of it are there to be taken.
    pub(super) fn offer(&self, bytes: usize) {
        let now = self.activity.looks.get();
        self.activity.waiting.set(self.activity.waiting.get() + bytes);
        self.change(|request| {
            request.since = Some(now);
            request.waiting += bytes;
            request.held.force(bytes);
        });
    }

    /// So many bytes of it were taken.
    pub(super) fn take(&self, bytes: usize) {
        let now = self.activity.looks.get();
        self.activity.waiting.set(self.activity.waiting.get() - bytes);
        self.change(|request| {
            request.since = request.since.map(|_| now);
            request.waiting -= bytes;
            request.held.shrink(bytes);
        });
        self.activity.moved();
        self.activity.open_gate();
    }

    /// The rest of it is not there yet.
    pub(super) fn make_wait(&self) {
        self.change(|request| {
            if request.waiting == 0 {
                request.since = None;
            }
        });
    }

    fn change(&self, act: impl FnOnce(&mut UnderWay)) {
        let mut under_way = self.activity.under_way.borrow_mut();
        if let Some(Some(request)) = under_way.get_mut(self.at) {
            act(request);
        }
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        self.change(|request| request.holders += 1);
        Self { activity: Rc::clone(&self.activity), at: self.at }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let activity = &self.activity;
        let gone = {
            let mut under_way = activity.under_way.borrow_mut();
            let Some(place) = under_way.get_mut(self.at) else { return };
            if let Some(request) = place {
                request.holders -= 1;
            }
            place.take_if(|request| request.holders == 0)
        };
        let Some(request) = gone else { return };
        activity.waiting.set(activity.waiting.get() - request.waiting);
        activity.busy.set(activity.busy.get() - 1);
        activity.ended.set(activity.ended.get() + 1);
        activity.open_gate();
    }
}
