use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use tallygate_index::{Granularity, Inserted, Ipv4Set, Ipv6Policy, NewIps, UniqueIps};

/// No regression file: what fails becomes a test with a name.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 200 },
        max_shrink_iters: if cfg!(miri) { 0 } else { 10_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Addresses that crowd together where the layout has its edges.
fn v4_address() -> impl Strategy<Value = u32> {
    let page = prop_oneof![Just(0_u32), Just(0xffff), Just(0x0a00), 0..4_u32];
    let suffix = prop_oneof![Just(0_u32), Just(0xffff), Just(0x8000), 0..64_u32, 0..=0xffff_u32];
    prop_oneof![4 => (page, suffix).prop_map(|(page, suffix)| page << 16 | suffix), 1 => any::<u32>()]
}

/// Addresses that come in a run, as scans and address pools do: enough to grow a page by several sizes, or promote it.
fn v4_run() -> impl Strategy<Value = Vec<u32>> {
    let length = if cfg!(miri) { 60_u32 } else { 2_400 };
    (v4_address(), prop_oneof![Just(1_u32), Just(0x9e37), Just(64), Just(0x0001_0000), any::<u32>()], 0..length)
        .prop_map(|(first, step, length)| (0..length).map(|n| first.wrapping_add(step.wrapping_mul(n))).collect())
}

fn v4_batch() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![prop::collection::vec(v4_address(), 0..150), v4_run()]
}

/// Few prefixes, few lower halves: so that caps are reached. And addresses that are, or nearly are, mapped ones.
fn v6_address() -> impl Strategy<Value = u128> {
    let prefix = prop_oneof![Just(0_u64), Just(u64::MAX), 0x2001_0db8_0000_0000..0x2001_0db8_0000_0003_u64];
    let id = prop_oneof![Just(0_u64), Just(u64::MAX), 0..40_u64];
    let plain = (prefix, id).prop_map(|(prefix, id)| u128::from(prefix) << 64 | u128::from(id));
    let mapped = v4_address().prop_map(|address| 0xffff_u128 << 32 | u128::from(address));
    prop_oneof![6 => plain, 2 => mapped, 1 => any::<u128>()]
}

fn policy() -> impl Strategy<Value = Ipv6Policy> {
    let granularity = prop_oneof![
        3 => Just(Granularity::Full),
        1 => Just(Granularity::Prefix64),
        1 => Just(Granularity::Prefix56),
        1 => Just(Granularity::Prefix48),
    ];
    let cap = prop_oneof![Just(1_u32), Just(2), Just(16), Just(17), Just(30), Just(65_536)];
    (granularity, cap).prop_map(|(granularity, cap)| Ipv6Policy {
        granularity,
        cap_per_64: NonZeroU32::new(cap).expect("all of them are above zero"),
    })
}

/// The same rules, told plainly.
struct Model {
    policy: Ipv6Policy,
    v4: BTreeSet<u32>,
    v6: BTreeMap<u64, BTreeSet<u128>>,
    saturated: BTreeSet<u64>,
}

impl Model {
    fn insert(&mut self, v4: &[u32], v6: &[u128]) -> (NewIps, usize) {
        let (mut new, mut refused) = (NewIps::default(), 0);
        new.v4.extend(v4.iter().filter(|address| self.v4.insert(**address)));
        for address in v6 {
            if let Some(address) = Ipv6Addr::from_bits(*address).to_ipv4_mapped() {
                new.v4.extend(Some(address.to_bits()).filter(|address| self.v4.insert(*address)));
                continue;
            }
            let address = self.policy.granularity.mask(*address);
            let prefix = (address >> 64) as u64;
            let group = self.v6.entry(prefix).or_default();
            if group.contains(&address) {
                continue;
            }
            if group.len() == self.policy.cap_per_64.get() as usize {
                self.saturated.insert(prefix);
                refused += 1;
                continue;
            }
            group.insert(address);
            new.v6.push(address);
        }
        (new, refused)
    }

    fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(&address.to_bits()),
            IpAddr::V6(address) => {
                let address = self.policy.granularity.mask(address.to_bits());
                self.v6.get(&((address >> 64) as u64)).is_some_and(|group| group.contains(&address))
            }
        }
    }

    fn check(&self, set: &UniqueIps) {
        let v6: Vec<u128> = self.v6.values().flatten().copied().collect();
        assert!(set.v4().iter().eq(self.v4.iter().copied()));
        assert_eq!(set.v6().to_vec(), v6);
        assert_eq!(set.len(), (self.v4.len() + v6.len()) as u64);
        assert_eq!(set.saturated_prefixes(), self.saturated.len() as u64);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ipv4_batches_agree_with_a_plain_set(batches in prop::collection::vec(v4_batch(), 1..6), asked in prop::collection::vec(v4_address(), 50)) {
        let (set, mut model) = (Ipv4Set::new(), BTreeSet::new());
        for batch in &batches {
            let mut new = Vec::new();
            let added = set.insert(batch, &mut new);
            let expected: Vec<u32> = batch.iter().copied().filter(|address| model.insert(*address)).collect();
            prop_assert_eq!(&new, &expected);
            prop_assert_eq!(added, expected.len());
            prop_assert_eq!(set.len(), model.len() as u64);
        }
        prop_assert!(set.iter().eq(model.iter().copied()));
        for address in asked.iter().chain(batches.iter().flatten()) {
            prop_assert_eq!(set.contains(*address), model.contains(address));
        }
    }

    #[test]
    fn both_families_agree_with_a_plain_model(
        policy in policy(),
        batches in prop::collection::vec((prop::collection::vec(v4_address(), 0..40), prop::collection::vec(v6_address(), 0..120)), 1..6),
        asked in prop::collection::vec(v6_address(), 50),
    ) {
        let set = UniqueIps::new(policy);
        let mut model = Model { policy, v4: BTreeSet::new(), v6: BTreeMap::new(), saturated: BTreeSet::new() };
        for (v4, v6) in &batches {
            let mut new = NewIps::default();
            let inserted = set.insert(v4, v6, &mut new);
            let (expected, refused) = model.insert(v4, v6);
            prop_assert_eq!(inserted, Inserted { new: expected.len(), refused });
            prop_assert_eq!(new, expected);
            model.check(&set);
        }
        for address in asked.iter().chain(batches.iter().flat_map(|(_, v6)| v6)) {
            let address = IpAddr::V6(Ipv6Addr::from_bits(*address));
            prop_assert_eq!(set.contains(address), model.contains(address));
        }
        for address in batches.iter().flat_map(|(v4, _)| v4) {
            let address = Ipv4Addr::from_bits(*address);
            prop_assert!(set.contains(address.into()) && set.contains(address.to_ipv6_mapped().into()));
        }
    }
}
