//! The place of one plugin: the generation that serves, the one before it, and how the change went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::probation::{Probation, Window};
use super::shadow::Report;
use super::store::{Pin, PinnedSettings};
use super::{Change, Refusal};
use crate::config;
use crate::metrics::Metrics;
use crate::serving::{Active, Made, Moment, Total};

pub(super) struct Slot {
    pub(super) current: Arc<Active>,
    since: Timestamp,
    /// Compiled and ready to serve again.
    pub(super) previous: Option<Arc<Active>>,
    /// The highest generation there ever was.
    last_generation: u64,
    pub(super) probation: Option<Probation>,
    window: Window,
    last_error: Option<LastError>,
    held: Option<Held>,
    /// The digest of what the configuration's file held when it was last looked at; `None` if no file is named.
    pub(super) own: Option<String>,
}

/// Why the last candidate does not serve.
#[derive(Clone, Debug)]
pub(crate) struct LastError {
    pub(crate) stage: &'static str,
    pub(crate) message: String,
    pub(crate) at: Timestamp,
    pub(crate) report: Option<Box<Report>>,
}

/// A component that was rolled back, and when it may be tried again.
struct Held {
    digest: String,
    until: Instant,
    /// How often it was rolled back.
    times: u32,
}

/// What the administrator sees of a plugin.
pub(crate) struct View {
    pub(crate) active: Arc<Active>,
    pub(crate) since: Timestamp,
    pub(crate) on_probation: bool,
    /// Generation and digest.
    pub(crate) previous: Option<(u64, String)>,
    pub(crate) last_error: Option<LastError>,
}

/// What a generation begins under.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) probation: Duration,
    pub(super) workers: usize,
}

/// How long what was rolled back is not tried again: so long at first, twice as long each time, up to a bound.
const HELD_FIRST: Duration = Duration::from_secs(60);
const HELD_MOST: Duration = Duration::from_secs(3600);

// === impl Slot ===

impl Slot {
    /// With the first generation.
    pub(super) fn new(made: Made, own: Option<String>, workers: usize) -> Self {
        let current = Arc::new(Active::new(made, 1, workers));
        current.metrics.generation.set(1);
        Self {
            current,
            since: Timestamp::now(),
            previous: None,
            last_generation: 1,
            probation: None,
            window: Window::default(),
            last_error: None,
            held: None,
            own,
        }
    }

    /// Puts the next generation in place, on probation for so long.
    pub(super) fn advance(&mut self, change: Change, metrics: &Metrics, terms: Terms) {
        let Terms { probation, workers } = terms;
        let Change { plugin, config, source, own, forced, .. } = change;
        let before = self.window.lately(self.current.counts.total());
        self.end_probation();
        self.last_generation += 1;
        let made = Made { metrics: metrics.plugin(plugin.name()), plugin, source, config };
        let next = Arc::new(Active::new(made, self.last_generation, workers));
        next.metrics.generation.set(i64::try_from(self.last_generation).unwrap_or(i64::MAX));
        if !probation.is_zero() {
            next.set_stand_in(Some(Arc::clone(&self.current.plugin)));
            self.probation = Some(Probation::new(probation, before, forced));
        }
        self.previous = Some(std::mem::replace(&mut self.current, next));
        self.own = own;
        self.last_error = None;
        self.begin();
    }

    /// Returns to the previous generation. Gives back the one that served.
    pub(super) fn return_to_previous(&mut self) -> Option<Arc<Active>> {
        let previous = self.previous.take()?;
        self.end_probation();
        previous.metrics.generation.set(i64::try_from(previous.generation).unwrap_or(i64::MAX));
        previous.metrics.rollbacks.inc();
        let rolled_back = std::mem::replace(&mut self.current, previous);
        self.begin();
        Some(rolled_back)
    }

    /// Does not let a component be tried again for a while, a longer one each time.
    pub(super) fn hold(&mut self, digest: &str) {
        let times = self.held.as_ref().filter(|held| held.digest == digest).map_or(0, |held| held.times) + 1;
        let pause = HELD_FIRST.saturating_mul(2_u32.saturating_pow(times - 1)).min(HELD_MOST);
        self.held = Some(Held { digest: digest.to_owned(), until: Instant::now() + pause, times });
    }

    /// For how long a component is not to be tried again.
    pub(super) fn held(&self, digest: &str) -> Option<Duration> {
        let held = self.held.as_ref().filter(|held| held.digest == digest)?;
        held.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// What makes the generation that serves survive a restart, where the configuration would bring another.
    pub(super) fn pin(&self, configured: &config::Plugin) -> Option<Pin> {
        let active = &self.current;
        let uploaded = active.source == crate::serving::Source::Upload;
        let other_settings = active.config.settings != configured.settings;
        let other_component = self.own.as_deref().is_some_and(|own| own != active.plugin.digest());
        let settings = other_settings
            .then(|| PinnedSettings { serve: active.config.settings.clone(), instead_of: configured.settings.clone() });
        let component = active.plugin.digest().to_owned();
        (uploaded || other_settings || other_component).then(|| Pin {
            component,
            uploaded,
            instead_of: self.own.clone(),
            settings,
        })
    }

    pub(super) fn end_probation(&mut self) {
        self.probation = None;
        self.current.set_stand_in(None);
    }

    /// Notes what has been counted so far. Gives the counts of the probation, if there is one.
    pub(super) fn look(&mut self, now: Instant) -> Total {
        let total = self.current.counts.total();
        self.window.note(now, total);
        self.probation.as_ref().map_or(total, |probation| total - probation.start)
    }

    pub(super) fn refused(&mut self, stage: &'static str, refusal: &Refusal) {
        let (message, report) = (refusal.message.clone(), refusal.report.clone());
        self.last_error = Some(LastError { stage, message, at: Timestamp::now(), report });
    }

    pub(super) fn forget_error(&mut self) {
        self.last_error = None;
    }

    /// The components that may serve here again without being loaded.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(|active| active.plugin.digest())
    }

    pub(super) fn view(&self) -> View {
        View {
            active: Arc::clone(&self.current),
            since: self.since,
            on_probation: self.probation.is_some(),
            previous: self.previous.as_ref().map(|one| (one.generation, one.plugin.digest().to_owned())),
            last_error: self.last_error.clone(),
        }
    }

    /// Another generation serves from now on.
    fn begin(&mut self) {
        self.since = Timestamp::now();
        self.window = Window::default();
        self.window.note(Instant::now(), self.current.counts.total());
    }
}

// === impl Probation ===

impl Probation {
    fn new(length: Duration, before: Total, forced: bool) -> Self {
        Self {
            moment: Moment::now(),
            ends: Instant::now() + length,
            before,
            start: Total::default(),
            forced,
            asked: None,
        }
    }
}
