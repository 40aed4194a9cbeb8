//! What an author writes: a function, or a type with settings and memory, and one line that makes it the plugin.

use alloc::{borrow::ToOwned as _, string::String};

use crate::{Batch, Columns, Message, NO_TIME, Reject, Setting, Settings, UNREAD_TIME, Visit};

/// What is known about a record besides its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Context {
    /// When it came in, in Unix nanoseconds: the only clock that a plugin has. A record that is judged again comes with
    /// the same value.
    pub received: i64,
}

/// A plugin that has settings, or remembers something from one record to the next.
///
/// ```
/// use tallygate_sdk::{Address, Context, Plugin, Reject, Setting, Settings, Visit};
///
/// struct Columns {
///     client: usize,
/// }
///
/// const TOO_FEW: Reject = Reject::own(128, "fewer columns than the setting `client` says");
///
/// impl Plugin for Columns {
///     const SETTINGS: &'static [Setting] = &[Setting {
///         name: "client",
///         meaning: "the number of the client's column, the first one being 1",
///         default: "1",
///     }];
///     const REJECTS: &'static [(u8, &'static str)] = &[(TOO_FEW.code(), "too-few-columns")];
///
///     fn configure(settings: &Settings<'_>) -> Result<Self, String> {
///         let client = settings.parse("client", "the number of a column, such as `1`")?;
///         Ok(Self { client })
///     }
///
///     fn extract(&mut self, record: &[u8], _: &Context) -> Result<Visit, Reject> {
///         let column = record.split(|byte| *byte == b';').nth(self.client - 1).ok_or(TOO_FEW)?;
///         let address = Address::parse(column).ok_or(Reject::not_an_address("the client's column has none"))?;
///         Ok(Visit::of(address))
///     }
/// }
///
/// tallygate_sdk::plugin!(type Columns);
///
/// # let given = [("client".to_owned(), "2".to_owned())];
/// # let mut plugin = Columns::configure(&Settings::new(&given, Columns::SETTINGS).expect("known")).expect("valid");
/// # let visit = plugin.extract(b"x;1.2.3.4", &Context::at(0)).expect("accepted");
/// # assert_eq!(visit.address, Some(Address::V4(0x01020304)));
/// # assert_eq!(plugin.extract(b"x", &Context::at(0)), Err(TOO_FEW));
/// ```
pub trait Plugin: Sized {
    /// All settings. Others are refused before [`Self::configure`] is called.
    const SETTINGS: &'static [Setting] = &[];
    /// The plugin's own codes (128..=255) and their names: lower-case words joined by hyphens.
    const REJECTS: &'static [(u8, &'static str)] = &[];

    /// Sets the plugin up.
    ///
    /// # Errors
    /// If a setting's value is none that it can have. The message names the setting and what it expects.
    fn configure(settings: &Settings<'_>) -> Result<Self, String>;

    /// Reads one record.
    ///
    /// # Errors
    /// If the record is rejected: why.
    fn extract(&mut self, record: &[u8], context: &Context) -> Result<Visit, Reject>;

    /// What became of a record, in words a person can act on. As it stands, these come from [`Self::extract`].
    ///
    /// # Errors
    /// If the record is rejected: why.
    fn explain(&mut self, record: &[u8], context: &Context) -> Result<String, String> {
        let answer = self.extract(record, context);
        words(answer, Self::REJECTS)
    }
}

// === impl Context ===

impl Context {
    /// That of a record which came in at `received`, in Unix nanoseconds: for tests.
    #[must_use]
    pub const fn at(received: i64) -> Self {
        Self { received }
    }
}

/// Reads all records of a call with a plugin.
#[doc(hidden)]
#[inline]
pub fn read<P: Plugin>(plugin: &mut P, batch: Batch<'_>, columns: &mut Columns) {
    let context = Context { received: batch.received };
    for (start, end) in batch.records() {
        columns.push(plugin.extract(batch.text.slice(start, end), &context));
    }
}

/// An answer in words.
fn words(answer: Result<Visit, Reject>, own: &[(u8, &str)]) -> Result<String, String> {
    match answer {
        Ok(visit) => {
            let message = match visit.address {
                Some(address) => Message::new("client ").address(address),
                None if !visit.words().is_empty() => return Ok(visit.words().to_owned()),
                None => Message::new("no client"),
            };
            Ok(match visit.time {
                NO_TIME => message.text("; no event time"),
                UNREAD_TIME => message.text("; its event time cannot be read"),
                time => message.text("; event time ").time(time),
            }
            .finish())
        }
        Err(reject) if !reject.words().is_empty() => Err(reject.words().to_owned()),
        Err(reject) => {
            let own = own.iter().find(|(code, _)| *code == reject.code());
            Err(own.map_or_else(|| reject.name(), |(_, name)| name).to_owned())
        }
    }
}

/// Makes a function, or a type that implements [`Plugin`], the plugin. Its name, version and description are those of the
/// package.
///
/// ```
/// use tallygate_sdk::{Address, Reject, Visit};
///
/// fn extract(record: &[u8]) -> Result<Visit, Reject> {
///     let address = Address::parse(record).ok_or(Reject::not_an_address("the line is no address"))?;
///     Ok(Visit::of(address))
/// }
///
/// tallygate_sdk::plugin!(extract);
/// # assert!(extract(b"1.2.3.4").is_ok());
/// ```
///
/// A type is named with `type` before it: `tallygate_sdk::plugin!(type Mine);`. It is a macro because the exports of a
/// component are functions and statics of the crate that becomes it.
#[macro_export]
macro_rules! plugin {
    (type $plugin:ty) => {
        // Outside of the sandbox, where nothing is exported, the plugin counts as used all the same.
        const _: fn(&$crate::Settings<'_>) -> Result<$plugin, $crate::reexport::String> =
            <$plugin as $crate::Plugin>::configure;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Answer = Result<$crate::reexport::String, $crate::reexport::String>;

            struct Exported($plugin);

            impl $crate::Format for Exported {
                const NAME: &'static str = env!("CARGO_PKG_NAME");
                const VERSION: &'static str = env!("CARGO_PKG_VERSION");
                const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
                const SETTINGS: &'static [$crate::Setting] = <$plugin as $crate::Plugin>::SETTINGS;
                const REJECTS: &'static [(u8, &'static str)] = <$plugin as $crate::Plugin>::REJECTS;

                fn configure(
                    settings: &[($crate::reexport::String, $crate::reexport::String)],
                ) -> Result<Self, $crate::reexport::String> {
                    let settings = $crate::Settings::new(settings, Self::SETTINGS)?;
                    <$plugin as $crate::Plugin>::configure(&settings).map(Self)
                }

                fn read(&mut self, batch: $crate::Batch<'_>, columns: &mut $crate::Columns) {
                    $crate::read(&mut self.0, batch, columns);
                }

                fn explain(&mut self, record: &[u8], received: i64) -> Answer {
                    $crate::Plugin::explain(&mut self.0, record, &$crate::Context::at(received))
                }
            }

            $crate::export!(Exported);
        };
    };
    ($extract:path) => {
        const _: () = {
            const EXTRACT: fn(&[u8]) -> Result<$crate::Visit, $crate::Reject> = $extract;

            struct Function;

            impl $crate::Plugin for Function {
                fn configure(_: &$crate::Settings<'_>) -> Result<Self, $crate::reexport::String> {
                    Ok(Self)
                }

                fn extract(&mut self, record: &[u8], _: &$crate::Context) -> Result<$crate::Visit, $crate::Reject> {
                    EXTRACT(record)
                }
            }

    $crate::plugin!(type Function);
        };
    };
}

#[cfg(test)]
mod tests {
    use std::{string::ToString as _, vec::Vec};

    use super::*;
    use crate::{Address, Format as _};

    #[test]
    fn derived_words() {
        let visit = Visit::of(Address::V4(0x01_02_03_04));
        for (answer, expect) in [
            (Ok(visit), Ok("client 1.2.3.4; no event time")),
            (Ok(visit.at(Some(951_782_400_000_000_000))), Ok("client 1.2.3.4; event time 2000-02-29T00:00:00Z")),
            (Ok(Visit::of_nobody("").at(None)), Ok("no client; its event time cannot be read")),
            (Ok(Visit::of_nobody("it is a restart").at(None)), Ok("it is a restart")),
            (Err(Reject::malformed("no second word")), Err("no second word")),
            (Err(Reject::field_missing("")), Err("field-missing")),
            (Err(Reject::own(200, "the moon is full")), Err("the moon is full")),
            (Err(Reject::own(200, "")), Err("superstition")),
            (Err(Reject::own(201, "")), Err("other")),
        ] {
            let words = words(answer, &[(200, "superstition")]);
            assert_eq!(words.as_deref().map_err(String::as_str), expect);
        }
    }

    struct Counts(usize);

    impl Plugin for Counts {
        const SETTINGS: &'static [Setting] = &[Setting { name: "from", meaning: "where to begin", default: "5" }];

        fn configure(settings: &Settings<'_>) -> Result<Self, String> {
            settings.parse("from", "a number").map(Self)
        }

        fn extract(&mut self, _: &[u8], context: &Context) -> Result<Visit, Reject> {
            self.0 += 1;
            Ok(Visit::of(Address::V6(self.0 as u128)).at(Some(context.received)))
        }
    }

    /// As the macro makes it, without the exports.
    struct Exported(Counts);

    impl crate::Format for Exported {
        const NAME: &'static str = "counts";
        const VERSION: &'static str = "1";
        const ABOUT: &'static str = "";

        fn configure(settings: &[(String, String)]) -> Result<Self, String> {
            Counts::configure(&Settings::new(settings, Counts::SETTINGS)?).map(Self)
        }

        fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
            read(&mut self.0, batch, columns);
        }

        fn explain(&mut self, record: &[u8], received: i64) -> Result<String, String> {
            self.0.explain(record, &Context::at(received))
        }
    }

    #[test]
    fn a_plugin_remembers_and_knows_when_records_came() {
        let mut plugin = Exported::configure(&[]).expect("the defaults are valid");
        let columns = crate::extract(&mut plugin, b"abc", &[0, 1, 1, 2, 2, 3], 77);
        assert_eq!(columns.status, [1, 1, 1]);
        assert_eq!(columns.v6, [0, 6, 0, 7, 0, 8]);
        assert_eq!(columns.times, [77, 77, 77]);
        let given: Vec<_> = [("form".to_string(), "1".to_string())].into();
        let refused = Exported::configure(&given).err();
        assert_eq!(refused.as_deref(), Some("unknown setting `form`: the only setting is `from`"));
    }
}
