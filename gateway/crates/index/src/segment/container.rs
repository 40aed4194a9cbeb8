//! The addresses of one /16, by their lower halves: whichever of four forms is smallest.

mod array;
mod bitmap;
mod elias_fano;
mod runs;

pub(super) use self::bitmap::Bitmap;

use self::array::Array;
use self::bitmap::Dense;
use self::elias_fano::EliasFano;
use self::runs::Runs;
use super::bytes::Bytes;

/// Which form a container has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Array,
    EliasFano,
    Runs,
    Bitmap,
}

/// A sorted set of 1 to 65,536 suffixes.
#[derive(Clone, Copy)]
pub(super) enum Container<'a> {
    Array(Array<'a>),
    EliasFano(EliasFano<'a>),
    Runs(Runs<'a>),
    Bitmap(Dense<'a>),
}

const LENGTH: usize = 2;

// === impl Kind ===

impl Kind {
    /// All, each at the place of its number.
    const ALL: [Self; 4] = [Self::Array, Self::EliasFano, Self::Runs, Self::Bitmap];

    /// The kind that takes the fewest bytes, together with the length that stands before all but an array.
    pub(super) fn of(suffixes: &[u16]) -> Self {
        let runs = 1 + suffixes.windows(2).filter(|pair| pair[1].wrapping_sub(pair[0]) != 1).count();
        let sizes = [
            (Array::size_of(suffixes.len()).saturating_sub(LENGTH), Self::Array),
            (Runs::size_of(runs), Self::Runs),
            (Dense::SIZE, Self::Bitmap),
            (EliasFano::size_of(suffixes.len()), Self::EliasFano),
        ];
        sizes.into_iter().min_by_key(|(size, _)| *size).map_or(Self::Bitmap, |(_, kind)| kind)
    }

    /// Its number where the index has the kind of its keys.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Array => 0,
            Self::EliasFano => 1,
            Self::Runs => 2,
            Self::Bitmap => 3,
        }
    }

    /// The kind of a number, of which only two bits count.
    #[inline]
    pub(super) fn of_code(code: u8) -> Self {
        Self::ALL[usize::from(code % 4)]
    }
}

// === impl Container ===

impl<'a> Container<'a> {
    /// The one that begins at a byte and has `len` suffixes.
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize, kind: Kind) -> Self {
        match kind {
            Kind::Array => Self::Array(Array::new(data, at, len)),
            Kind::EliasFano => Self::EliasFano(EliasFano::new(data, at, len)),
            Kind::Runs => Self::Runs(Runs::new(data, at, len)),
            Kind::Bitmap => Self::Bitmap(Dense::new(data, at)),
        }
    }

    /// Bytes that it takes.
    #[inline]
    pub(super) fn size(self) -> usize {
        match self {
            Self::Array(array) => array.size(),
            Self::EliasFano(list) => list.size(),
            Self::Runs(runs) => runs.size(),
            Self::Bitmap(_) => Dense::SIZE,
        }
    }

    /// How many suffixes stand before this one, if it is there.
    #[inline]
    pub(super) fn rank(self, suffix: u16) -> Option<usize> {
        match self {
            Self::Array(array) => array.rank(suffix),
            Self::EliasFano(list) => list.rank(suffix),
            Self::Runs(runs) => runs.rank(suffix),
            Self::Bitmap(bitmap) => bitmap.rank(suffix),
        }
    }

    /// Calls `each` with every suffix, at most 65,536 times, ascending if the bytes are sound.
    #[inline]
    pub(super) fn for_each(self, each: impl FnMut(u16)) {
        match self {
            Self::Array(array) => array.for_each(each),
            Self::EliasFano(list) => list.for_each(each),
            Self::Runs(runs) => runs.for_each(each),
            Self::Bitmap(bitmap) => bitmap.for_each(each),
        }
    }

    /// Adds its suffixes to a bitmap.
    pub(super) fn union_into(self, target: &mut Bitmap) {
        match self {
            Self::Bitmap(bitmap) => bitmap.union_into(target),
            Self::Runs(runs) => runs.union_into(target),
            _ => self.for_each(|suffix| target.insert(suffix)),
        }
    }

    /// Appends sorted suffixes, at least one.
    pub(super) fn encode(out: &mut Vec<u8>, suffixes: &[u16], kind: Kind) {
        match kind {
            Kind::Array => Array::encode(out, suffixes),
            Kind::EliasFano => EliasFano::encode(out, suffixes),
            Kind::Runs => Runs::encode(out, suffixes),
            Kind::Bitmap => Dense::encode(out, suffixes),
        }
    }
}

#[cfg(test)]
mod tests;
