//! The bound on what is held in memory for requests, in bytes, over all connections.
//!
//! One counter for all workers would be the busiest place of the gateway when requests are small. So each worker takes
//! from it in larger pieces and keeps what is left over, a little, for its next requests. What is left over is not
//! held, and does not count against the bound. What a batch holds may be given back by another thread, to which the batch was
//! handed on: that thread leaves the worker's piece alone.

mod metrics;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use metrics::InFlightMetrics;

/// The bound and what is taken of it. Clones are the same.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Inner>);

struct Inner {
    /// What the workers hold, or have left over.
    taken: AtomicUsize,
    limit: AtomicUsize,
    /// What each worker has left over. Locked when a worker starts, and to sum up.
    spares: Mutex<Vec<Arc<AtomicUsize>>>,
}

/// One worker's part. Clones are the same.
#[derive(Clone)]
pub(crate) struct Share(Arc<Part>);

struct Part {
    owner: InFlight,
    /// The thread that made it.
    thread: ThreadMark,
    /// Only the part's own thread changes it; others read it.
    spare: Arc<AtomicUsize>,
}

/// Tells a running thread from the others. `ThreadId` would do the same for a count of references at every look.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ThreadMark(usize);

/// Some bytes, given back when dropped.
pub(crate) struct Reservation {
    share: Share,
    bytes: usize,
}

/// There is no room for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoRoom {
    /// Because of what others hold.
    #[error("as many bytes are in flight as may be")]
    Now,
    /// Not even if nobody else held anything.
    #[error("more bytes than may be in flight at all")]
    Ever,
}

/// What a worker takes at a time when it needs less, and twice what it keeps at most.
const PIECE: usize = 64 << 10;
/// Pieces that must fit into the limit; under a smaller one, nothing is kept.
const PIECES: usize = 512;

// === impl InFlight ===

impl InFlight {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = AtomicUsize::new(limit);
        Self(Arc::new(Inner { taken: AtomicUsize::new(0), limit, spares: Mutex::default() }))
    }

    /// The part of one more worker.
    pub(crate) fn share(&self) -> Share {
        let spare = Arc::new(AtomicUsize::new(0));
        self.0.spares.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&spare));
        Share(Arc::new(Part { owner: self.clone(), thread: ThreadMark::own(), spare }))
    }

    pub(crate) fn held(&self) -> usize {
        let spare = self.spare();
        self.0.taken.load(Ordering::Relaxed).saturating_sub(spare)
    }

    pub(crate) fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// What is held already stays, even if it is more than the new limit.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes so many bytes if they fit. A request that does not fit changes nothing meanwhile, so that it keeps nobody out.
    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        let mut taken = self.0.taken.load(Ordering::Relaxed);
        loop {
            let (after, limit) = (taken + bytes, self.limit());
            // What workers have left over does not stand in the way of a request that needs it.
            if after > limit && after - self.spare().min(after) > limit {
                // While the spares were summed up, others may have given back.
                let now = self.0.taken.load(Ordering::Relaxed);
                if now == taken {
                    return Err(NoRoom::Now);
                }
                taken = now;
                continue;
            }
            match self.0.taken.compare_exchange_weak(taken, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => taken = now,
            }
        }
    }

    fn spare(&self) -> usize {
        let spares = self.0.spares.lock().unwrap_or_else(PoisonError::into_inner);
        spares.iter().map(|spare| spare.load(Ordering::Relaxed)).sum()
    }
}

// === impl Share ===

impl Share {
    /// Holds nothing yet.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation { share: self.clone(), bytes: 0 }
    }

    /// What may be held at all.
    pub(crate) fn limit(&self) -> usize {
        self.0.owner.limit()
    }
}

// === impl Part ===

// Between a change of `taken` and the change of `spare` that goes with it, others see one without the other. The order is such
// that they see too little held rather than too much: then a piece more may be held for a moment, and nobody is refused who
// fits.
impl Part {
    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        if !self.is_own() {
            return self.owner.take(bytes);
        }
        let spare = self.spare.load(Ordering::Relaxed);
        if bytes <= spare {
            self.spare.store(spare - bytes, Ordering::Relaxed);
            return Ok(());
        }
        if bytes >= PIECE || !self.may_keep() {
            return self.owner.take(bytes);
        }
        self.spare.store(spare + PIECE - bytes, Ordering::Relaxed);
        let taken = self.owner.take(PIECE);
        if taken.is_err() {
            self.spare.store(spare, Ordering::Relaxed);
        }
        taken
    }

    fn give_back(&self, bytes: usize) {
        if !self.is_own() {
            self.owner.0.taken.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        let spare = self.spare.load(Ordering::Relaxed) + bytes;
        let kept = if spare > 2 * PIECE || !self.may_keep() { 0 } else { spare };
        if kept < spare {
            self.owner.0.taken.fetch_sub(spare - kept, Ordering::Relaxed);
        }
        self.spare.store(kept, Ordering::Relaxed);
    }

    /// Whether the calling thread may change what is left over.
    fn is_own(&self) -> bool {
        self.thread == ThreadMark::own()
    }

    fn may_keep(&self) -> bool {
        self.owner.limit() >= PIECES * PIECE
    }
}

// === impl ThreadMark ===

impl ThreadMark {
    fn own() -> Self {
        thread_local! {
            // What it holds does not matter: where it lies is what no other running thread has.
            static MARK: u8 = const { 0 };
        }
        Self(MARK.with(|mark| std::ptr::from_ref(mark).addr()))
    }
}

// === impl Reservation ===

impl Reservation {
    /// Holds so many bytes more, if there is room for them.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), NoRoom> {
        if self.bytes + more > self.share.limit() {
            return Err(NoRoom::Ever);
        }
        self.share.0.take(more)?;
        self.bytes += more;
        Ok(())
    }

    /// Holds so many bytes more whether there is room or not, for what is there already and cannot be undone.
    pub(crate) fn force(&mut self, more: usize) {
        if self.share.0.take(more).is_err() {
            self.share.0.owner.0.taken.fetch_add(more, Ordering::Relaxed);
        }
        self.bytes += more;
    }

    /// Holds just so many bytes, if there is room for them.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if bytes > self.bytes {
            self.grow(bytes - self.bytes)
        } else {
            self.shrink(self.bytes - bytes);
            Ok(())
        }
    }

    /// How much it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back so many of the bytes held.
    pub(crate) fn shrink(&mut self, less: usize) {
        let less = less.min(self.bytes);
        if less > 0 {
            self.bytes -= less;
            self.share.0.give_back(less);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_more_than_the_limit_is_held_and_all_is_given_back() {
        let all = InFlight::new(10);
        let share = all.share();
        let (mut a, mut b) = (share.reservation(), share.reservation());
        assert_eq!(a.grow(6), Ok(()));
        assert_eq!(b.grow(5), Err(NoRoom::Now));
        assert_eq!(b.grow(11), Err(NoRoom::Ever));
        assert_eq!(b.grow(4), Ok(()));
        assert_eq!(all.held(), 10);
        a.shrink(2);
        assert_eq!(b.grow(2), Ok(()));
        drop((a, b));
        assert_eq!(all.held(), 0);
    }

    #[test]
    fn another_thread_gives_back_what_was_handed_on() {
        let all = InFlight::new(PIECES * PIECE);
        let share = all.share();
        let (mut kept, mut handed_on) = (share.reservation(), share.reservation());
        kept.grow(1000).expect("there is room");
        handed_on.grow(5000).expect("there is room");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                handed_on.shrink(2000);
                handed_on.grow(500).expect("there is room");
                assert_eq!(handed_on.bytes(), 3500);
            });
        });
        assert_eq!(all.held(), 1000);
        drop(kept);
        assert_eq!(all.held(), 0);
    }

    /// A request that is refused, however large, keeps nobody out who fits.
    #[test]
    fn a_large_request_that_is_refused_turns_no_small_one_away() {
        for limit in [1 << 20, PIECES * PIECE] {
            let all = InFlight::new(limit);
            let done = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let share = all.share();
                    let (mut held, mut large) = (share.reservation(), share.reservation());
                    held.grow(400_000).expect("there is room");
                    while done.load(Ordering::Relaxed) == 0 {
                        // Of what is held, a piece or two may be overlooked for a moment, but not so many.
                        assert_eq!(large.grow(limit - 100_000), Err(NoRoom::Now));
                    }
                });
                let share = all.share();
                let mut small = share.reservation();
                let refused = (0..300_000).find(|at| {
                    let refused = small.grow(PIECE + at % 1000).is_err();
                    small.shrink(usize::MAX);
                    refused
                });
                done.store(1, Ordering::Relaxed);
                assert_eq!(refused, None, "which request was turned away, with a limit of {limit}");
            });
            assert_eq!(all.held(), 0);
        }
    }

    proptest! {
        /// Whatever several workers do, what is held is what was asked for, and within the limit.
        #[test]
        fn held_is_what_is_held(
            steps in prop::collection::vec((0..3_usize, any::<bool>(), 0..200_000_usize), 0..200),
            limit in prop::sample::select(vec![100_000, PIECES * PIECE]),
        ) {
            let all = InFlight::new(limit);
            let shares = [all.share(), all.share(), all.share()];
            let mut reservations: Vec<_> = shares.iter().map(Share::reservation).collect();
            let mut expected = [0; 3];
            for (at, grows, bytes) in steps {
                if grows {
                    let fits = expected.iter().sum::<usize>() + bytes <= limit;
                    prop_assert_eq!(reservations[at].grow(bytes).is_ok(), fits);
                    if fits {
                        expected[at] += bytes;
                    }
                } else {
                    reservations[at].shrink(bytes);
                    expected[at] -= bytes.min(expected[at]);
                }
                prop_assert_eq!(all.held(), expected.iter().sum::<usize>());
                prop_assert!(all.held() <= limit);
            }
            drop(reservations);
            prop_assert_eq!(all.held(), 0);
        }
    }
}
