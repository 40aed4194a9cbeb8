//! Words as records.

use tallygate_event::Records;

pub(crate) struct Batch {
    data: String,
    starts: Vec<u32>,
    ends: Vec<u32>,
}

impl Batch {
    pub(crate) fn new(words: &[&str]) -> Self {
        let (mut starts, mut ends, mut data) = (vec![], vec![], String::new());
        for word in words {
            starts.push(data.len() as u32);
            data.push_str(word);
            ends.push(data.len() as u32);
            data.push('\n');
        }
        Self { data, starts, ends }
    }

    pub(crate) fn records(&self) -> Records<'_> {
        Records { data: self.data.as_bytes(), starts: &self.starts, ends: &self.ends }
    }
}
