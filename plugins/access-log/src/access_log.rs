//! The format: settings in, visits out.

use alloc::string::String;

use tallygate_sdk::{
    Batch, Columns, Format, Message, NO_TIME, Setting, Text, Times, Trusted, UNREAD_TIME, Visit, with_slack,
};

use crate::{
    front,
    line::{Line, Refusal},
};

/// The Common and Combined Log Formats, set up.
#[derive(Default)]
pub struct AccessLog {
    times: Times,
    trusted: Trusted,
}

const TRUSTED: Setting = Setting {
    name: "trusted",
    meaning: "addresses and networks of one's own proxies, separated by commas; the client is the hop nearest to the \
              server that is none of them",
    default: "",
};

// === impl AccessLog ===

impl Format for AccessLog {
    const NAME: &'static str = "access-log";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "access logs of Apache and nginx: the Common and the Combined Log Format";

    const SETTINGS: &'static [Setting] = &[TRUSTED];

    fn configure(settings: &[(String, String)]) -> Result<Self, String> {
        let mut trusted = Trusted::default();
        for (name, value) in settings {
            if name != TRUSTED.name {
                let message = Message::new("unknown setting ").name(name.as_bytes());
                return Err(message.text(": the only setting is `trusted`").finish());
            }
            trusted = Trusted::read(value)?;
        }
        Ok(Self { times: Times::default(), trusted })
    }

    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        self.read_all(batch, columns);
    }

    fn explain(&mut self, record: &[u8], _: i64) -> Result<String, String> {
        let copy = with_slack(record);
        let Some(text) = Text::new(&copy) else { return Err(String::new()) };
        match Line::read(text, (0, record.len()), &mut self.times, &self.trusted) {
            Ok(line) => {
                let client = match line.address {
                    Some(address) => Message::new("client ").address(address),
                    None => Message::new("no client: its field is `-`"),
                };
                Ok(match line.time {
                    NO_TIME => client.text("; no event time: there is none in the brackets"),
                    UNREAD_TIME => client.text("; no event time: the time in brackets cannot be read"),
                    time => client.text("; event time ").time(time),
                }
                .finish())
            }
            Err(Refusal { reject, at }) => {
                let is_line = reject.code() == front::NOT_AN_ADDRESS.code();
                let message = Message::new(if is_line { "" } else { "not a line of an access log: " });
                Err(message
                    .text(reject.words())
                    .text(" at byte ")
                    .number(at as i64)
                    .text(", found ")
                    .excerpt(record, at)
                    .finish())
            }
        }
    }
}

impl AccessLog {
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_all(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        for record in batch.records() {
            let line = Line::read(batch.text, record, &mut self.times, &self.trusted);
            columns.push(match line {
                Ok(line) => Ok(Visit::new(line.address, line.time)),
                Err(refusal) => Err(refusal.reject),
            });
        }
    }
}

#[cfg(test)]
mod tests;
