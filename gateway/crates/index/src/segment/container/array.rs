use crate::segment::bytes::Bytes;

/// Suffixes one after the other, 16 bits each: smallest for up to seven of them.
#[derive(Clone, Copy)]
pub(in crate::segment) struct Array<'a> {
    data: Bytes<'a>,
    at: usize,
    len: usize,
}

// === impl Array ===

impl<'a> Array<'a> {
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize) -> Self {
        Self { data, at, len }
    }

    pub(super) fn size_of(len: usize) -> usize {
        2 * len
    }

    #[inline]
    pub(super) fn size(self) -> usize {
        Self::size_of(self.len)
    }

    /// Looks at one after the other: there are few.
    #[inline]
    pub(super) fn rank(self, suffix: u16) -> Option<usize> {
        (0..self.len).find(|index| self.get(*index) == suffix)
    }

    #[inline]
    pub(super) fn for_each(self, each: impl FnMut(u16)) {
        (0..self.len).map(|index| self.get(index)).for_each(each);
    }

    pub(super) fn encode(out: &mut Vec<u8>, suffixes: &[u16]) {
        suffixes.iter().for_each(|suffix| out.extend_from_slice(&suffix.to_le_bytes()));
    }

    #[inline]
    fn get(self, index: usize) -> u16 {
        self.data.u16(self.at + 2 * index)
    }
}
