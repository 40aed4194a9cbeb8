use std::time::Duration;

use tallygate_event::{Code, Outcome, Records};

use crate::deadline::thread_time;
use crate::instance::{Failure, Instance};
use crate::load::Plugin;

/// A containment may take so many deadlines before it is given up, in processor time as they are.
const DEADLINES: u32 = 20;

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
/// that was broken before them; if that fails too, the two halves run, each on a fresh instance, and so on down to the
/// single records that are to blame. Those get [`Code::TRAP`]. `on_failure` hears of each failure on the way.
///
/// # Errors
/// When this took longer than 20 deadlines, as it does when many records spin: then nothing is judged.
pub fn contain(
    plugin: &Plugin,
    records: Records<'_>,
    mut on_failure: impl FnMut(&Failure),
) -> Result<Outcome, Exhausted> {
    let (start, budget) = (thread_time(), budget(plugin));
    let mut outcome = Outcome::default();
    let mut instance: Option<Instance> = None;
    let mut waiting = vec![records];
    while let Some(records) = waiting.pop() {
        let failure = match run(plugin, &mut instance, records) {
            Ok(answer) => {
                outcome.append(&answer);
                continue;
            }
            Err(failure) => failure,
        };
        on_failure(&failure);
        instance = None;
        if thread_time().saturating_sub(start) > budget {
            return Err(Exhausted { last: failure });
        }
        if records.len() <= 1 {
            outcome.push_reject(Code::TRAP);
            continue;
        }
        let (left, right) = records.split_at(records.len() / 2);
        waiting.extend([right, left]);
    }
    Ok(outcome)
}

fn budget(plugin: &Plugin) -> Duration {
    plugin.limits().time * DEADLINES
}

fn run(plugin: &Plugin, instance: &mut Option<Instance>, records: Records<'_>) -> Result<Outcome, Failure> {
    let ready = match instance {
        Some(ready) => ready,
        None => instance.insert(plugin.instantiate().map_err(|error| Failure::Trap(error.to_string()))?),
    };
    ready.extract(records)
}
