//! The section `[swap]`: how a plugin takes the place of the one before it.

use std::time::Duration;

use super::key::{Effect, Key, Keys};
use super::section::Section;
use super::units::{COUNT_OR_ZERO, DURATION, DURATION_OR_ZERO, SHARE, SIZE};

/// How a plugin takes the place of the one before it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Swap {
    /// Real records kept of each route, to try a new plugin on; 0: none.
    pub(crate) replay_records: usize,
    /// Bytes of them, of one route.
    pub(crate) replay_bytes: usize,
    /// The share of the records replayed whose outcome may differ, from 0 to 1.
    pub(crate) max_difference: f64,
    /// How long a new plugin is compared with the one before it while it serves; zero: not at all.
    pub(crate) probation: Duration,
    /// How often files are looked at where the system does not tell that they changed.
    pub(crate) poll: Duration,
    /// Processor time of compiling one plugin.
    pub(crate) compile_time: Duration,
    /// Memory of compiling one plugin, in bytes.
    pub(crate) compile_memory: usize,
}

pub(super) const KEYS: Keys = Keys {
    intro: "How a new version of a plugin takes the place of the old one.",
    ..Keys::table(
        "swap",
        &[
            Key::new(
                "replay_records",
                &COUNT_OR_ZERO,
                "10000",
                Effect::NextRequest,
                "The last real records of each route, kept in memory to try a new plugin on before it serves. 0: it is not tried.",
            ),
            Key::new(
                "replay_bytes",
                &SIZE,
                r#""16 MiB""#,
                Effect::NextRequest,
                "Memory of one route for that, at most.",
            ),
            Key::new(
                "max_difference",
                &SHARE,
                "0.01",
                Effect::NextPlugin,
                "The share of those records whose outcome may differ from the old plugin's, from 0 to 1. Beyond it the new one \
                 is refused.",
            ),
            Key::new(
                "probation",
                &DURATION_OR_ZERO,
                r#""60 s""#,
                Effect::NextPlugin,
                r#"How long a new plugin that serves is compared with the one before it. `"0 s"`: not at all."#,
            ),
            Key::new(
                "poll",
                &DURATION,
                r#""2 s""#,
                Effect::Reload,
                "How often the files of plugins and of the configuration are looked at where the system does not tell of \
                 changes, as on network file systems.",
            ),
            Key::new(
                "compile_time",
                &DURATION,
                r#""60 s""#,
                Effect::Restart,
                "Processor time of compiling one plugin.",
            ),
            Key::new("compile_memory", &SIZE, r#""2 GiB""#, Effect::Restart, "Memory of compiling one plugin."),
        ],
    )
};

pub(super) fn read(mut section: Section<'_>) -> Swap {
    let swap = Swap {
        replay_records: section.take("replay_records", &COUNT_OR_ZERO),
        replay_bytes: section.take("replay_bytes", &SIZE),
        max_difference: section.take("max_difference", &SHARE),
        probation: section.take("probation", &DURATION_OR_ZERO),
        poll: section.take("poll", &DURATION),
        compile_time: section.take("compile_time", &DURATION),
        compile_memory: section.take("compile_memory", &SIZE),
    };
    section.finish();
    swap
}
