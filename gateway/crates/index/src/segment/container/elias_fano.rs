use crate::segment::bytes::{BitWriter, Bytes, bytes_of};

/// The suffixes' lower bits in fields of equal width, and the number of those that share their upper bits in unary: two
/// bits for each suffix and log2(65,536 / n), within half a bit of the least that a random set can take.
///
/// Peter Elias, "Efficient storage and retrieval by content and address of static files" (1974); Robert Fano, "On the number
/// of bits required to implement an associative memory" (1971); with pointers as in Sebastiano Vigna, "Quasi-succinct
/// indices" (2013).
///
/// A bucket is all that share their upper bits. Its unary code is a one for each of its suffixes, then a zero. So that it is
/// found without counting all zeros before it, there is a 16-bit count, how many suffixes stand before it, for each
/// 256th bucket (the first, always 0, is left out): about one for each 512 bits. First come these counts, then the unary
/// codes, then the fields.
#[derive(Clone, Copy)]
pub(in crate::segment) struct EliasFano<'a> {
    data: Bytes<'a>,
    at: usize,
    len: usize,
    shape: Shape,
}

/// What follows from the number of suffixes alone.
#[derive(Clone, Copy)]
struct Shape {
    /// Width of the lower bits.
    width: u32,
    buckets: usize,
    counts: usize,
    /// Bytes from the beginning to the unary codes, to the fields, and to the end.
    unary: usize,
    fields: usize,
    end: usize,
}

/// Buckets between two counts.
const STRIDE: usize = 256;
const WORD: usize = 64;

// === impl Shape ===

impl Shape {
    #[inline]
    fn new(len: usize) -> Self {
        let width = ((1_u32 << 16) / (len as u32).clamp(1, 1 << 16)).ilog2();
        let buckets = (1 << 16) >> width;
        let counts = (buckets - 1) / STRIDE;
        let unary = 2 * counts;
        let fields = unary + bytes_of(len + buckets);
        Self { width, buckets, counts, unary, fields, end: fields + bytes_of(len * width as usize) }
    }
}

// === impl EliasFano ===

impl<'a> EliasFano<'a> {
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize) -> Self {
        Self { data, at, len, shape: Shape::new(len) }
    }

    pub(super) fn size_of(len: usize) -> usize {
        Shape::new(len).end
    }

    #[inline]
    pub(super) fn size(self) -> usize {
        self.shape.end
    }

    #[inline]
    pub(super) fn rank(self, suffix: u16) -> Option<usize> {
        let width = self.shape.width;
        let bucket = usize::from(suffix) >> width;
        let low = u32::from(suffix) & ((1 << width) - 1);
        self.fetch_fields(bucket);
        let start = self.start_of(bucket)?;
        let mut rank = start.checked_sub(bucket)?;
        let mut field = (self.at + self.shape.fields) * 8 + rank * width as usize;
        let mut ones = self.unary(start).trailing_ones();
        while rank < self.len {
            if ones == 0 {
                // A bucket of more than a word is rare, and so looked at bit by bit.
                if self.unary(rank + bucket) & 1 == 0 {
                    return None;
                }
                ones = 1;
            }
            match self.data.field(field, width) {
                found if found == low => return Some(rank),
                found if found > low => return None,
                _ => (),
            }
            (rank, field, ones) = (rank + 1, field + width as usize, ones - 1);
        }
        None
    }

    #[inline]
    pub(super) fn for_each(self, mut each: impl FnMut(u16)) {
        let width = self.shape.width;
        let mut field = (self.at + self.shape.fields) * 8;
        let mut rank = 0;
        let unary = self.at + self.shape.unary;
        for index in 0..(self.len + self.shape.buckets).div_ceil(WORD) {
            let mut word = self.data.u64(unary + 8 * index);
            while word != 0 && rank < self.len {
                let bucket = index * WORD + word.trailing_zeros() as usize - rank;
                each((bucket << width) as u16 | self.data.field(field, width) as u16);
                word &= word - 1;
                field += width as usize;
                rank += 1;
            }
        }
    }

    pub(super) fn encode(out: &mut Vec<u8>, suffixes: &[u16]) {
        let shape = Shape::new(suffixes.len());
        let start = out.len();
        out.resize(start + shape.fields, 0);
        let (counts, unary) = out[start..].split_at_mut(shape.unary);
        let mut counted = 0;
        for (rank, suffix) in suffixes.iter().enumerate() {
            let bucket = usize::from(*suffix) >> shape.width;
            while counted < bucket / STRIDE {
                counts[2 * counted..2 * counted + 2].copy_from_slice(&(rank as u16).to_le_bytes());
                counted += 1;
            }
            unary[(rank + bucket) / 8] |= 1 << ((rank + bucket) % 8);
        }
        for count in counts[2 * counted..2 * shape.counts].as_chunks_mut().0 {
            *count = (suffixes.len() as u16).to_le_bytes();
        }
        let mut fields = BitWriter::new(out);
        suffixes.iter().for_each(|suffix| fields.put(u32::from(*suffix) & ((1 << shape.width) - 1), shape.width));
        fields.finish();
    }

    /// The bit that a bucket's unary code begins at: behind as many zeros as there are buckets before it.
    #[inline]
    fn start_of(self, bucket: usize) -> Option<usize> {
        let counted = bucket / STRIDE;
        let start = self.before(counted) + counted * STRIDE;
        let mut zeros = (bucket % STRIDE) as u32;
        if zeros == 0 {
            return Some(start);
        }
        let unary = self.at + self.shape.unary;
        let mut index = start / WORD;
        let mut word = !self.data.u64(unary + 8 * index) & (u64::MAX << (start % WORD));
        while zeros > word.count_ones() {
            zeros -= word.count_ones();
            index += 1;
            if index * WORD >= self.len + self.shape.buckets {
                return None;
            }
            word = !self.data.u64(unary + 8 * index);
        }
        Some(index * WORD + select(word, zeros - 1) as usize + 1)
    }

    /// How many suffixes stand before the bucket of a count.
    #[inline]
    fn before(self, counted: usize) -> usize {
        if counted == 0 { 0 } else { usize::from(self.data.u16(self.at + 2 * (counted - 1))) }
    }

    /// Asks for the line that the fields of a bucket should be in, so that it comes while the bucket is searched for.
    #[inline]
    fn fetch_fields(self, bucket: usize) {
        let rank = self.before(bucket / STRIDE) + bucket % STRIDE * self.len / self.shape.buckets;
        self.data.prefetch(self.at + self.shape.fields + rank * self.shape.width as usize / 8);
    }

    /// At least 57 bits of unary codes from a bit on.
    #[inline]
    fn unary(self, bit: usize) -> u64 {
        self.data.u64(self.at + self.shape.unary + bit / 8) >> (bit % 8)
    }
}

/// The place of the set bit before which `rank` others are set, in a word that has more than `rank`.
///
/// Sebastiano Vigna's broadword selection ("Broadword implementation of rank/select queries", 2008) down to the byte.
#[inline]
fn select(word: u64, rank: u32) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut sums = word - (word >> 1 & 0x5555_5555_5555_5555);
    sums = (sums & 0x3333_3333_3333_3333) + (sums >> 2 & 0x3333_3333_3333_3333);
    sums = ((sums + (sums >> 4)) & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(ONES);
    // In each byte of `sums`, the ones up to its end, at most 64; the byte searched for is the first with more than `rank`.
    let reached = (((u64::from(rank) * ONES) | (ONES << 7)) - sums) & (ONES << 7);
    let byte = (reached >> 7).wrapping_mul(ONES) >> 56;
    let shift = 8 * byte as u32;
    let before = if shift == 0 { 0 } else { (sums >> (shift - 8)) as u32 & 0xff };
    let mut bits = word >> shift;
    for _ in before..rank {
        bits &= bits - 1;
    }
    shift + bits.trailing_zeros()
}
