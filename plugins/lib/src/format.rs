//! What a plugin is, and how a call runs through one.

use alloc::{string::String, vec::Vec};

use crate::{Columns, Stops, Strings, Text, text::SLACK};

/// A record format, set up.
///
/// A trait because each plugin is one and the way into the sandbox is the same for all.
pub trait Format: Sized {
    /// The name under which the gateway serves it.
    const NAME: &'static str;
    /// The version of the plugin.
    const VERSION: &'static str;
    /// One sentence for people.
    const ABOUT: &'static str;
    /// Sets the format up. The error names the setting and what it expects.
    ///
    /// # Errors
    /// If a setting is unknown or its value malformed.
    fn configure(settings: &[(String, String)]) -> Result<Self, String>;

    /// For which strings [`Batch::stops`] is wanted, if at all.
    fn strings(&self) -> Option<Strings> {
        None
    }

    /// Reads all records of a batch, in order.
    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns);

    /// What became of one record, in words a person can act on.
    ///
    /// # Errors
    /// If the record is rejected: why.
    fn explain(&mut self, record: &[u8]) -> Result<String, String>;
}

/// Records, and the text in which they lie.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The text.
    pub text: Text<'a>,
    /// Where a JSON string may end in it; empty unless [`Format::strings`] asks for it.
    pub stops: &'a Stops,
    starts: &'a [u32],
    ends: &'a [u32],
    /// Where the text lies in what `starts` and `ends` count in.
    origin: usize,
}

// === impl Batch ===

impl Batch<'_> {
    /// The records: start and end of each in the text.
    pub fn records(&self) -> impl Iterator<Item = (usize, usize)> {
        let last = self.text.len();
        self.starts.iter().zip(self.ends).map(move |(start, end)| {
            // The gateway guarantees the order; clamping keeps a broken promise from becoming a trap.
            let end = (*end as usize).saturating_sub(self.origin).min(last);
            ((*start as usize).saturating_sub(self.origin).min(end), end)
        })
    }
}

/// Runs one `extract` call: record i is `data[starts[i]..ends[i]]`.
#[must_use]
pub fn extract<F: Format>(format: &mut F, data: &[u8], starts: &[u32], ends: &[u32]) -> Columns {
    let mut columns = Columns::with_capacity(starts.len());
    let (wide, _) = data.len().overflowing_sub(SLACK);
    // The records close to the end of the data have no slack behind them and are read from a copy that has.
    let roomy = if data.len() < SLACK { 0 } else { ends.partition_point(|end| *end as usize <= wide) };
    let (near_starts, tail_starts) = starts.split_at(roomy.min(starts.len()));
    let (near_ends, tail_ends) = ends.split_at(roomy);
    if let (Some(last), false) = (near_ends.last(), near_starts.is_empty()) {
        let data = data.get(..*last as usize + SLACK).unwrap_or(data);
        run(format, data, (near_starts, near_ends), 0, &mut columns);
    }
    if let Some(first) = tail_starts.first() {
        let origin = *first as usize;
        let copy = with_slack(data.get(origin..).unwrap_or_default());
        run(format, &copy, (tail_starts, tail_ends), origin, &mut columns);
    }
    columns.finish()
}

fn run<F: Format>(format: &mut F, data: &[u8], records: (&[u32], &[u32]), origin: usize, columns: &mut Columns) {
    let Some(text) = Text::new(data) else { return };
    let stops = format.strings().map_or_else(Stops::default, |strings| Stops::new(text, strings));
    let (starts, ends) = records;
    format.read(Batch { text, stops: &stops, starts, ends, origin }, columns);
}

/// A copy of a record that can be read as a [`Text`].
#[must_use]
pub fn with_slack(record: &[u8]) -> Vec<u8> {
    let mut copy = Vec::with_capacity(record.len() + SLACK);
    copy.extend_from_slice(record);
    copy.resize(record.len() + SLACK, 0);
    copy
}
