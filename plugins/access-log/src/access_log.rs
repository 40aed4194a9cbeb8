//! The format: settings in, visits out.

use alloc::string::String;

use tallygate_guest::{
    Batch, Columns, Format, Message, NO_TIME, Reject, Text, Times, Trusted, UNREAD_TIME, Visit, with_slack,
};

use crate::line::{Line, Refusal};

/// The Common and Combined Log Formats, set up.
#[derive(Default)]
pub struct AccessLog {
    times: Times,
    trusted: Trusted,
}

// === impl AccessLog ===

impl Format for AccessLog {
    const NAME: &'static str = "access-log";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "access logs of Apache and nginx: the Common and the Combined Log Format";

    fn configure(settings: &[(String, String)]) -> Result<Self, String> {
        let mut trusted = Trusted::default();
        for (name, value) in settings {
            if name != "trusted" {
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

    fn explain(&mut self, record: &[u8]) -> Result<String, String> {
        let copy = with_slack(record);
        let Some(text) = Text::new(&copy) else { return Err(String::new()) };
        match Line::read(text, (0, record.len()), &mut self.times, &self.trusted) {
            Ok(line) => {
                let client = Message::new("client ").address(line.address);
                Ok(match line.time {
                    NO_TIME => client.text("; no event time: there is none in the brackets"),
                    UNREAD_TIME => client.text("; no event time: the time in brackets cannot be read"),
                    time => client.text("; event time ").number(time).text(" ms since 1970"),
                }
                .finish())
            }
            Err(Refusal { reject, at, what }) => {
                let malformed = reject == Reject::Malformed;
                let message = Message::new(if malformed { "not a line of an access log: " } else { "" });
                Err(message
                    .text(what)
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
                Ok(line) => Ok(Visit { address: line.address, time: line.time }),
                Err(refusal) => Err(refusal.reject),
            });
        }
    }
}

#[cfg(test)]
mod tests;
