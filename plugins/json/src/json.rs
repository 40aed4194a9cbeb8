//! The format: settings in, visits out.

use alloc::string::String;

use tallygate_guest::{Batch, Columns, Format, Reject, Stops, Text, Times, Visit};

use crate::{
    explain,
    fields::Fields,
    found::Found,
    parser::{Collector, Parser},
};

/// The JSON format, set up.
pub struct Json {
    pub(crate) fields: Fields,
    pub(crate) found: Found,
    pub(crate) times: Times,
}

// === impl Json ===

impl Format for Json {
    const NAME: &'static str = "json";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "JSON records: the client's address and the event's time by the names of their fields";
    const WANTS_STOPS: bool = true;

    fn configure(settings: &[(String, String)]) -> Result<Self, String> {
        Ok(Self { fields: Fields::new(settings)?, found: Found::new(), times: Times::default() })
    }

    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        self.read_all(batch, columns);
    }

    fn explain(&mut self, record: &[u8]) -> Result<String, String> {
        explain::explain(self, record)
    }
}

impl Json {
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_all(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        for (start, end) in batch.records() {
            columns.push(self.read_one((batch.text, batch.stops), start, end));
        }
    }

    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_one(&mut self, (text, stops): (Text<'_>, &Stops), start: usize, end: usize) -> Result<Visit, Reject> {
        self.found.clear();
        let mut collector = Collector { text, found: &mut self.found };
        if Parser::parse((text, stops), &self.fields, (start, end), &mut collector).is_err() {
            return Err(Reject::Malformed);
        }
        let (address, _) = self.found.address(text)?;
        let (time, _) = self.found.time(text, &mut self.times);
        Ok(Visit { address, time })
    }
}
