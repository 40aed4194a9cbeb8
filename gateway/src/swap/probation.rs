//! Whether a new generation does worse than the one before it: by how often it fails, and how many records it rejects.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::serving::{Active, CoarseInstant, Total};

/// The probation of one generation.
pub(crate) struct Probation {
    /// The last generation that has proven itself: what this one is measured by, and rolled back to.
    pub(crate) proven: Arc<Active>,
    /// When it began, as samples know it.
    pub(crate) moment: CoarseInstant,
    pub(crate) ends: Instant,
    /// What that one did lately, before its successor came.
    pub(crate) before: Total,
    /// What this generation had counted when its probation began; not nothing if it had served before.
    pub(crate) start: Total,
    /// Whether the administrator accepted that it judges differently: then only its failures count.
    pub(crate) forced: bool,
    /// When both were last asked about the same records, which takes a while.
    pub(crate) asked: Option<Instant>,
}

/// What a generation did in the last while, as a row of totals.
#[derive(Default)]
pub(crate) struct Window(VecDeque<(Instant, Total)>);

/// Two shares that were compared, the later one being much larger.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Jump {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// How long back a generation's share of failures and rejects is looked at.
const LATELY: Duration = Duration::from_secs(60);
/// How many totals are kept of that while.
const STEPS: u32 = 60;

/// A share of failed calls that jumps by less is left alone: a single record that no plugin can read is no reason.
const FAILED_MARGIN: f64 = 0.001;
/// How many standard deviations lie between what may be chance and what is a jump. A probation looks some hundred times.
const DEVIATIONS: f64 = 4.0;
/// However clear the share is, fewer failures or rejects are no jump.
const FEWEST: u64 = 3;
/// A generation that has not failed yet is taken to have done well at least so many times.
const PRESUMED: u64 = 1000;

/// Whether calls fail much more often than before.
pub(crate) fn failures(new: Total, old: Total) -> Option<Jump> {
    let known = if old.failed == 0 { (0, old.calls.max(PRESUMED)) } else { (old.failed, old.calls) };
    jump((new.failed, new.calls), known, FAILED_MARGIN)
}

/// Whether many more records are rejected than before, of those judged: each a count and how many it is out of.
///
/// Without a record that the generation before judged, every reject is one more.
pub(crate) fn rejects(new: (u64, u64), old: (u64, u64), margin: f64) -> Option<Jump> {
    let old = if old.1 == 0 { (0, PRESUMED) } else { old };
    jump(new, old, margin)
}

/// The test for two proportions: the difference must be larger than the margin, and larger than chance explains.
fn jump(new: (u64, u64), old: (u64, u64), margin: f64) -> Option<Jump> {
    let share = |(some, all): (u64, u64)| some as f64 / all.max(1) as f64;
    let (from, to) = (share(old), share(new));
    if new.0 < FEWEST || to - from <= margin {
        return None;
    }
    let pooled = share((new.0 + old.0, new.1 + old.1));
    let deviation = (pooled * (1.0 - pooled) * (1.0 / new.1.max(1) as f64 + 1.0 / old.1.max(1) as f64)).sqrt();
    (to - from > DEVIATIONS * deviation).then_some(Jump { from, to })
}

// === impl Window ===

impl Window {
    /// Notes a total, if the last one is old enough.
    pub(crate) fn note(&mut self, now: Instant, total: Total) {
        let old_enough = |(at, _): &(Instant, Total)| now.duration_since(*at) >= LATELY / STEPS;
        if self.0.back().is_none_or(old_enough) {
            self.0.push_back((now, total));
        }
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > LATELY) && self.0.len() > 1 {
            self.0.pop_front();
        }
    }

    /// What was counted in the last while, up to this total; if that is nothing, all there is.
    pub(crate) fn lately(&self, total: Total) -> Total {
        let lately = self.0.front().map_or(total, |(_, earlier)| total - *earlier);
        if lately.judged() == 0 { total } else { lately }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(failed: u64, calls: u64) -> Total {
        Total { failed, calls, ..Total::default() }
    }

    #[test]
    fn a_plugin_that_fails_at_everything_is_found_out_in_a_few_calls() {
        assert!(failures(calls(3, 3), calls(0, 0)).is_some());
        assert!(failures(calls(3, 3), calls(0, 100_000)).is_some());
        assert!(failures(calls(3, 4), calls(0, 1)).is_some());
        assert!(failures(calls(2, 2), calls(0, 100_000)).is_none(), "two may be chance");
    }

    #[test]
    fn a_plugin_that_fails_no_more_than_before_stays() {
        assert_eq!(failures(calls(500, 1000), calls(5000, 10_000)), None);
        assert_eq!(failures(calls(3, 100_000), calls(0, 100_000)), None, "within the margin");
        let jump = failures(calls(30, 1000), calls(10, 10_000)).expect("from 0.1 % to 3 %");
        assert_eq!((jump.from, jump.to), (0.001, 0.03));
    }

    #[test]
    fn rejects_jump_when_there_are_many_more_of_them() {
        assert!(rejects((1000, 1000), (0, 0), 0.01).is_some());
        assert!(rejects((1000, 1000), (10, 1000), 0.01).is_some());
        assert_eq!(rejects((15, 1000), (10, 1000), 0.01), None, "within the margin");
        assert_eq!(rejects((3, 20), (1, 20), 0.01), None, "chance");
    }

    #[test]
    fn a_window_forgets() {
        let (start, mut window) = (Instant::now(), Window::default());
        let total = |accepted| Total { accepted, ..Total::default() };
        assert_eq!(window.lately(total(7)).accepted, 7, "without an earlier one, all there is");
        for second in 0..200 {
            window.note(start + Duration::from_secs(second), total(second));
        }
        let lately = window.lately(total(200)).accepted;
        assert!((59..=62).contains(&lately), "{lately}");
        window.note(start + Duration::from_secs(400), total(200));
        assert_eq!(window.lately(total(200)).accepted, 200, "after silence, all there is");
    }
}
