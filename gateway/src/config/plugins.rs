//! The sections `[plugins.NAME]`.

use std::path::PathBuf;

use tallygate_plugin_host::Limits;

use super::document::Origin;
use super::key::{Effect, Key, Keys};
use super::section::Section;
use super::units::{BOOLEAN, DURATION, PATH, SETTINGS, SIZE};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    /// `None`: the one of this name that ships in the binary.
    pub(crate) path: Option<PathBuf>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) limits: Limits,
    /// Where in the configuration it stands, for messages.
    pub(crate) origin: Origin,
}

/// The plugin that serves what no route claims.
pub(crate) const DEFAULT_PLUGIN: &str = "json";

/// What a name must be for [`is_plugin_name`].
pub(crate) const PLUGIN_NAME: &str = "a plugin's name is letters, digits, '-' and '_', at most 64 of them";

pub(super) const KEYS: Keys = Keys {
    intro: "The plugins that ship in the binary, json and access-log, need no section. A section changes one of them, or adds one \
            of your own, read from a file:",
    example: r#"[plugins.json]
settings = { fields = "client.ip,ip", time = "timestamp" }

[plugins.mine]
path = "mine.wasm"                              # relative to the folder of this file
settings = { anything = "that the plugin knows" }
limits = { memory = "64 MiB", time = "100 ms" } # of one instance; of one call, in processor time"#,
    ..Keys::table(
        "plugins.NAME",
        &[
            Key::optional("path", &PATH, r#""mine.wasm""#, Effect::Reload, "The component's file.")
                .else_is("the shipped plugin of this name"),
            Key::new(
                "settings",
                &SETTINGS,
                "{}",
                Effect::Reload,
                "Handed to the plugin: strings, whole numbers and booleans.",
            ),
        ],
    )
};

pub(super) const LIMITS: Keys = Keys::table(
    "plugins.NAME.limits",
    &[
        Key::new("memory", &SIZE, r#""64 MiB""#, Effect::Reload, "Memory of one instance; there is one per worker."),
        Key::new("time", &DURATION, r#""100 ms""#, Effect::Reload, "Processor time of one call."),
        Key::new(
            "isolated",
            &BOOLEAN,
            "false",
            Effect::Reload,
            "Whether it is called beside the threads that serve connections, from the start: for a plugin that is slow by nature, as \
             those in Python or JavaScript are. Its requests take longer, all others do not wait for it.",
        ),
    ],
);

/// Names stand in routes, metrics and URLs, as they are.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(fits)
}

pub(super) fn read((name, mut section): (String, Section<'_>)) -> Plugin {
    let path = section.optional("path", &PATH);
    let settings = section.take("settings", &SETTINGS);
    let mut limits = section.section(&LIMITS);
    let checked = Limits {
        memory: limits.take("memory", &SIZE),
        time: limits.take("time", &DURATION),
        isolated: limits.take("isolated", &BOOLEAN),
    };
    limits.finish();
    if !is_plugin_name(&name) {
        section.problem("", PLUGIN_NAME);
    }
    let origin = section.origin().clone();
    section.finish();
    Plugin { name, path, settings, limits: checked, origin }
}

// === impl Plugin ===

impl Plugin {
    /// One that the configuration does not mention.
    pub(super) fn shipped(name: &str) -> Self {
        let (settings, limits) = (Vec::new(), Limits::default());
        Self { name: name.to_owned(), path: None, settings, limits, origin: Origin::Whole }
    }
}
