//! Probation: a generation that does worse than the one before it is rolled back, without anybody being asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tallygate_plugin_host::{Plugin, Stage};

use super::probation::{Jump, failures, rejects};
use super::roster::Roster;
use super::{NotServed, Swap, shadow};
use crate::serving::CoarseInstant;

/// The generation before is asked about the records of a probation no more often than this.
const ASKED_AGAIN: Duration = Duration::from_secs(2);
/// From so many records on, what the generation before makes of the same records tells more than what it did before.
const ENOUGH_RECORDS: u64 = 20;

/// A generation under suspicion of rejecting more than the one before it would.
struct Suspect {
    name: String,
    plugin: Arc<Plugin>,
    proven: Arc<Plugin>,
    moment: CoarseInstant,
    /// The share that was rejected before, and that is now.
    jump: Jump,
    /// Whether anything was judged before.
    known: bool,
}

impl Swap {
    /// Looks at every generation on probation once, and rolls back those that do worse. Called a few times a second.
    pub(super) fn look_after(&self) {
        let now = Instant::now();
        let mut suspects = Vec::new();
        let names: Vec<_> = self.roster().slots.keys().cloned().collect();
        for name in names {
            suspects.extend(self.look_at(&name, now));
        }
        self.roster().keep_up();
        // Outside the lock: a replay takes a while.
        for suspect in suspects {
            self.ask_both(&suspect);
        }
    }

    fn look_at(&self, name: &str, now: Instant) -> Option<Suspect> {
        let mut roster = self.roster();
        let margin = roster.config.swap.max_difference;
        let slot = roster.slots.get_mut(name)?;
        let counted = slot.look(now);
        let probation = slot.probation.as_mut()?;
        if let Some(jump) = failures(counted, probation.before) {
            let why = format!("{} of its calls fail, {} before", percent(jump.to), percent(jump.from));
            self.roll_back_by_itself(&mut roster, name, &why);
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
        let (moment, known, name) = (probation.moment, before.1 > 0, name.to_owned());
        let proven = Arc::clone(&probation.proven.plugin);
        Some(Suspect { name, plugin: Arc::clone(&slot.current.plugin), proven, moment, jump, known })
    }

    /// Asks both generations about the records that came in since, as far as they are kept. If the one before rejects as
    /// many, it is the traffic that has changed, and not the plugin that is worse.
    fn ask_both(&self, suspect: &Suspect) {
        let Suspect { name, plugin, proven, jump, .. } = suspect;
        let recent = self.recent(name, suspect.moment);
        let (judged, rejected) = shadow::reject_rate(&plugin.shadow(), &recent);
        let (judged_before, rejected_before) = shadow::reject_rate(&proven.shadow(), &recent);
        let margin = self.max_difference();
        let why = if judged.min(judged_before) >= ENOUGH_RECORDS {
            rejects((rejected, judged), (rejected_before, judged_before), margin).map(|jump| {
                let (would, does) = (percent(jump.from), percent(jump.to));
                format!(
                    "it rejects {does} of the records that came in since, the generation before would reject {would}"
                )
            })
        } else if suspect.known {
            Some(format!("it rejects {} of the records, {} were before", percent(jump.to), percent(jump.from)))
        } else {
            // Too few to ask about, and nothing to compare with.
            return;
        };
        let Some(why) = why else {
            tracing::info!(
                plugin = name,
                judged,
                rejected,
                "more records are rejected than before the swap; the previous generation would reject them, too"
            );
            return;
        };
        let mut roster = self.roster();
        if roster.slots.get(name).is_some_and(|slot| slot.current.plugin.id() == plugin.id()) {
            self.roll_back_by_itself(&mut roster, name, &why);
        }
    }

    fn roll_back_by_itself(&self, roster: &mut Roster, name: &str, why: &str) {
        let Some(slot) = roster.slots.get_mut(name) else { return };
        slot.hold();
        let Some(from) = slot.return_to_proven() else { return };
        let rollbacks = from.metrics.swaps.rollbacks.clone();
        let (digest, from, to) = (from.plugin.digest().to_owned(), from.generation, slot.current.generation);
        let message = format!("generation {from} was rolled back to {to}: {why}");
        slot.refused("probation", &NotServed::new(Stage::Publish, message));
        tracing::error!(plugin = name, from, to, digest, "rolled back by itself: {why}");
        self.serve(roster);
        roster.tell_generations();
        rollbacks.inc();
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
