//! Which /16s have a block, in a form that is quick to ask.

/// A bit for each of the 65,536 keys, and for each word of them how many keys stand before it: 10 KiB. An address that is
/// nowhere is asked of every segment that there is, and a container as small as that on the disk takes a tenth of a microsecond
/// to say no.
pub(super) struct Keys {
    words: Box<[u64]>,
    before: Box<[u16]>,
}

/// With fewer keys than this, their container is as quick.
const WORTH: usize = 32;
const WORD: usize = 64;

// === impl Keys ===

impl Keys {
    /// Of ascending keys; none if that is not worth it.
    pub(super) fn new(keys: &[u16]) -> Option<Self> {
        if keys.len() < WORTH {
            return None;
        }
        let mut words = vec![0_u64; (1 << 16) / WORD].into_boxed_slice();
        keys.iter().for_each(|key| words[usize::from(*key) / WORD] |= 1 << (key % WORD as u16));
        let counted = words.iter().scan(0, |before, word| {
            let here = *before;
            *before += word.count_ones();
            Some(here as u16)
        });
        let before = counted.collect();
        Some(Self { words, before })
    }

    /// How many keys stand before this one, if it is there.
    #[inline]
    pub(super) fn rank(&self, key: u16) -> Option<usize> {
        let (at, bit) = (usize::from(key) / WORD, key % WORD as u16);
        let word = *self.words.get(at)?;
        if word >> bit & 1 == 0 {
            return None;
        }
        let before = usize::from(*self.before.get(at)?);
        Some(before + (word & ((1 << bit) - 1)).count_ones() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_rank_and_no_other_has_one() {
        let some: Vec<u16> = (0..=u16::MAX).filter(|key| key % 7 < 3 || *key > 65_000).collect();
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for keys in [&some, &all] {
            let ranks = Keys::new(keys).expect("there are many");
            for key in 0..=u16::MAX {
                assert_eq!(ranks.rank(key), keys.binary_search(&key).ok(), "{key}");
            }
        }
        assert!(Keys::new(&some[..WORTH - 1]).is_none());
    }
}
