use crate::segment::bytes::Bytes;
use crate::segment::ranked::Ranked;

/// One bit for each of the 65,536 suffixes, with counts: 8,446 bytes.
#[derive(Clone, Copy)]
pub(in crate::segment) struct Dense<'a> {
    data: Bytes<'a>,
    bits: Ranked<'a>,
}

/// The same in memory, where sets are put together.
pub(in crate::segment) struct Bitmap {
    words: Box<[u64; WORDS]>,
}

const SUFFIXES: usize = 1 << 16;
const WORDS: usize = SUFFIXES / 64;

// === impl Dense ===

impl<'a> Dense<'a> {
    pub(super) const SIZE: usize = 8_192 + 2 * 127;

    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize) -> Self {
        Self { data, bits: Ranked::new(data, at, SUFFIXES) }
    }

    #[inline]
    pub(super) fn rank(self, suffix: u16) -> Option<usize> {
        let suffix = usize::from(suffix);
        self.bits.get(suffix).then(|| self.bits.rank(suffix))
    }

    #[inline]
    pub(super) fn for_each(self, mut each: impl FnMut(u16)) {
        for (index, word) in self.words().enumerate() {
            for_each_bit(index, word, &mut each);
        }
    }

    pub(super) fn union_into(self, target: &mut Bitmap) {
        for (target, word) in target.words.iter_mut().zip(self.words()) {
            *target |= word;
        }
    }

    pub(super) fn encode(out: &mut Vec<u8>, suffixes: &[u16]) {
        let mut bitmap = Bitmap::new();
        suffixes.iter().for_each(|suffix| bitmap.insert(*suffix));
        Ranked::encode(out, &*bitmap.words, SUFFIXES);
    }

    #[inline]
    fn words(self) -> impl Iterator<Item = u64> {
        let (words, _) = self.data.slice(self.bits.bits_at(), SUFFIXES / 8).as_chunks();
        words.iter().map(|word| u64::from_le_bytes(*word))
    }
}

// === impl Bitmap ===

impl Bitmap {
    pub(in crate::segment) fn new() -> Self {
        Self { words: Box::new([0; WORDS]) }
    }

    #[inline]
    pub(in crate::segment) fn insert(&mut self, suffix: u16) {
        self.words[usize::from(suffix / 64)] |= 1 << (suffix % 64);
    }

    /// Adds the suffixes from `first` to `last`, which is not less.
    pub(in crate::segment) fn insert_run(&mut self, first: u16, last: u16) {
        let (from, to) = (usize::from(first / 64), usize::from(last / 64));
        let (low, high) = (u64::MAX << (first % 64), u64::MAX >> (63 - last % 64));
        if from == to {
            self.words[from] |= low & high;
            return;
        }
        self.words[from] |= low;
        self.words[from + 1..to].fill(u64::MAX);
        self.words[to] |= high;
    }

    pub(in crate::segment) fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    pub(in crate::segment) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Calls `each` with every suffix, ascending, and removes it.
    #[inline]
    pub(in crate::segment) fn drain(&mut self, mut each: impl FnMut(u16)) {
        for (index, word) in self.words.iter_mut().enumerate() {
            for_each_bit(index, std::mem::take(word), &mut each);
        }
    }
}

#[inline]
fn for_each_bit(index: usize, mut word: u64, mut each: impl FnMut(u16)) {
    while word != 0 {
        each((index * 64) as u16 + word.trailing_zeros() as u16);
        word &= word - 1;
    }
}
