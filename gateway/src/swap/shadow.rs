//! The shadow replay: records that came in lately, judged by the plugin that serves and by the one that is to.
//!
//! Both run here as shadows, on the thread of whoever asks: nothing that they do is counted, logged or added anywhere.

use std::net::IpAddr;
use std::time::Duration;

use tallygate_event::{Code, NO_TIME, Outcome, Records, UNREAD_TIME};
use tallygate_plugin_host::{Exhausted, Instance, Plugin, contain, thread_time};

use crate::serving::Capture;

/// Records of one route.
pub(crate) struct Recent {
    /// The route, for people.
    pub(crate) route: String,
    /// Whether the route rejects records that name no client.
    pub(crate) requires_client: bool,
    pub(crate) captures: Vec<Capture>,
}

/// How two plugins differ.
#[derive(Default, Clone, Debug)]
pub(crate) struct Report {
    pub(crate) routes: Vec<OnRoute>,
    /// The share of the records of a route that may be judged differently.
    pub(crate) bound: f64,
    /// Records that the serving plugin judged differently when it was asked twice. They say nothing, and do not count.
    pub(crate) unstable: usize,
    /// The first records that are judged differently.
    pub(crate) examples: Vec<Example>,
    /// Processor time of all records.
    pub(crate) old_time: Duration,
    pub(crate) new_time: Duration,
    /// How the new plugin failed, if it failed so much that the replay was ended.
    pub(crate) gave_up: Option<String>,
}

/// How they differ on one route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OnRoute {
    pub(crate) route: String,
    pub(crate) replayed: usize,
    pub(crate) different: usize,
}

/// A record that is judged differently.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) route: String,
    pub(crate) record: String,
    pub(crate) old: Answer,
    pub(crate) new: Answer,
}

/// What a plugin makes of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Accepted {
        /// `None` if the record names no client, and the route does not ask for one.
        ip: Option<IpAddr>,
        /// Unix nanoseconds.
        time: Option<i64>,
    },
    Rejected {
        /// The code's name: what it means, whatever number it has.
        code: String,
        /// In the plugin's words.
        message: Option<String>,
    },
}

/// Differing records that a report shows.
const EXAMPLES: usize = 10;
/// Of a record, a report shows so many characters.
const SHOWN: usize = 1000;
/// Processor time after which a replay is content with what it has seen.
const ENOUGH: Duration = Duration::from_secs(10);

/// Asks both plugins about the records.
pub(crate) fn compare(old: &Plugin, new: &Plugin, recent: &[Recent], bound: f64) -> Report {
    // What one of them cannot tell is no difference.
    let precision = old.time_precision().max(new.time_precision());
    let (mut old, mut new) = (Side::new(old, precision), Side::new(new, precision));
    let mut report = Report { bound, ..Report::default() };
    for Recent { route, requires_client, captures } in recent {
        (old.requires_client, new.requires_client) = (*requires_client, *requires_client);
        let mut on_route = OnRoute { route: route.clone(), replayed: 0, different: 0 };
        for capture in captures {
            if old.spent + new.spent > ENOUGH || report.gave_up.is_some() {
                break;
            }
            compare_call(&mut old, &mut new, &mut on_route, &mut report, capture);
        }
        report.routes.push(on_route);
    }
    (report.old_time, report.new_time) = (old.spent, new.spent);
    report
}

fn compare_call(old: &mut Side<'_>, new: &mut Side<'_>, route: &mut OnRoute, report: &mut Report, capture: &Capture) {
    let call = capture.records();
    // Where the serving plugin fails altogether there is nothing to differ from.
    let Ok(before) = old.judge(capture) else { return };
    let after = match new.judge(capture) {
        Ok(after) => after,
        Err(exhausted) => {
            route.replayed += call.len();
            route.different += call.len();
            report.gave_up = Some(exhausted.last.to_string());
            return;
        }
    };
    route.replayed += call.len();
    let differs = |at: &usize| match (before.get(*at), after.get(*at)) {
        // A record that the serving plugin fails at can only gain.
        (Some(Answer::Rejected { code, .. }), _) if code == "trap" => false,
        (old, new) => old != new,
    };
    let suspects: Vec<usize> = (0..call.len()).filter(differs).collect();
    let mut once_more = Capture::new(call.received);
    suspects.iter().filter_map(|at| call.get(*at)).for_each(|record| once_more.push(record));
    let again = if suspects.is_empty() { Vec::new() } else { old.judge(&once_more).unwrap_or_default() };
    for (at, again) in suspects.into_iter().zip(again) {
        let record = call.get(at).unwrap_or_default();
        let (Some(old_answer), Some(new_answer)) = (before.get(at), after.get(at)) else { continue };
        if *old_answer != again {
            report.unstable += 1;
            continue;
        }
        route.different += 1;
        if report.examples.len() < EXAMPLES {
            report.examples.push(Example {
                route: route.route.clone(),
                record: String::from_utf8_lossy(record).chars().take(SHOWN).collect(),
                old: old.in_words(old_answer, (record, call.received)),
                new: new.in_words(new_answer, (record, call.received)),
            });
        }
    }
}

/// What a plugin alone makes of the records: how many it judges, and how many of them it rejects, failures left out.
pub(crate) fn reject_rate(plugin: &Plugin, recent: &[Recent]) -> (u64, u64) {
    let mut side = Side::new(plugin, plugin.time_precision());
    let (mut judged, mut rejected) = (0, 0);
    let captures = recent.iter().flat_map(|recent| recent.captures.iter().map(move |capture| (recent, capture)));
    for (recent, capture) in captures {
        if side.spent > ENOUGH {
            break;
        }
        side.requires_client = recent.requires_client;
        let Ok(answers) = side.judge(capture) else { continue };
        judged += answers.len() as u64;
        rejected += answers.iter().filter(|answer| matches!(answer, Answer::Rejected { .. })).count() as u64;
    }
    (judged, rejected)
}

/// One of the two plugins.
struct Side<'a> {
    plugin: &'a Plugin,
    instance: Option<Instance>,
    /// Whether the route rejects records that name no client.
    requires_client: bool,
    /// How many nanoseconds times can be apart and be the same.
    precision: i64,
    spent: Duration,
}

// === impl Side ===

impl<'a> Side<'a> {
    fn new(plugin: &'a Plugin, precision: i64) -> Self {
        Self { plugin, instance: None, requires_client: true, precision, spent: Duration::ZERO }
    }

    /// One answer for each record, as it would be given to live ones.
    fn judge(&mut self, capture: &Capture) -> Result<Vec<Answer>, Exhausted> {
        let start = thread_time();
        let outcome = self.extract(capture.records());
        self.spent += thread_time().saturating_sub(start);
        let mut outcome = outcome?;
        if self.requires_client {
            outcome.require_client();
        }
        for time in outcome.times.iter_mut().filter(|time| !matches!(**time, NO_TIME | UNREAD_TIME)) {
            *time -= time.rem_euclid(self.precision);
        }
        Ok(answers(self.plugin, &outcome))
    }

    fn extract(&mut self, records: Records<'_>) -> Result<Outcome, Exhausted> {
        if self.instance.is_none() {
            self.instance = self.plugin.instantiate().ok();
        }
        if let Some(instance) = &mut self.instance {
            if let Ok(outcome) = instance.extract(records) {
                return Ok(outcome);
            }
            self.instance = None;
        }
        contain(self.plugin, records, |_| std::ops::ControlFlow::Continue(()))
    }

    /// The answer with the plugin's words for a rejected record.
    fn in_words(&mut self, answer: &Answer, (record, received): (&[u8], i64)) -> Answer {
        let Answer::Rejected { code, .. } = answer else { return answer.clone() };
        let instance = match self.instance.take() {
            Some(instance) => Ok(instance),
            None => self.plugin.instantiate(),
        };
        let words = instance.ok().filter(|_| code != "trap").and_then(|mut instance| {
            let words = instance.explain(record, received).ok()?;
            self.instance = Some(instance);
            match words {
                // What the plugin read out of a record that names no client, which the route rejects.
                Ok(words) if Some(code.as_str()) == Code::FIELD_MISSING.name() => Some(words),
                words => words.err(),
            }
        });
        Answer::Rejected { code: code.clone(), message: words }
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn replayed(&self) -> usize {
        self.routes.iter().map(|route| route.replayed).sum()
    }

    pub(crate) fn different(&self) -> usize {
        self.routes.iter().map(|route| route.different).sum()
    }

    /// Processor time of one record, of the old plugin and of the new.
    pub(crate) fn nanoseconds(&self) -> (u64, u64) {
        let records = self.replayed().max(1) as u128;
        let each = |time: Duration| u64::try_from(time.as_nanos() / records).unwrap_or(u64::MAX);
        (each(self.old_time), each(self.new_time))
    }

    /// Whether no route differs in a larger share of its records than allowed.
    ///
    /// # Errors
    /// Says which route does, and what to do.
    pub(crate) fn within(&self) -> Result<(), String> {
        let bound = self.bound;
        if let Some(failure) = &self.gave_up {
            return Err(format!("it fails on records that came in lately: {failure}"));
        }
        let share = |route: &OnRoute| route.different as f64 / route.replayed.max(1) as f64;
        match self.routes.iter().find(|route| share(route) > bound) {
            None => Ok(()),
            Some(route) => Err(format!(
                "{} of the last {} records of route {} are judged differently than by the plugin that serves; \
                 swap.max_difference allows a share of {bound}: look at the difference, and force it if that is what \
                 you want",
                route.different, route.replayed, route.route
            )),
        }
    }
}

fn answers(plugin: &Plugin, outcome: &Outcome) -> Vec<Answer> {
    let answer = |(visit, status): (Option<(Option<IpAddr>, i64)>, &u8)| match visit {
        Some((ip, time)) => {
            Answer::Accepted { ip, time: Some(time).filter(|time| !matches!(*time, NO_TIME | UNREAD_TIME)) }
        }
        None => Answer::Rejected { code: plugin.code_name(Code(*status)).to_owned(), message: None },
    };
    outcome.visits().zip(&outcome.status).map(answer).collect()
}
