//! Probation: a generation that does worse than the one before it is rolled back, without anybody being asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tallygate_plugin_host::{Plugin, Stage};

use super::probation::{Jump, failures, rejects};
use super::{Refusal, Swap, shadow};
use crate::serving::{Moment, Total};

/// The generation before is asked about the records of a probation no more often than this.
const ASKED_AGAIN: Duration = Duration::from_secs(2);
/// From so many records on, what the generation before makes of the same records tells more than what it did before.
const ENOUGH_RECORDS: u64 = 20;

/// A generation under suspicion of rejecting more than the one before it would.
struct Suspect {
    name: String,
    /// The plugin on probation, by its id.
    id: u64,
    counted: Total,
    previous: Arc<Plugin>,
    moment: Moment,
    jump: Jump,
}

impl Swap {
    /// Looks at every generation on probation once, and rolls back those that do worse. Called a few times a second.
    pub(super) fn look_after(&self) {
        let now = Instant::now();
        let mut suspects = Vec::new();
        let names: Vec<_> = self.state().slots.keys().cloned().collect();
        for name in names {
            suspects.extend(self.look_at(&name, now));
        }
        // Outside the lock: a replay takes a while.
        for suspect in suspects {
            self.ask_previous(&suspect);
        }
    }

    fn look_at(&self, name: &str, now: Instant) -> Option<Suspect> {
        let mut state = self.state();
        let margin = state.config.swap.max_difference;
        let slot = state.slots.get_mut(name)?;
        let counted = slot.look(now);
        let probation = slot.probation.as_mut()?;
        if let Some(jump) = failures(counted, probation.before) {
            let why = format!("{} of its calls fail, {} before", percent(jump.to), percent(jump.from));
            drop(state);
            self.roll_back_by_itself(name, &why);
            return None;
        }
        let before = (probation.before.rejected, probation.before.judged());
        let jump = rejects((counted.rejected, counted.judged()), before, margin).filter(|_| !probation.forced);
        // At the end, whom the traffic made a suspect has been asked about already.
        if now >= probation.ends && (jump.is_none() || probation.asked.is_some()) {
            tracing::info!(plugin = name, generation = slot.current.generation, "probation passed");
            slot.end_probation();
            return None;
        }
        if probation.asked.is_some_and(|asked| now.duration_since(asked) < ASKED_AGAIN) {
            return None;
        }
        let jump = jump?;
        probation.asked = Some(now);
        let moment = probation.moment;
        let previous = Arc::clone(&slot.previous.as_ref()?.plugin);
        Some(Suspect { name: name.to_owned(), id: slot.current.plugin.id(), counted, previous, moment, jump })
    }

    /// Asks the generation before about the records that came in since. If it rejects as many, it is the traffic that has
    /// changed, and not the plugin that is worse.
    fn ask_previous(&self, suspect: &Suspect) {
        let Suspect { name, counted, previous, jump, .. } = suspect;
        let recent = self.recent(name, suspect.moment);
        let (judged, rejected) = shadow::reject_rate(&previous.shadow(), &recent);
        let margin = self.shared.serving.load().config.swap.max_difference;
        let jump = if judged < ENOUGH_RECORDS {
            Some(*jump)
        } else {
            rejects((counted.rejected, counted.judged()), (rejected, judged), margin)
        };
        let still_serves = self.state().slots.get(name).is_some_and(|slot| slot.current.plugin.id() == suspect.id);
        match jump {
            Some(jump) if still_serves => {
                let why = format!("it rejects {} of the records, {} before", percent(jump.to), percent(jump.from));
                self.roll_back_by_itself(name, &why);
            }
            Some(_) => {}
            None => tracing::info!(
                plugin = name,
                judged,
                rejected,
                "more records are rejected than before the swap; the previous generation would reject them, too"
            ),
        }
    }

    fn roll_back_by_itself(&self, name: &str, why: &str) {
        let mut state = self.state();
        let Some(digest) = state.slots.get(name).map(|slot| slot.current.plugin.digest().to_owned()) else { return };
        let Some(done) = self.return_to_previous(&mut state, name) else { return };
        let Some(slot) = state.slots.get_mut(name) else { return };
        slot.hold(&digest);
        let message = format!("generation {} was rolled back to {}: {why}", done.from, done.to);
        slot.refused("probation", &Refusal::new(Stage::Publish, message));
        tracing::error!(plugin = name, from = done.from, to = done.to, digest, "rolled back by itself: {why}");
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
