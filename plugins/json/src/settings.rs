//! The settings.

use alloc::string::String;

use tallygate_sdk::{Message, Setting, Strings, Trusted};

use crate::fields::{DEFAULT_FIELDS, DEFAULT_TIMES, Fields};

/// All settings, for people.
pub(crate) const ALL: &[Setting] = &[
    Setting {
        name: "fields",
        meaning: "paths of address fields, separated by commas, most preferred first; at most 48. By default, also \
                  fields found by how they are named: what is in angle brackets stands for those",
        default: DEFAULT_FIELDS,
    },
    Setting {
        name: "time",
        meaning: "paths of time fields, likewise; at most 15; empty: no times are read",
        default: DEFAULT_TIMES,
    },
    Setting {
        name: "trusted",
        meaning: "addresses and networks of one's own proxies, separated by commas; the client is the hop nearest to \
                  the server that is none of them",
        default: "",
    },
    Setting {
        name: "strict",
        meaning: "`true`: records are JSON to the letter; `false`: strings may hold bytes and escapes that JSON has not",
        default: "false",
    },
];

/// The settings, checked.
pub(crate) struct Settings {
    pub(crate) fields: Fields,
    pub(crate) strings: Strings,
    pub(crate) trusted: Trusted,
}

// === impl Settings ===

impl Settings {
    pub(crate) fn read(settings: &[(String, String)]) -> Result<Self, String> {
        let (mut fields, mut times) = (None, None);
        let mut strings = Strings::Lenient;
        let mut trusted = Trusted::default();
        for (name, value) in settings {
            match name.as_str() {
                "fields" => fields = Some(value.as_str()),
                "time" => times = Some(value.as_str()),
                "trusted" => trusted = Trusted::read(value)?,
                "strict" => {
                    strings = match value.as_str() {
                        "true" => Strings::Strict,
                        "false" => Strings::Lenient,
                        _ => {
                            let message = Message::new("setting `strict` is ").name(value.as_bytes());
                            return Err(message.text(": expected `true` or `false`").finish());
                        }
                    }
                }
                _ => {
                    let message = Message::new("unknown setting ").name(name.as_bytes());
                    return Err(message.text(": the settings are `fields`, `time`, `trusted` and `strict`").finish());
                }
            }
        }
        Ok(Self { fields: Fields::new(fields, times)?, strings, trusted })
    }
}
