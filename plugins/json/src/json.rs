//! The format: settings in, visits out.

use alloc::string::String;

use tallygate_sdk::{Batch, Columns, Format, Reject, Setting, Strings, Times, Visit};

use crate::{
    explain,
    fields::Fields,
    found::{Found, TOO_LONG},
    lesson::Lesson,
    parser::{Collector, DEPTH, Frame, Input, Parser, Stack},
    settings::{self, Settings},
    shapes::Shapes,
};

/// The JSON format, set up.
pub struct Json {
    pub(crate) fields: Fields,
    pub(crate) strings: Strings,
    pub(crate) found: Found,
    pub(crate) times: Times,
    pub(crate) stack: Stack,
    shapes: Shapes,
    /// How much following shapes has gained so far; below zero it is left alone for a while.
    credit: i32,
    /// How many records more are read without it, and how many the next time.
    rest: u32,
    next_rest: u32,
}

/// What a record that had to be read twice costs, in records that were read the fast way.
const MISS: i32 = 4;
/// The credit at the start, and the most that can be saved up.
const CREDIT: i32 = 256;
/// How many records are read without following shapes once that has not paid off, and how many at most when it
/// does not again.
const REST: u32 = 2048;
const LONGEST_REST: u32 = 64 * REST;

// === impl Json ===

impl Format for Json {
    const NAME: &'static str = "json";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "JSON records: the client's address and the event's time by the names of their fields";

    const SETTINGS: &'static [Setting] = settings::ALL;

    fn configure(settings: &[(String, String)]) -> Result<Self, String> {
        let Settings { fields, strings, trusted } = Settings::read(settings)?;
        let rules = fields.rules();
        Ok(Self {
            fields,
            strings,
            found: Found::new(rules, trusted),
            times: Times::default(),
            stack: [Frame::default(); DEPTH],
            shapes: Shapes::new(rules),
            credit: CREDIT,
            rest: 0,
            next_rest: REST,
        })
    }

    fn strings(&self) -> Option<Strings> {
        Some(self.strings)
    }

    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        self.read_all(batch, columns);
    }

    fn explain(&mut self, record: &[u8], _: i64) -> Result<String, String> {
        explain::explain(self, record)
    }
}

impl Json {
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_all(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        for (start, end) in batch.records() {
            self.read_one(&Input { text: batch.text, stops: batch.stops, start, end }, columns);
        }
    }

    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_one(&mut self, input: &Input<'_>, columns: &mut Columns) {
        let text = input.text;
        if input.end - input.start >= TOO_LONG {
            return columns.push(Err(Reject::too_long("longer than 512 MiB")));
        }
        self.found.clear();
        if self.rest == 0 && self.shapes.follow(input, &mut self.found) {
            self.shapes.settle();
            self.gain();
        } else if !self.parse(input) {
            return columns.push(Err(Reject::malformed("not JSON")));
        }
        // Straight into the columns: nearly all records end here.
        if let Some(quad) = self.found.quad(text) {
            return columns.push_quad(quad, self.found.time(text, &mut self.times));
        }
        let address = self.found.address(input);
        columns.push(address.map(|address| Visit::new(address, self.found.time(text, &mut self.times))));
    }

    #[inline]
    fn gain(&mut self) {
        if self.credit < CREDIT {
            self.credit += 1;
        } else {
            self.next_rest = REST;
        }
    }

    /// Reads a record with the full parser; whether it is JSON.
    #[cold]
    #[inline(never)]
    fn parse(&mut self, input: &Input<'_>) -> bool {
        self.found.clear();
        let mut collector = Collector { text: input.text, found: &mut self.found };
        if Parser::parse(input, (&self.fields, &mut self.stack), &mut collector).is_err() {
            return false;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return true;
        }
        self.credit -= MISS;
        if self.credit < 0 {
            // Either the records have nothing in common, or the shapes are those of other records.
            self.credit = CREDIT;
            self.rest = self.next_rest;
            self.next_rest = LONGEST_REST.min(2 * self.next_rest);
            if self.shapes.is_full() {
                self.shapes.clear();
            }
            return true;
        }
        let mut lesson = Lesson::new(input, &mut self.shapes);
        if Parser::parse(input, (&self.fields, &mut self.stack), &mut lesson).is_ok() {
            lesson.finish(input.end);
        }
        true
    }
}

#[cfg(test)]
mod tests;
