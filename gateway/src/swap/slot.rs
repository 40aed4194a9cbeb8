//! The place of one plugin: the generation that serves, the one before it, and how the change went.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tallygate_plugin_host::{Limits, Settings, Stage};

use super::probation::{Probation, Window};
use super::shadow::Report;
use super::store::{Pin, PinnedLimits, PinnedSettings};
use super::{Change, NotServed};
use crate::config;
use crate::metrics::Metrics;
use crate::serving::{Active, CoarseInstant, Made, Provenance, Total};

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
    /// What was rolled back lately.
    held: VecDeque<Held>,
    /// The digest of what the configuration's file held when it was last looked at; `None` if no file is named.
    pub(super) file_digest: Option<String>,
    /// Whether that was tried and refused: whoever asks for a reload wants it to be tried again.
    pub(super) file_refused: bool,
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
    identity: Identity,
    until: Instant,
    /// How often it was rolled back.
    times: u32,
}

/// A component with its settings and limits.
#[derive(PartialEq, Eq)]
struct Identity {
    digest: String,
    settings: Settings,
    limits: Limits,
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
/// How many are remembered.
const HELD: usize = 16;

// === impl Slot ===

impl Slot {
    /// With the first generation.
    pub(super) fn new(made: Made, file_digest: Option<String>, workers: usize) -> Self {
        let current = Arc::new(Active::new(made, 1, workers));
        Self {
            current,
            since: Timestamp::now(),
            previous: None,
            last_generation: 1,
            probation: None,
            window: Window::default(),
            last_error: None,
            held: VecDeque::new(),
            file_digest,
            file_refused: false,
        }
    }

    /// Puts the next generation in place, on probation for so long.
    ///
    /// While a generation is on probation, the next one is measured by the last that has proven itself.
    pub(super) fn advance(&mut self, change: Change, metrics: &Metrics, terms: Terms) {
        let Terms { probation, workers } = terms;
        let Change { plugin, config, source, file_digest, forced, .. } = change;
        let (proven, before) = match self.probation.take() {
            Some(probation) => (probation.proven, probation.before),
            None => (Arc::clone(&self.current), self.window.lately(self.current.counts.total())),
        };
        self.last_generation += 1;
        let made = Made { metrics: metrics.plugin(plugin.name()), plugin, source, config };
        let next = Arc::new(Active::new(made, self.last_generation, workers));
        if !probation.is_zero() {
            next.set_stand_in(Some(Arc::clone(&proven.plugin)));
            self.probation = Some(Probation::new(probation, proven, before, forced));
        }
        self.previous = Some(std::mem::replace(&mut self.current, next));
        (self.file_digest, self.file_refused) = (file_digest, false);
        self.last_error = None;
        self.begin();
    }

    /// Returns to the generation before. Gives back the one that served, whose requests may still be under way: what stands
    /// in for it goes on doing so. If the generation before has not proven itself, its probation begins anew.
    pub(super) fn return_to_previous(&mut self, length: Duration) -> Option<Arc<Active>> {
        let previous = self.previous.take()?;
        let unproven = self.probation.take().filter(|probation| !Arc::ptr_eq(&probation.proven, &previous));
        match unproven {
            Some(Probation { proven, before, forced, .. }) => {
                let start = previous.counts.total();
                self.probation = Some(Probation { start, ..Probation::new(length, proven, before, forced) });
            }
            None => previous.set_stand_in(None),
        }
        Some(self.return_to(previous))
    }

    /// Returns to the last generation that has proven itself. Gives back the one that served.
    pub(super) fn return_to_proven(&mut self) -> Option<Arc<Active>> {
        let proven = self.probation.take()?.proven;
        proven.set_stand_in(None);
        self.previous = None;
        Some(self.return_to(proven))
    }

    fn return_to(&mut self, active: Arc<Active>) -> Arc<Active> {
        let rolled_back = std::mem::replace(&mut self.current, active);
        self.begin();
        rolled_back
    }

    /// Does not let what serves be tried again for a while, a longer one each time.
    pub(super) fn hold(&mut self) {
        let identity = Identity::of(self.current.plugin.digest(), &self.current.config);
        let times = self.held.iter().find(|held| held.identity == identity).map_or(0, |held| held.times) + 1;
        self.held.retain(|held| held.identity != identity);
        let pause = HELD_FIRST.saturating_mul(2_u32.saturating_pow(times - 1)).min(HELD_MOST);
        self.held.push_back(Held { identity, until: Instant::now() + pause, times });
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }

    /// For how long a component with these settings is not to be tried again.
    pub(super) fn held(&self, digest: &str, config: &config::Plugin) -> Option<Duration> {
        let identity = Identity::of(digest, config);
        let held = self.held.iter().find(|held| held.identity == identity)?;
        held.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// What makes the generation that serves survive a restart, where the configuration would bring another.
    pub(super) fn pin(&self, configured: &config::Plugin) -> Option<Pin> {
        let active = &self.current;
        let uploaded = active.source == Provenance::Upload;
        let other_component = self.file_digest.as_deref().is_some_and(|digest| digest != active.plugin.digest());
        let (serve, instead_of) = (&active.config, configured);
        let settings = (serve.settings != instead_of.settings)
            .then(|| PinnedSettings { serve: serve.settings.clone(), instead_of: instead_of.settings.clone() });
        let limits = (serve.limits != instead_of.limits)
            .then(|| PinnedLimits { serve: serve.limits.into(), instead_of: instead_of.limits.into() });
        (uploaded || other_component || settings.is_some() || limits.is_some()).then(|| Pin {
            component: active.plugin.digest().to_owned(),
            uploaded,
            instead_of: self.file_digest.clone(),
            settings,
            limits,
        })
    }

    /// The generation that serves has proven itself.
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

    pub(super) fn refused(&mut self, stage: &'static str, refusal: &NotServed) {
        let (message, report) = (refusal.message.clone(), refusal.report.clone());
        self.last_error = Some(LastError { stage, message, at: Timestamp::now(), report });
    }

    /// Whether the last error was that the file could not be read.
    pub(super) fn could_not_be_read(&self) -> bool {
        self.last_error.as_ref().is_some_and(|error| error.stage == Stage::Read.name())
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

    /// Tells which generation serves.
    pub(super) fn tell_generation(&self) {
        self.current.metrics.swaps.generation.set(i64::try_from(self.current.generation).unwrap_or(i64::MAX));
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
    fn new(length: Duration, proven: Arc<Active>, before: Total, forced: bool) -> Self {
        Self {
            proven,
            moment: CoarseInstant::now(),
            ends: Instant::now() + length,
            before,
            start: Total::default(),
            forced,
            asked: None,
        }
    }
}

// === impl Identity ===

impl Identity {
    fn of(digest: &str, config: &config::Plugin) -> Self {
        Self { digest: digest.to_owned(), settings: config.settings.clone(), limits: config.limits }
    }
}
