use crate::v4::Ipv4Set;
use crate::v6::{Ipv6Policy, Ipv6Set};
use std::net::IpAddr;

/// The exact set of the addresses that were seen, of both families. Made to be shared: put it into an `Arc`.
pub struct UniqueIps {
    v4: Ipv4Set,
    v6: Ipv6Set,
}

/// The addresses of a batch that had not been seen before. Kept by the caller, so that its memory serves many batches.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct NewIps {
    /// `a.b.c.d = a<<24 | b<<16 | c<<8 | d`, those that came as `::ffff:a.b.c.d` included.
    pub v4: Vec<u32>,
    /// Masked as they are counted.
    pub v6: Vec<u128>,
}

/// What became of a batch. What is in neither number had been seen before.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Inserted {
    /// How many addresses are new: as many as were appended to [`NewIps`].
    pub new: usize,
    /// How many addresses, repeats included, are not in the set because their /64 is full.
    pub refused: usize,
}

// === impl UniqueIps ===

impl Default for UniqueIps {
    fn default() -> Self {
        Self::new(Ipv6Policy::default())
    }
}

impl UniqueIps {
    /// An empty set.
    #[must_use]
    pub fn new(policy: Ipv6Policy) -> Self {
        Self { v4: Ipv4Set::new(), v6: Ipv6Set::new(policy) }
    }

    /// Adds a batch and appends to `new` what had not been seen before.
    ///
    /// Of several threads that add the same address at once, exactly one gets it as new. An IPv4 address that is written as
    /// an IPv6 one (`::ffff:a.b.c.d`) is the same address.
    pub fn insert(&self, v4: &[u32], v6: &[u128], new: &mut NewIps) -> Inserted {
        let before = new.len();
        self.v4.insert(v4, &mut new.v4);
        let mut refused = 0;
        // Runs of one family keep batches whole, where there is anything to gain.
        for run in v6.chunk_by(|a, b| mapped(*a).is_some() == mapped(*b).is_some()) {
            if run.first().is_some_and(|address| mapped(*address).is_some()) {
                self.insert_mapped(run, new);
            } else {
                refused += self.v6.insert(run, &mut new.v6);
            }
        }
        Inserted { new: new.len() - before, refused }
    }

    /// Forgets an address, as far as it is counted, and tells whether it was there.
    pub fn remove(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.remove(address.to_bits()),
            IpAddr::V6(address) => self.v6.remove(address.to_bits()),
        }
    }

    /// Whether the address was seen, as far as it is counted: of IPv6 addresses, only the leading bits of the granularity.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// How many addresses were seen. Exact while [`Self::saturated_prefixes`] is 0, otherwise too low.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.v4.len() + self.v6.len()
    }

    /// Whether no address was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many IPv6 /64s are full and had a further address refused.
    #[must_use]
    pub fn saturated_prefixes(&self) -> u64 {
        self.v6.saturated_prefixes()
    }

    /// Bytes that the set occupies: of its own tables for IPv4, an estimate for IPv6, which allocators may double. Cheap enough
    /// to ask at each scrape.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.v4.memory_bytes() + self.v6.memory_bytes()
    }

    /// The IPv4 part.
    #[must_use]
    pub fn v4(&self) -> &Ipv4Set {
        &self.v4
    }

    /// The IPv6 part.
    #[must_use]
    pub fn v6(&self) -> &Ipv6Set {
        &self.v6
    }

    fn insert_mapped(&self, addresses: &[u128], new: &mut NewIps) {
        let mut group = [0; 32];
        for some in addresses.chunks(group.len()) {
            let filled = &mut group[..some.len()];
            filled.iter_mut().zip(some.iter().copied().filter_map(mapped)).for_each(|(to, address)| *to = address);
            self.v4.insert(filled, &mut new.v4);
        }
    }
}

// === impl NewIps ===

impl NewIps {
    /// How many addresses there are, of both families.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Empties both lists and keeps their memory.
    pub fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }
}

/// The IPv4 address that an IPv6 one stands for (RFC 4291, section 2.5.5.2), if it does.
pub(crate) fn mapped(address: u128) -> Option<u32> {
    (address >> 32 == 0xffff).then_some(address as u32)
}

#[cfg(test)]
mod tests;
