//! The connections of a port that has few places, by who has waited longest.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::activity::{Activity, Order};

/// The places of a port.
pub(crate) struct Places {
    most: usize,
    taken: RefCell<Vec<Member>>,
    /// Grows with everything that happens on any of the connections.
    now: Cell<u64>,
}

/// A connection's place. Given back when dropped.
pub(crate) struct Place {
    places: Rc<Places>,
    last: Rc<Cell<u64>>,
}

struct Member {
    /// When something last happened on it.
    last: Rc<Cell<u64>>,
    activity: Weak<Activity>,
}

// === impl Places ===

impl Places {
    pub(crate) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { most, taken: RefCell::default(), now: Cell::default() })
    }

    /// A place for one more connection. If there is none left, the connection makes way on which nothing has happened for
    /// longest: before all others, of those that wait for their peer.
    pub(super) fn enter(self: &Rc<Self>, activity: impl FnOnce(Place) -> Rc<Activity>) -> Rc<Activity> {
        while self.taken.borrow().len() >= self.most {
            self.make_way();
        }
        let last = Rc::new(Cell::new(self.tick()));
        let activity = activity(Place { places: Rc::clone(self), last: Rc::clone(&last) });
        self.taken.borrow_mut().push(Member { last, activity: Rc::downgrade(&activity) });
        activity
    }

    fn make_way(&self) {
        let mut taken = self.taken.borrow_mut();
        let claim = |member: &Member| {
            let at_work = member.activity.upgrade().is_some_and(|activity| activity.is_at_work());
            (at_work, member.last.get())
        };
        let Some(at) = (0..taken.len()).min_by_key(|at| taken.get(*at).map(claim)) else { return };
        let member = taken.swap_remove(at);
        // Not while the others are borrowed: its end gives its place back.
        drop(taken);
        if let Some(activity) = member.activity.upgrade() {
            activity.give_order(Order::End);
        }
    }

    fn tick(&self) -> u64 {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }
}

// === impl Place ===

impl Place {
    /// Something happened on the connection.
    pub(super) fn moved(&self) {
        self.last.set(self.places.tick());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.borrow_mut().retain(|member| !Rc::ptr_eq(&member.last, &self.last));
    }
}
