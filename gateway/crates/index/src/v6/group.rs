use ahash::RandomState;
use std::collections::HashSet;

/// The addresses of one /64 that holds several, by their lower halves: 24 bytes, and as little as fits behind them.
pub(super) enum Group {
    /// Searched one by one: a home or a phone holds a handful.
    Few(Vec<u64>),
    /// Many of them.
    #[expect(clippy::box_collection, reason = "so that the many small groups do not pay for the size of a hash set")]
    Many(Box<HashSet<u64, RandomState>>),
}

const FEW: usize = 16;

// === impl Group ===

impl Group {
    pub(super) fn pair(first: u64, second: u64) -> Self {
        Self::Few(vec![first, second])
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        match self {
            Self::Few(ids) => ids.contains(&id),
            Self::Many(ids) => ids.contains(&id),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(ids) => ids.len(),
            Self::Many(ids) => ids.len(),
        }
    }

    /// Adds an id that is not in the group. `keys` is for the hash set that it may have to become.
    pub(super) fn push(&mut self, id: u64, keys: &RandomState) {
        match self {
            Self::Few(ids) if ids.len() < FEW => ids.push(id),
            Self::Few(ids) => {
                let mut many = HashSet::with_capacity_and_hasher(FEW + 1, keys.clone());
                many.extend(ids.drain(..));
                many.insert(id);
                *self = Self::Many(Box::new(many));
            }
            Self::Many(ids) => {
                ids.insert(id);
            }
        }
    }

    /// Takes an id out; whether it was there. The group keeps its memory.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        match self {
            Self::Few(ids) => ids.iter().position(|other| *other == id).map(|at| ids.swap_remove(at)).is_some(),
            Self::Many(ids) => ids.remove(&id),
        }
    }

    pub(super) fn for_each(&self, each: impl FnMut(u64)) {
        match self {
            Self::Few(ids) => ids.iter().copied().for_each(each),
            Self::Many(ids) => ids.iter().copied().for_each(each),
        }
    }

    /// Bytes behind the group, besides the group itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(ids) => ids.capacity() * size_of::<u64>(),
            Self::Many(ids) => size_of_val(&**ids) + table_bytes(ids.capacity(), size_of::<u64>()),
        }
    }
}

/// What a hash table of the standard design takes for a stated capacity: a power of two of buckets, at most seven of eight
/// in use, one control byte for each.
pub(super) fn table_bytes(capacity: usize, item: usize) -> usize {
    let buckets = match capacity {
        0 => return 0,
        1..=3 => 4,
        4..=7 => 8,
        more => more / 7 * 8,
    };
    buckets * (item + 1) + 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_keeps_its_ids_as_it_becomes_a_hash_set() {
        let keys = RandomState::new();
        let mut group = Group::pair(0, u64::MAX);
        for id in 1..=40 {
            assert!(!group.contains(id));
            let before = group.heap_bytes();
            group.push(id, &keys);
            assert!(group.contains(id) && group.heap_bytes() >= before.min(128));
            assert_eq!(group.len() as u64, id + 2);
        }
        let mut sum = 0_u64;
        group.for_each(|id| sum = sum.wrapping_add(id));
        assert_eq!(sum, u64::MAX.wrapping_add(40 * 41 / 2));
        assert!(matches!(group, Group::Many(_)));
    }
}
