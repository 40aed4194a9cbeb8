//! What a plugin is, and how a call runs through one.

use alloc::{string::String, vec::Vec};

use crate::{Columns, Setting, Stops, Strings, Text, text::SLACK};

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
    /// The plugin's own codes (128..=255) and their names: lower-case words joined by hyphens.
    const REJECTS: &'static [(u8, &'static str)] = &[];
    /// All settings that [`Self::configure`] accepts.
    const SETTINGS: &'static [Setting] = &[];

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

    /// What became of one record that came in at `received`, in words a person can act on.
    ///
    /// # Errors
    /// If the record is rejected: why.
    fn explain(&mut self, record: &[u8], received: i64) -> Result<String, String>;
}

/// Records, and the text in which they lie.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The text.
    pub text: Text<'a>,
    /// Where a JSON string may end in it; empty unless [`Format::strings`] asks for it.
    pub stops: &'a Stops,
    /// When the records came in, in Unix nanoseconds.
    pub received: i64,
    bounds: &'a [[u32; 2]],
}

// === impl Batch ===

impl Batch<'_> {
    /// The records: start and end of each in the text.
    pub fn records(&self) -> impl Iterator<Item = (usize, usize)> {
        let last = self.text.len();
        self.bounds.iter().map(move |[start, end]| {
            // The gateway guarantees the order; clamping keeps a broken promise from becoming a trap.
            let end = (*end as usize).min(last);
            ((*start as usize).min(end), end)
        })
    }
}

/// Runs one `extract` call: record i is `data[bounds[2 * i]..bounds[2 * i + 1]]`.
#[must_use]
pub fn extract<F: Format>(format: &mut F, data: &[u8], bounds: &[u32], received: i64) -> Columns {
    let mut columns = Columns::with_capacity(bounds.len() / 2);
    if let Some(text) = Text::new(&with_slack(data)) {
        run(format, text, (bounds, received), &mut columns);
    }
    columns
}

/// Runs one `extract` call on data that has slack behind it. The columns must be empty.
pub(crate) fn run<F: Format>(format: &mut F, text: Text<'_>, (bounds, received): (&[u32], i64), columns: &mut Columns) {
    let stops = format.strings().map_or_else(Stops::default, |strings| Stops::new(text, strings));
    let (bounds, _) = bounds.as_chunks::<2>();
    format.read(Batch { text, stops: &stops, received, bounds }, columns);
    columns.finish();
}

/// A copy of a record that can be read as a [`Text`].
#[must_use]
pub fn with_slack(record: &[u8]) -> Vec<u8> {
    let mut copy = Vec::with_capacity(record.len() + SLACK);
    copy.extend_from_slice(record);
    copy.resize(record.len() + SLACK, 0);
    copy
}
