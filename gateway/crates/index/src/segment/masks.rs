//! Which hours or days each address of a block visited, by the address's rank.

use super::bytes::{BitWriter, Bytes, bytes_of};
use super::ranked::Ranked;

/// The masks of one block.
///
/// Either one mask that all share, or `levels` (0 to 3) that part off the addresses with few bits: level k has a bit for each
/// address that has at least k bits in its mask, set if it has more. Those with exactly k have k symbols of 5 bits, the
/// places of their bits. Whoever has more bits than there are levels has its mask in full, 24 or 31 bits. How many have more
/// bits takes 8 bits for each level if there are less than 256 addresses, 16 otherwise.
///
/// ```text
/// [ones of level 1]...[level 1: bits with counts][symbols of 5 bits][level 2][symbols of 10 bits]...[masks in full]
/// ```
#[derive(Clone, Copy)]
pub(super) struct Masks<'a> {
    data: Bytes<'a>,
    at: usize,
    len: usize,
    /// How many bits a mask has: 24 or 31.
    bits: u32,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Nobody's mask differs: it stands there in 32 bits.
    Same,
    /// All have one bit, the same one: its place in 8 bits.
    SameBit,
    Levels(u32),
}

/// Where a level lies.
#[derive(Clone, Copy)]
struct Level<'a> {
    more: Ranked<'a>,
    /// How many of its addresses have more bits.
    ones: usize,
    /// The bit that its symbols begin at.
    symbols: usize,
    /// The byte after it.
    end: usize,
}

const MAX_LEVELS: u32 = 3;
/// Into how many parts the bytes of masks go, one of which a further level has to save: it costs each lookup that gets there
/// two cache misses.
const WORTH: usize = 8;
const SYMBOL: u32 = 5;

// === impl Form ===

impl Form {
    /// Its number, of three bits.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Levels(levels) => levels,
            Self::Same => MAX_LEVELS + 1,
            Self::SameBit => MAX_LEVELS + 2,
        }
    }

    #[inline]
    pub(super) fn of_code(code: u32) -> Self {
        match code {
            0..=MAX_LEVELS => Self::Levels(code),
            4 => Self::Same,
            _ => Self::SameBit,
        }
    }

    /// The one in which these masks take the fewest bytes, as far as that is worth it.
    fn of(masks: &[u32], bits: u32) -> Self {
        if masks.iter().all(|mask| Some(mask) == masks.first()) {
            return if masks.first().is_some_and(|mask| mask.is_power_of_two()) { Self::SameBit } else { Self::Same };
        }
        let head = ones_size(masks.len());
        let mut with = [0_usize; 33];
        masks.iter().for_each(|mask| with[mask.count_ones() as usize] += 1);
        let (mut left, mut parted) = (masks.len(), 0);
        let (mut best, mut least) = (0, bytes_of(left * bits as usize));
        for level in 1..=MAX_LEVELS {
            let ones = left - with[level as usize];
            if ones > usize::from(u16::MAX) {
                break;
            }
            parted += head + Ranked::size(left) + bytes_of((left - ones) * (SYMBOL * level) as usize);
            left = ones;
            let size = parted + bytes_of(left * bits as usize);
            if size < least - least / WORTH {
                (best, least) = (level, size);
            }
        }
        Self::Levels(best)
    }
}

// === impl Masks ===

impl<'a> Masks<'a> {
    /// Those that begin at a byte and belong to `len` addresses.
    #[inline]
    pub(super) fn new(data: Bytes<'a>, at: usize, len: usize, bits: u32, form: Form) -> Self {
        Self { data, at, len, bits, form }
    }

    /// The mask of the address with this rank.
    #[inline]
    pub(super) fn get(self, rank: usize) -> u32 {
        let levels = match self.form {
            Form::Levels(levels) => levels,
            Form::Same | Form::SameBit => return self.same(),
        };
        let (mut at, mut len, mut index) = (self.at + ones_size(self.len) * levels as usize, self.len, rank);
        for number in 1..=levels {
            let level = self.level(number, at, len);
            level.fetch(self, index, len, number);
            let before = level.more.rank(index);
            if !level.more.get(index) {
                let width = SYMBOL * number;
                let symbols = level.symbols + index.saturating_sub(before) * width as usize;
                return mask_of(self.data.field(symbols, width), number);
            }
            (at, len, index) = (level.end, level.ones, before);
        }
        self.data.field(at * 8 + index * self.bits as usize, self.bits)
    }

    /// Appends all masks, ordered by rank.
    pub(super) fn read(self, masks: &mut Vec<u32>) {
        match self.form {
            Form::Same | Form::SameBit => masks.resize(masks.len() + self.len, self.same()),
            Form::Levels(0) => {
                let bits = self.bits as usize;
                masks.extend((0..self.len).map(|rank| self.data.field(self.at * 8 + rank * bits, self.bits)));
            }
            Form::Levels(levels) => self.read_levels(levels, masks),
        }
    }

    fn read_levels(self, levels: u32, masks: &mut Vec<u32>) {
        let mut cursors = [(0, 0); MAX_LEVELS as usize];
        let (mut at, mut len) = (self.at + ones_size(self.len) * levels as usize, self.len);
        for (number, cursor) in (1..=levels).zip(&mut cursors) {
            let level = self.level(number, at, len);
            *cursor = (level.more.bits_at() * 8, level.symbols);
            (at, len) = (level.end, level.ones);
        }
        let cursors = cursors.get_mut(..levels as usize).unwrap_or_default();
        let mut full = at * 8;
        'addresses: for _ in 0..self.len {
            for (number, (bit, symbols)) in (1..).zip(cursors.iter_mut()) {
                let more = self.data.field(*bit, 1) == 1;
                *bit += 1;
                if !more {
                    let width = SYMBOL * number;
                    masks.push(mask_of(self.data.field(*symbols, width), number));
                    *symbols += width as usize;
                    continue 'addresses;
                }
            }
            masks.push(self.data.field(full, self.bits));
            full += self.bits as usize;
        }
    }

    /// Appends masks in the form that suits them best. None of them is zero or has more bits than `bits`.
    pub(super) fn encode(out: &mut Vec<u8>, masks: &[u32], bits: u32) -> Form {
        let form = Form::of(masks, bits);
        let first = masks.first().copied().unwrap_or_default();
        let levels = match form {
            Form::Levels(levels) => levels,
            Form::Same => return same_form(out, &first.to_le_bytes(), form),
            Form::SameBit => return same_form(out, &[first.trailing_zeros() as u8], form),
        };
        let (head, size) = (out.len(), ones_size(masks.len()));
        out.resize(head + size * levels as usize, 0);
        let (mut left, mut here, mut more) = (masks.to_vec(), Vec::new(), Vec::new());
        for number in 1..=levels {
            let len = left.len();
            part(&mut left, &mut here, &mut more, number);
            Ranked::encode(out, &more, len);
            let mut symbols = BitWriter::new(out);
            here.iter().for_each(|mask| symbols.put(symbols_of(*mask, number), SYMBOL * number));
            symbols.finish();
            let ones = head + size * (number as usize - 1);
            out[ones..ones + size].copy_from_slice(&(left.len() as u16).to_le_bytes()[..size]);
        }
        let mut full = BitWriter::new(out);
        left.iter().for_each(|mask| full.put(*mask, bits));
        full.finish();
        form
    }

    /// What all have.
    fn same(self) -> u32 {
        let mask = self.data.u32(self.at);
        if self.form == Form::Same { mask } else { 1 << (mask & 31) }
    }

    /// The level that begins at a byte and tells of `len` addresses.
    #[inline]
    fn level(self, number: u32, at: usize, len: usize) -> Level<'a> {
        let size = ones_size(self.len);
        let ones = self.data.u16(self.at + size * (number as usize - 1));
        let ones = usize::from(if size == 1 { ones & 0xff } else { ones }).min(len);
        let symbols = at + Ranked::size(len);
        let end = symbols + bytes_of((len - ones) * (SYMBOL * number) as usize);
        Level { more: Ranked::new(self.data, at, len), ones, symbols: symbols * 8, end }
    }
}

// === impl Level ===

impl Level<'_> {
    /// Asks for the lines that symbol and full mask of an address should be in, so that they come while its rank is counted.
    #[inline]
    fn fetch(self, masks: Masks<'_>, index: usize, len: usize, number: u32) {
        let more = index * self.ones / len.max(1);
        let symbols = (index - more) * (SYMBOL * number) as usize;
        masks.data.prefetch((self.symbols + symbols) / 8);
        masks.data.prefetch(self.end + more * masks.bits as usize / 8);
    }
}

/// Bytes that a level's number of ones takes.
#[inline]
fn ones_size(addresses: usize) -> usize {
    if addresses < 256 { 1 } else { 2 }
}

fn same_form(out: &mut Vec<u8>, mask: &[u8], form: Form) -> Form {
    out.extend_from_slice(mask);
    form
}

/// Leaves those masks in `left` that have more than `number` bits, moves the others to `here`, and sets their bits in `more`
/// accordingly. Without a branch, as nobody could foresee it.
fn part(left: &mut Vec<u32>, here: &mut Vec<u32>, more: &mut Vec<u64>, number: u32) {
    here.clear();
    here.resize(left.len(), 0);
    more.clear();
    more.resize(left.len().div_ceil(64), 0);
    let (mut kept, mut moved) = (0, 0);
    for index in 0..left.len() {
        let mask = left[index];
        let has_more = mask.count_ones() > number;
        (left[kept], here[moved]) = (mask, mask);
        kept += usize::from(has_more);
        moved += usize::from(!has_more);
        more[index / 64] |= u64::from(has_more) << (index % 64);
    }
    left.truncate(kept);
    here.truncate(moved);
}

/// The places of the set bits, of which there are `count`, the lowest one in the lowest five bits.
#[inline]
fn symbols_of(mut mask: u32, count: u32) -> u32 {
    let mut symbols = 0;
    for at in 0..count {
        symbols |= (mask.trailing_zeros() & 31) << (SYMBOL * at);
        mask &= mask.wrapping_sub(1);
    }
    symbols
}

#[inline]
fn mask_of(symbols: u32, count: u32) -> u32 {
    (0..count).fold(0, |mask, at| mask | 1 << (symbols >> (SYMBOL * at) & 31))
}

#[cfg(test)]
mod tests;
