/// Records where they lie: one stretch of bytes as it came, and the place of each record in it.
///
/// Record `i` is `data[starts[i]..ends[i]]`. Invariant: `starts` and `ends` are of one length, ascending, within
/// `data`, and records do not overlap.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The bytes; what lies between two records belongs to none.
    pub data: &'a [u8],
    /// Where each record begins.
    pub starts: &'a [u32],
    /// Where each record ends, exclusive.
    pub ends: &'a [u32],
}

// === impl Records ===

impl<'a> Records<'a> {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Record `at`, if there are that many.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&'a [u8]> {
        let (start, end) = (*self.starts.get(at)?, *self.ends.get(at)?);
        self.data.get(start as usize..end as usize)
    }
}
