/// Records where they lie: one stretch of bytes as it came, and the place of each record in it.
///
/// Record `i` is `data[bounds[2 * i]..bounds[2 * i + 1]]`. Invariant: `bounds` has two places for each record; they ascend and
/// lie within `data`, so records do not overlap.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The bytes; what lies between two records belongs to none.
    pub data: &'a [u8],
    /// Where each record begins, and where it ends, exclusive.
    pub bounds: &'a [u32],
    /// When they came in, in Unix nanoseconds: the same again whenever they are judged again.
    pub received: i64,
}

// === impl Records ===

impl<'a> Records<'a> {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len() / 2
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// Record `at`, if there are that many.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&'a [u8]> {
        let [start, end] = *self.bounds.as_chunks().0.get(at)?;
        self.data.get(start as usize..end as usize)
    }
}
