//! Turns: long questions hold one of a few places, and take turns in them.
//!
//! A question that has computed for a while gives its place to whoever waits, a new question first, and goes on later. So a
//! question that takes moments waits for moments, however many long ones there are. One that has computed for as long as any
//! may is refused.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The places, and who waits for one.
pub(in crate::ops) struct Turns {
    queues: Mutex<Queues>,
}

struct Queues {
    free: usize,
    /// Questions that have not begun.
    new: VecDeque<oneshot::Sender<Seat>>,
    /// Questions that have computed for a while already.
    begun: VecDeque<oneshot::Sender<Seat>>,
}

/// One of the places. It is free again when this is dropped.
pub(super) struct Seat(Option<Arc<Turns>>);

/// A question under way, as its thread sees it.
pub(super) struct Turn {
    turns: Arc<Turns>,
    place: Option<Seat>,
    /// When it came to have its place, and its thread's processor time then.
    since: Instant,
    computed: Duration,
    /// Processor time of the turns before this one.
    spent: Duration,
}

/// A question may not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error(
        "this has computed for {} s, which is as long as one question may; ask about fewer or smaller networks at a time, or a \
         shorter range",
        MOST.as_secs()
    )]
    Spent,
    #[error("others had their turns for {} s; ask again when less is being asked", PATIENCE_TO_GO_ON.as_secs())]
    Waited,
}

/// How long a question waits to begin.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long one that has begun waits to go on.
const PATIENCE_TO_GO_ON: Duration = Duration::from_secs(60);
/// After this, a question lets others have a turn.
const SLICE: Duration = Duration::from_millis(200);
/// Processor time that one question may take.
const MOST: Duration = Duration::from_secs(60);

// === impl Turns ===

impl Turns {
    pub(in crate::ops) fn new(places: usize) -> Self {
        Self { queues: Mutex::new(Queues { free: places, new: VecDeque::new(), begun: VecDeque::new() }) }
    }

    /// A place for a question, if one is free or becomes so in a moment: most questions are short, and people's dashboards
    /// ask many at once.
    pub(super) async fn begin(self: &Arc<Self>) -> Option<Seat> {
        let mut waiting = match self.take_or_wait(|queues| &mut queues.new) {
            Ok(place) => return Some(place),
            Err(waiting) => waiting,
        };
        match timeout(PATIENCE, &mut waiting).await {
            Ok(place) => place.ok(),
            // It may have come in this very moment.
            Err(_) => waiting.try_recv().ok(),
        }
    }

    /// Waits in one of the queues, unless a place is free.
    fn take_or_wait(
        self: &Arc<Self>,
        queue: impl FnOnce(&mut Queues) -> &mut VecDeque<oneshot::Sender<Seat>>,
    ) -> Result<Seat, oneshot::Receiver<Seat>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.free > 0 {
            queues.free -= 1;
            return Ok(Seat(Some(Arc::clone(self))));
        }
        let (sender, waiting) = oneshot::channel();
        queue(&mut queues).push_back(sender);
        Err(waiting)
    }

    fn anybody_waits(&self) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        !queues.new.is_empty() || !queues.begun.is_empty()
    }

    /// Gives a place to the next that still waits.
    fn pass_on(self: Arc<Self>) {
        loop {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            let next = queues.new.pop_front();
            let Some(next) = next.or_else(|| queues.begun.pop_front()) else {
                queues.free += 1;
                return;
            };
            drop(queues);
            match next.send(Seat(Some(Arc::clone(&self)))) {
                Ok(()) => return,
                // Nobody waits there any more; the place is still the one to be given.
                Err(mut place) => drop(place.0.take()),
            }
        }
    }
}

// === impl Seat ===

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

// === impl Turn ===

impl Turn {
    /// To be called by the thread that computes.
    pub(super) fn new(turns: &Arc<Turns>, place: Seat) -> Self {
        let (since, computed) = (Instant::now(), processor_time());
        Self { turns: Arc::clone(turns), place: Some(place), since, computed, spent: Duration::ZERO }
    }

    /// To be called often: lets others have a turn when this one has had its own. Only for threads that may block.
    ///
    /// # Errors
    /// [`Ended`], if the question may not go on.
    pub(super) fn look(&mut self) -> io::Result<()> {
        if self.since.elapsed() < SLICE {
            return Ok(());
        }
        let computed = processor_time();
        self.spent += computed.saturating_sub(self.computed);
        (self.since, self.computed) = (Instant::now(), computed);
        if self.spent >= MOST {
            return Err(io::Error::other(Ended::Spent));
        }
        if self.turns.anybody_waits() {
            self.let_others()?;
        }
        Ok(())
    }

    fn let_others(&mut self) -> io::Result<()> {
        drop(self.place.take());
        let place = match self.turns.take_or_wait(|queues| &mut queues.begun) {
            Ok(place) => place,
            Err(waiting) => {
                let waited = Handle::current().block_on(async { timeout(PATIENCE_TO_GO_ON, waiting).await });
                let ended = || io::Error::other(Ended::Waited);
                waited.map_err(|_| ended())?.map_err(|_| ended())?
            }
        };
        self.place = Some(place);
        (self.since, self.computed) = (Instant::now(), processor_time());
        Ok(())
    }
}

// === impl Ended ===

impl Ended {
    /// If this is why something failed.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Spent => "too-much",
            Self::Waited => "busy",
        }
    }
}

/// What this thread has computed so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    }

    #[test]
    fn who_waits_gets_the_place_new_questions_first() {
        runtime().block_on(async {
            let turns = Arc::new(Turns::new(1));
            let first = turns.begin().await.expect("is free");
            let mut begun = turns.take_or_wait(|queues| &mut queues.begun).map(|_| ()).expect_err("is taken");
            let mut new = turns.take_or_wait(|queues| &mut queues.new).map(|_| ()).expect_err("is taken");
            drop(turns.take_or_wait(|queues| &mut queues.new));
            drop(first);
            assert!(begun.try_recv().is_err());
            let second = new.try_recv().expect("is next");
            drop(second);
            let third = begun.try_recv().expect("nobody else waits any more");
            drop(third);
            assert!(turns.begin().await.is_some(), "it is free again");
        });
    }

    #[test]
    fn a_place_that_comes_to_nobody_is_free_again() {
        runtime().block_on(async {
            let turns = Arc::new(Turns::new(1));
            let first = turns.begin().await.expect("is free");
            let waiting = turns.take_or_wait(|queues| &mut queues.new).map(|_| ()).expect_err("is taken");
            drop(first);
            // It has the place and never looks.
            drop(waiting);
            assert!(turns.begin().await.is_some());
        });
    }

    #[test]
    fn a_question_that_has_computed_for_its_time_gives_way_and_goes_on() {
        let runtime = runtime();
        let turns = Arc::new(Turns::new(1));
        let place = runtime.block_on(turns.begin()).expect("is free");
        let others = Arc::clone(&turns);
        let (begin, begun) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _guard = runtime.enter();
            let mut turn = Turn::new(&turns, place);
            begin.send(()).expect("is heard");
            while !turns.anybody_waits() {
                turn.look().expect("there is time left");
            }
            // It is not to look before its time; then it gives way and comes back.
            while turns.anybody_waits() {
                turn.look().expect("there is time left");
            }
            turn.look()
        });
        begun.recv().expect("it begins");
        let place = self::runtime().block_on(others.begin());
        drop(place.expect("it gave way"));
        thread.join().expect("no panic").expect("it goes on");
    }
}
