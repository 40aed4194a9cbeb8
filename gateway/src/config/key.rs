//! What a key of the configuration is. Each component has the keys of its section in its own file; `table.rs` has all of them in
//! order.
//!
//! The default that is read, the rows of the README, `config/tallygate.toml`, its JSON schema and the warning about what needs
//! a restart are all made from what is said here.

use super::units::Unit;

/// The keys of one section.
#[cfg_attr(not(test), expect(dead_code, reason = "a test makes the documents from what only they need"))]
pub(super) struct Keys {
    /// Where the section stands, from the root, which is "". `NAME` stands for any name, as in `plugins.NAME`.
    pub(super) section: &'static str,
    pub(super) shape: Shape,
    pub(super) keys: &'static [Key],
    /// What more must be true of a section, for the schema; the section's reader checks it.
    pub(super) rules: &'static [Rule],
    /// What the file to start from says above the section.
    pub(super) intro: &'static str,
    /// What that file shows instead of the keys with their defaults, where a section has no defaults.
    pub(super) example: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One table, as `[ingest]`, or one for each name.
    Table,
    /// An array of tables, as `[[routes]]`.
    Array,
}

#[cfg_attr(not(test), expect(dead_code, reason = "a test makes the schema from them"))]
pub(super) enum Rule {
    NotBoth(&'static str, &'static str),
    AtLeastOneOf(&'static [&'static str]),
}

/// One key.
#[cfg_attr(not(test), expect(dead_code, reason = "a test makes the documents from what only they need"))]
pub(super) struct Key {
    /// Within its section.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) missing: Missing,
    pub(super) effect: Effect,
    /// What it is, in whole sentences, in Markdown.
    pub(super) what: &'static str,
    /// What the file to start from says of it, if that is more.
    pub(super) comment: Option<&'static str>,
}

/// What it means that a key is not given.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "a test makes the documents from what only they need"))]
pub(super) enum Missing {
    /// The same as this value, written in TOML.
    Is(&'static str),
    /// What `shown` says; the file to start from has `example`.
    Nothing { shown: &'static str, example: &'static str },
    /// A mistake.
    Wrong,
}

/// When a change that is reloaded takes effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    AtOnce,
    NextRequest,
    NextConnection,
    /// At the next request, but for what concerns answers.
    NextRequestAndConnection,
    NextPlugin,
    Reload,
    /// Not before the next start; until then the log says so.
    Restart,
}

/// What values a key takes. `units.rs` has the reader of each, `schema.rs` says the same to editors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Size,
    /// A time span that is longer than nothing.
    Duration,
    DurationOrZero,
    Count,
    CountOrZero,
    /// A count from one that fits in 32 bits.
    Count32,
    Boolean,
    Share,
    /// A path that is relative to the folder of the file it stands in.
    Path,
    /// A path that is relative to the working directory wherever it stands.
    PathFromWorkingDirectory,
    Secret,
    /// A path of a file that holds a secret.
    SecretFile,
    Address,
    LogLevel,
    /// One of these words.
    Word(&'static [&'static str]),
    Settings,
    RoutePath,
    MediaType,
    Headers,
    /// An array with the name of one plugin.
    OnePlugin,
}

/// Stands in [`Keys::section`] for any name.
pub(super) const ANY_NAME: &str = "NAME";

// === impl Keys ===

impl Keys {
    /// A section that is one table of keys.
    pub(super) const fn table(section: &'static str, keys: &'static [Key]) -> Self {
        Self { section, shape: Shape::Table, keys, rules: &[], intro: "", example: "" }
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The section's own key in the table around it.
    pub(super) fn own_name(&self) -> &'static str {
        let parts = self.section.rsplit('.');
        parts.into_iter().find(|part| *part != ANY_NAME).unwrap_or_default()
    }
}

// === impl Key ===

impl Key {
    /// One with a default, which is written in TOML.
    pub(super) const fn new<T>(
        name: &'static str,
        unit: &Unit<T>,
        default: &'static str,
        effect: Effect,
        what: &'static str,
    ) -> Self {
        Self { name, kind: unit.kind, missing: Missing::Is(default), effect, what, comment: None }
    }

    /// One that may be left out, which means something else than any value; `example` is a value, written in TOML.
    pub(super) const fn optional<T>(
        name: &'static str,
        unit: &Unit<T>,
        example: &'static str,
        effect: Effect,
        what: &'static str,
    ) -> Self {
        let missing = Missing::Nothing { shown: "none", example };
        Self { name, kind: unit.kind, missing, effect, what, comment: None }
    }

    /// One that must be given.
    pub(super) const fn required<T>(name: &'static str, unit: &Unit<T>, effect: Effect, what: &'static str) -> Self {
        Self { name, kind: unit.kind, missing: Missing::Wrong, effect, what, comment: None }
    }

    /// What it means that an optional key is left out, for the README.
    pub(super) const fn else_is(mut self, shown: &'static str) -> Self {
        if let Missing::Nothing { example, .. } = self.missing {
            self.missing = Missing::Nothing { shown, example };
        }
        self
    }

    /// What the file to start from says of it instead.
    pub(super) const fn comment(mut self, comment: &'static str) -> Self {
        self.comment = Some(comment);
        self
    }
}
