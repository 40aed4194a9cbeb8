//! Words as records.

use tallygate_event::Records;

/// When all of them came in.
pub(crate) const RECEIVED: i64 = 1_800_000_000_000_000_000;

pub(crate) struct Batch {
    data: String,
    bounds: Vec<u32>,
}

impl Batch {
    pub(crate) fn new(words: &[&str]) -> Self {
        let (mut bounds, mut data) = (vec![], String::new());
        for word in words {
            bounds.push(data.len() as u32);
            data.push_str(word);
            bounds.push(data.len() as u32);
            data.push('\n');
        }
        Self { data, bounds }
    }

    pub(crate) fn records(&self) -> Records<'_> {
        Records { data: self.data.as_bytes(), bounds: &self.bounds, received: RECEIVED }
    }
}
