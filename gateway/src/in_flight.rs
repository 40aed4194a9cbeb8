//! The bound on request bodies held in memory, in bytes, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes held. Clones count together.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Inner>);

struct Inner {
    held: AtomicUsize,
    limit: AtomicUsize,
}

/// Some bytes, given back when dropped.
pub(crate) struct Reservation {
    owner: InFlight,
    bytes: usize,
}

/// There is no room for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

// === impl InFlight ===

impl InFlight {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { held: AtomicUsize::new(0), limit: AtomicUsize::new(limit) }))
    }

    /// Holds nothing yet.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation { owner: self.clone(), bytes: 0 }
    }

    pub(crate) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// What is held already stays, even if it is more than the new limit.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }
}

// === impl Reservation ===

impl Reservation {
    /// Holds so many bytes more, if there is room for them.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Full> {
        let inner = &self.owner.0;
        let held = inner.held.fetch_add(more, Ordering::Relaxed) + more;
        if held > inner.limit.load(Ordering::Relaxed) {
            inner.held.fetch_sub(more, Ordering::Relaxed);
            return Err(Full);
        }
        self.bytes += more;
        Ok(())
    }

    /// Gives back so many of the bytes held.
    pub(crate) fn shrink(&mut self, less: usize) {
        let less = less.min(self.bytes);
        self.bytes -= less;
        self.owner.0.held.fetch_sub(less, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_held_and_all_is_given_back() {
        let all = InFlight::new(10);
        let (mut a, mut b) = (all.reservation(), all.reservation());
        assert_eq!(a.grow(6), Ok(()));
        assert_eq!(b.grow(5), Err(Full));
        assert_eq!(b.grow(4), Ok(()));
        assert_eq!(all.held(), 10);
        a.shrink(2);
        assert_eq!(b.grow(2), Ok(()));
        drop((a, b));
        assert_eq!(all.held(), 0);
    }
}
