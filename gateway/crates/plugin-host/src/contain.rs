use std::ops::{ControlFlow, Range};

use tallygate_event::{Code, Outcome, Records};

use crate::deadline::thread_time;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::load::Plugin;

/// The plugin failed for so long that its records were not judged. None of them is lost if they are sent again.
#[derive(Debug, thiserror::Error)]
#[error("the plugin keeps failing: {last}")]
pub struct Exhausted {
    /// How it failed last.
    pub last: Failure,
}

/// Finds the records that make a plugin fail, and what it makes of all others.
///
/// To be called when a call with these records failed. They run again on a fresh instance, which clears an instance
/// that was broken before them; if that fails too, the two halves run, each on a fresh instance and with no more data than
/// its own, and so on down to the single records that are to blame. Those get [`Code::TRAP`]. `on_failure` hears of each
/// failure on the way, and says whether to go on.
///
/// # Errors
/// When this took longer than 20 deadlines, as it does when many records spin, or `on_failure` wants no more: then
/// nothing is judged.
pub fn contain(
    plugin: &Plugin,
    records: Records<'_>,
    mut on_failure: impl FnMut(&Failure) -> ControlFlow<()>,
) -> Result<Outcome, Exhausted> {
    let start = thread_time();
    let mut outcome = Outcome::default();
    let mut instance: Option<Instance> = None;
    let mut waiting = Vec::from([Range { start: 0, end: records.len() }]);
    while let Some(range) = waiting.pop() {
        let failure = match run(plugin, &mut instance, &Part::new(records, range.clone())) {
            Ok(answer) => {
                outcome.append(&answer);
                continue;
            }
            Err(failure) => failure,
        };
        instance = None;
        if on_failure(&failure).is_break() || thread_time().saturating_sub(start) > plugin.limits().containment() {
            return Err(Exhausted { last: failure });
        }
        if range.len() <= 1 {
            outcome.push_reject(Code::TRAP);
            continue;
        }
        let middle = range.start + range.len() / 2;
        waiting.extend([middle..range.end, range.start..middle]);
    }
    Ok(outcome)
}

fn run(plugin: &Plugin, instance: &mut Option<Instance>, part: &Part<'_>) -> Result<Outcome, Failure> {
    let ready = match instance {
        Some(ready) => ready,
        None => instance.insert(plugin.instantiate().map_err(|error| Failure::Trap(error.to_string()))?),
    };
    ready.extract(part.records())
}

/// Some of the records, with just the data that they lie in.
struct Part<'a> {
    data: &'a [u8],
    bounds: Vec<u32>,
    received: i64,
}

// === impl Part ===

impl<'a> Part<'a> {
    fn new(records: Records<'a>, range: Range<usize>) -> Self {
        let bounds = records.bounds.get(2 * range.start..2 * range.end).unwrap_or_default();
        let (base, end) = (bounds.first().copied().unwrap_or(0), bounds.last().copied().unwrap_or(0));
        Self {
            data: records.data.get(base as usize..end as usize).unwrap_or_default(),
            bounds: bounds.iter().map(|bound| bound - base).collect(),
            received: records.received,
        }
    }

    fn records(&self) -> Records<'_> {
        Records { data: self.data, bounds: &self.bounds, received: self.received }
    }
}
