mod group;

use self::group::{Group, table_bytes};
use ahash::RandomState;
use dashmap::mapref::entry::Entry;
use dashmap::{DashMap, DashSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How IPv6 addresses are told apart, and how many one /64 may bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6Policy {
    /// What counts as one address.
    pub granularity: Granularity,
    /// How many addresses of one /64 are kept. One customer owns a whole /64, so without a bound any of them could fill
    /// the memory. Without meaning for the coarser granularities, where a /64 is at most one address.
    pub cap_per_64: NonZeroU32,
}

/// What counts as one IPv6 address: how many leading bits are kept, the rest being set to zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Granularity {
    /// All 128 bits.
    Full,
    /// One for each /64, the smallest network that a customer gets.
    Prefix64,
    /// One for each /56, what many providers give a household.
    Prefix56,
    /// One for each /48, a site.
    Prefix48,
}

/// An exact set of IPv6 addresses with a bound for each /64, shared by any number of threads.
///
/// A /64 with one address, the usual case, is 16 bytes in one map: its upper half, and the lower half. The second address
/// moves it to the other map, where the lower halves of a /64 stand together. Both are keyed with random bits of this
/// process, so that nobody can choose addresses that collide.
pub struct Ipv6Set {
    policy: Ipv6Policy,
    /// Upper half to lower half, of each /64 with one address.
    ///
    /// Whoever changes a /64, here or in `groups`, holds the lock of its shard here; and takes that of `groups` second.
    lone: DashMap<u64, u64, RandomState>,
    /// Upper half to lower halves, of each /64 with several. What is here never goes back.
    groups: DashMap<u64, Group, RandomState>,
    /// Upper halves of the /64s of which an address was refused.
    saturated: DashSet<u64, RandomState>,
    keys: RandomState,
    len: AtomicU64,
    saturated_len: AtomicU64,
    /// Bytes behind the groups. Kept here, as asking millions of them at each scrape would take too long.
    group_bytes: AtomicUsize,
}

/// What became of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    New,
    Known,
    /// Its /64 is full.
    Refused,
}

const SHARDS: usize = 64;

// === impl Ipv6Policy ===

impl Default for Ipv6Policy {
    fn default() -> Self {
        Self { granularity: Granularity::Full, cap_per_64: const { NonZeroU32::new(65_536).expect("not zero") } }
    }
}

// === impl Granularity ===

impl Granularity {
    /// The address as it is counted.
    #[must_use]
    pub const fn mask(self, address: u128) -> u128 {
        let kept = match self {
            Self::Full => 128,
            Self::Prefix64 => 64,
            Self::Prefix56 => 56,
            Self::Prefix48 => 48,
        };
        address & (u128::MAX << (128 - kept))
    }
}

// === impl Ipv6Set ===

impl Ipv6Set {
    /// An empty set.
    #[must_use]
    pub fn new(policy: Ipv6Policy) -> Self {
        let keys = RandomState::new();
        Self {
            policy,
            lone: DashMap::with_capacity_and_hasher_and_shard_amount(0, keys.clone(), SHARDS),
            groups: DashMap::with_capacity_and_hasher_and_shard_amount(0, keys.clone(), SHARDS),
            saturated: DashSet::with_hasher(keys.clone()),
            keys,
            len: AtomicU64::new(0),
            saturated_len: AtomicU64::new(0),
            group_bytes: AtomicUsize::new(0),
        }
    }

    /// Adds addresses, appends those that were not in the set yet to `new`, masked as they are counted, and returns how
    /// many were refused because their /64 is full.
    ///
    /// Of several threads that add the same address at once, exactly one gets it as new.
    pub fn insert(&self, addresses: &[u128], new: &mut Vec<u128>) -> usize {
        let before = new.len();
        let mut refused = 0;
        for address in addresses {
            let address = self.policy.granularity.mask(*address);
            match self.insert_one(address) {
                Answer::New => new.push(address),
                Answer::Known => {}
                Answer::Refused => refused += 1,
            }
        }
        let added = new.len() - before;
        if added > 0 {
            self.len.fetch_add(added as u64, Ordering::Relaxed);
        }
        refused
    }

    /// Takes an address out and tells whether it was there. A /64 that had an address refused stays saturated: what it lacks
    /// is not known.
    pub fn remove(&self, address: u128) -> bool {
        let (prefix, id) = halves(self.policy.granularity.mask(address));
        let removed = match self.lone.entry(prefix) {
            Entry::Occupied(lone) if *lone.get() == id => {
                lone.remove();
                true
            }
            Entry::Occupied(_) => false,
            // The entry holds the lock of the /64.
            Entry::Vacant(_lock) => self.groups.get_mut(&prefix).is_some_and(|mut group| group.remove(id)),
        };
        self.len.fetch_sub(u64::from(removed), Ordering::Relaxed);
        removed
    }

    /// Whether the address, masked as addresses are counted, is in the set.
    #[must_use]
    pub fn contains(&self, address: u128) -> bool {
        let (prefix, id) = halves(self.policy.granularity.mask(address));
        self.is_known(prefix, id)
    }

    /// Counts every /64 that is full as saturated: for a set that was filled from what was kept of another one, which may
    /// have refused addresses.
    pub(crate) fn suspect_the_full(&self) {
        if self.policy.granularity != Granularity::Full {
            return;
        }
        let groups = self.groups.iter().filter(|group| self.is_full(group.len())).map(|group| *group.key());
        let lone = self.lone.iter().filter(|_| self.is_full(1)).map(|lone| *lone.key());
        for prefix in groups.chain(lone) {
            if self.saturated.insert(prefix) {
                self.saturated_len.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many addresses are in the set. Exact; those of a batch count once its `insert` has returned.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether no address is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many /64s are full and had a further address refused. While this is 0, [`Self::len`] is the true number.
    #[must_use]
    pub fn saturated_prefixes(&self) -> u64 {
        self.saturated_len.load(Ordering::Relaxed)
    }

    /// All addresses in ascending order, in a vector of 16 bytes for each.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u128> {
        let mut all: Vec<u128> = Vec::with_capacity(self.len() as usize);
        // First the lone ones: an address moves from there to the groups, so that this order misses none.
        all.extend(self.lone.iter().map(|lone| join(*lone.key(), *lone.value())));
        self.groups.iter().for_each(|group| group.for_each(|id| all.push(join(*group.key(), id))));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Bytes that the set occupies, as the maps tell of themselves. An estimate: with some allocators it is half of what is
    /// resident.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        table_bytes(self.lone.capacity(), size_of::<(u64, u64)>())
            + table_bytes(self.groups.capacity(), size_of::<(u64, Group)>())
            + table_bytes(self.saturated.capacity(), size_of::<u64>())
            + self.group_bytes.load(Ordering::Relaxed)
    }

    fn is_known(&self, prefix: u64, id: u64) -> bool {
        if let Some(lone) = self.lone.get(&prefix) {
            return *lone == id;
        }
        self.groups.get(&prefix).is_some_and(|group| group.contains(id))
    }

    fn insert_one(&self, address: u128) -> Answer {
        let (prefix, id) = halves(address);
        // Most traffic is of known addresses, and a flood is of refused ones: neither needs to lock anyone out.
        let settled = self.settled(prefix, id);
        let answer = settled.unwrap_or_else(|| self.insert_locked(prefix, id));
        if answer == Answer::Refused && !self.saturated.contains(&prefix) && self.saturated.insert(prefix) {
            self.saturated_len.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// The answer for an address where a look is enough.
    fn settled(&self, prefix: u64, id: u64) -> Option<Answer> {
        let (known, held) = match self.lone.get(&prefix) {
            Some(lone) => (*lone == id, 1),
            None => self.groups.get(&prefix).map(|group| (group.contains(id), group.len()))?,
        };
        match known {
            true => Some(Answer::Known),
            false => self.is_full(held).then_some(Answer::Refused),
        }
    }

    fn insert_locked(&self, prefix: u64, id: u64) -> Answer {
        match self.lone.entry(prefix) {
            Entry::Occupied(lone) if *lone.get() == id => Answer::Known,
            Entry::Occupied(_) if self.is_full(1) => Answer::Refused,
            Entry::Occupied(lone) => {
                let group = Group::pair(*lone.get(), id);
                self.group_bytes.fetch_add(group.heap_bytes(), Ordering::Relaxed);
                // In this order, as readers look for a lone address first: it is never in neither.
                self.groups.insert(prefix, group);
                lone.remove();
                Answer::New
            }
            Entry::Vacant(free) => match self.groups.get_mut(&prefix) {
                None => {
                    free.insert(id);
                    Answer::New
                }
                Some(group) if group.contains(id) => Answer::Known,
                Some(group) if self.is_full(group.len()) => Answer::Refused,
                Some(mut group) => {
                    let before = group.heap_bytes();
                    group.push(id, &self.keys);
                    let grown = group.heap_bytes().wrapping_sub(before);
                    // A sum that wraps is right as soon as all of it is in.
                    self.group_bytes.fetch_add(grown, Ordering::Relaxed);
                    Answer::New
                }
            },
        }
    }

    fn is_full(&self, held: usize) -> bool {
        held >= self.policy.cap_per_64.get() as usize
    }
}

fn halves(address: u128) -> (u64, u64) {
    ((address >> 64) as u64, address as u64)
}

fn join(prefix: u64, id: u64) -> u128 {
    u128::from(prefix) << 64 | u128::from(id)
}

#[cfg(test)]
mod tests;
