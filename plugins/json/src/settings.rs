//! The settings.

use alloc::string::String;

use tallygate_guest::{Message, Strings, Trusted};

use crate::fields::Fields;

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
