//! The settings.

use alloc::string::String;

use tallygate_guest::{Message, Strings};

use crate::fields::{DEFAULT_FIELDS, DEFAULT_TIMES, Fields};

/// The settings, checked.
pub(crate) struct Settings {
    pub(crate) fields: Fields,
    pub(crate) strings: Strings,
}

// === impl Settings ===

impl Settings {
    pub(crate) fn read(settings: &[(String, String)]) -> Result<Self, String> {
        let (mut fields, mut times) = (DEFAULT_FIELDS, DEFAULT_TIMES);
        let mut strings = Strings::Lenient;
        for (name, value) in settings {
            match name.as_str() {
                "fields" => fields = value,
                "time" => times = value,
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
                    return Err(message.text(": the settings are `fields`, `time` and `strict`").finish());
                }
            }
        }
        Ok(Self { fields: Fields::new(fields, times)?, strings })
    }
}
