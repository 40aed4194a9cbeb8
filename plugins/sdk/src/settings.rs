//! What a plugin is told.

use alloc::string::String;
use core::str::FromStr;

use crate::Message;

/// A setting, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// What it is called.
    pub name: &'static str,
    /// One sentence: what it does, and what it expects.
    pub meaning: &'static str,
    /// What holds where it is not given, written as it would be given; empty if there is nothing to write.
    pub default: &'static str,
}

/// What a plugin is told: for each of its settings the value given, or else the default.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    given: &'a [(String, String)],
    known: &'a [Setting],
}

// === impl Settings ===

impl<'a> Settings<'a> {
    /// What was given, if all of it is known.
    ///
    /// # Errors
    /// If a setting is not among those known; the message names these.
    pub fn new(given: &'a [(String, String)], known: &'a [Setting]) -> Result<Self, String> {
        let unknown = given.iter().find(|(name, _)| !known.iter().any(|setting| setting.name == name));
        let Some((name, _)) = unknown else { return Ok(Self { given, known }) };
        let message = Message::new("unknown setting ").name(name.as_bytes());
        let names = known.iter().map(|setting| setting.name.as_bytes());
        Err(match known {
            [] => message.text(": the plugin has no settings"),
            [only] => message.text(": the only setting is ").name(only.name.as_bytes()),
            _ => message.text(": the settings are ").names(names),
        }
        .finish())
    }

    /// The value of a setting: as it was given, or else its default. Empty for a name that is none of the plugin's.
    #[must_use]
    pub fn get(&self, name: &str) -> &'a str {
        let given = self.given.iter().rev().find(|(given, _)| given == name);
        let default = || self.known.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
        given.map_or_else(default, |(_, value)| value)
    }

    /// The value of a setting, parsed.
    ///
    /// # Errors
    /// If it cannot be parsed; the message says that `expected` was expected.
    pub fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, String> {
        let value = self.get(name);
        value.trim().parse().map_err(|_| self.refuse(name, expected))
    }

    /// What to answer where the value of a setting is none that it can have.
    ///
    /// ```
    /// use tallygate_sdk::{Setting, Settings};
    ///
    /// const KNOWN: [Setting; 1] = [Setting { name: "zone", meaning: "`utc` or `local`", default: "utc" }];
    /// let given = [("zone".to_owned(), "mars".to_owned())];
    /// let settings = Settings::new(&given, &KNOWN).expect("known");
    /// assert_eq!(settings.refuse("zone", "`utc` or `local`"), "setting `zone` is `mars`: expected `utc` or `local`");
    /// ```
    #[must_use]
    pub fn refuse(&self, name: &str, expected: &str) -> String {
        let message = Message::new("setting ").name(name.as_bytes()).text(" is ").name(self.get(name).as_bytes());
        message.text(": expected ").text(expected).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned as _;

    use super::*;

    const KNOWN: [Setting; 2] =
        [Setting { name: "a", meaning: "first", default: "1" }, Setting { name: "b", meaning: "second", default: "" }];

    #[test]
    fn given_or_default() {
        let given = [("b".to_owned(), " x ".to_owned())];
        let settings = Settings::new(&given, &KNOWN).expect("known");
        assert_eq!((settings.get("a"), settings.get("b"), settings.get("c")), ("1", " x ", ""));
        assert_eq!(settings.parse("a", "a number"), Ok(1));
        let refused = settings.parse::<u8>("b", "a number");
        assert_eq!(refused, Err("setting `b` is ` x `: expected a number".to_owned()));
    }

    #[test]
    fn unknown_settings_are_refused() {
        let given = [("a".to_owned(), String::new()), ("c".to_owned(), String::new())];
        for (known, expect) in [
            (&KNOWN[..], "unknown setting `c`: the settings are `a`, `b`"),
            (&KNOWN[..1], "unknown setting `c`: the only setting is `a`"),
            (&[], "unknown setting `a`: the plugin has no settings"),
        ] {
            assert_eq!(Settings::new(&given, known).err().as_deref(), Some(expect));
        }
    }
}
