//! The format: settings in, visits out.

use alloc::{format, string::String};

use tallygate_guest::{Batch, Columns, Format, NO_TIME, Reject, Text, Times, Visit, excerpt, with_slack};

use crate::line::Line;

/// The Common and Combined Log Formats, set up.
#[derive(Default)]
pub struct AccessLog {
    times: Times,
}

// === impl AccessLog ===

impl Format for AccessLog {
    const NAME: &'static str = "access-log";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "access logs of Apache and nginx: the Common and the Combined Log Format";
    const WANTS_STOPS: bool = false;

    fn configure(settings: &[(String, String)]) -> Result<Self, String> {
        match settings.first() {
            Some((name, _)) => Err(format!("unknown setting `{name}`: this plugin has no settings")),
            None => Ok(Self::default()),
        }
    }

    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        self.read_all(batch, columns);
    }

    fn explain(&mut self, record: &[u8]) -> Result<String, String> {
        let copy = with_slack(record);
        let Some(text) = Text::new(&copy) else { return Err(String::new()) };
        let refusal = match Line::read(text, (0, record.len()), &mut self.times) {
            Ok(line) if line.time == NO_TIME => {
                return Ok(format!("client {}; no event time: the time in brackets cannot be read", line.address));
            }
            Ok(line) => return Ok(format!("client {}; event time {} ms since 1970", line.address, line.time)),
            Err(refusal) => refusal,
        };
        let found = excerpt(record, refusal.at);
        Err(match refusal.reject {
            Reject::Malformed => {
                format!("not a line of an access log: {} at byte {}, found {found}", refusal.what, refusal.at)
            }
            _ => format!("{} at byte {}, found {found}", refusal.what, refusal.at),
        })
    }
}

impl AccessLog {
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_all(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        for record in batch.records() {
            let line = Line::read(batch.text, record, &mut self.times);
            columns.push(match line {
                Ok(line) => Ok(Visit { address: line.address, time: line.time }),
                Err(refusal) => Err(refusal.reject),
            });
        }
    }
}

#[cfg(test)]
mod tests;
