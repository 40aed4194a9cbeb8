//! The keys outside all sections.

use super::key::{Effect, Key, Keys};
use super::units;
use super::visits::{COUNT_SINCE, DURABILITY};

pub(super) const KEYS: Keys = Keys::table(
    "",
    &[
        Key::new(
            "data_dir",
            &units::PATH_FROM_WORKING_DIRECTORY,
            r#""tallygate-data""#,
            Effect::Restart,
            "Where visits, their journal, and compiled and uploaded plugins are kept. Made if it is missing. One gateway at a time.",
        ),
        Key::new(
            "durability",
            &DURABILITY,
            r#""fsync""#,
            Effect::Restart,
            r#"When a request is acknowledged: `"fsync"`, `"interval"` or `"memory"`: [what each means](#what-is-kept)."#,
        )
        .comment(
            r#"When a request is acknowledged: "fsync", when its new visits survive a power loss; "interval", at once, synced within a second; "memory", at once, and visits are written at a clean stop and once an hour only."#,
        ),
        Key::new(
            "count_since",
            &COUNT_SINCE,
            r#""ever""#,
            Effect::Restart,
            r#"What `unique_ip_addresses` counts: `"ever"`, or since the `"start"` of the process. The history is the same."#,
        ),
        Key::new(
            "log_level",
            &units::LOG_LEVEL,
            r#""info""#,
            Effect::Restart,
            r#"`"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`."#,
        ),
    ],
);
