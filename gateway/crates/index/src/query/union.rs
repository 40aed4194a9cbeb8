//! Questions whose answer is more than a number: they go through the addresses.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Range, RangeError, View};
use crate::Day;
use crate::segment::{Input, Project, merge, merge_v4, merge_v6};

/// Addresses with the same leading bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network {
    /// The lowest address.
    pub address: IpAddr,
    /// How many leading bits are the same.
    pub prefix: u8,
}

/// A network, and how many distinct addresses of it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Top {
    /// Which.
    pub network: Network,
    /// How many.
    pub distinct: u64,
}

/// IPv4 networks that are looked up address by address.
const FEW_BITS: u8 = 10;

// === impl Network ===

impl Network {
    /// The network of an address, if there can be so many leading bits.
    #[must_use]
    pub fn of(address: IpAddr, prefix: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(address) if prefix <= 32 => Ipv4Addr::from_bits(address.to_bits() & mask_v4(prefix)).into(),
            IpAddr::V6(address) if prefix <= 128 => Ipv6Addr::from_bits(address.to_bits() & mask_v6(prefix)).into(),
            _ => return None,
        };
        Some(Self { address, prefix })
    }
}

// === impl View ===

impl View<'_> {
    /// Every address that came in a range, each family in ascending order, until `each` fails.
    ///
    /// # Errors
    /// As [`Self::check`]; inside, what `each` answers.
    pub fn each<E>(
        &self,
        range: Range,
        each: impl FnMut(IpAddr) -> Result<(), E>,
    ) -> Result<Result<(), E>, RangeError> {
        self.check(range)?;
        let each = std::cell::RefCell::new(each);
        let v4 = |key: u16, suffixes: &[u16], _: &[u32]| {
            let high = u32::from(key) << 16;
            let mut each = each.borrow_mut();
            suffixes.iter().try_for_each(|suffix| each(Ipv4Addr::from_bits(high | u32::from(*suffix)).into()))
        };
        Ok(merge(&self.inputs(range), v4, |address, _| each.borrow_mut()(Ipv6Addr::from_bits(address).into())))
    }

    /// How many distinct addresses of a network came in a range. Of a network that is smaller than what counts as one
    /// address, whether that came.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn distinct_in(&self, network: Network, range: Range) -> Result<u64, RangeError> {
        self.check(range)?;
        let network = self.counted_network(network);
        if let IpAddr::V4(first) = network.address
            && network.prefix >= 32 - FEW_BITS
        {
            let first = first.to_bits();
            let inputs = self.inputs(range);
            let came = |address: &u32| inputs.iter().any(|input| input.segment.v4(*address) & input.keep != 0);
            return Ok((first..=first | !mask_v4(network.prefix)).filter(came).count() as u64);
        }
        Ok(match network.address {
            IpAddr::V4(first) => self.count_v4(first.to_bits(), first.to_bits() | !mask_v4(network.prefix), range),
            IpAddr::V6(first) => self.count_v6(first.to_bits(), first.to_bits() | !mask_v6(network.prefix), range),
        })
    }

    /// The network, but for bits that addresses are not told apart by.
    fn counted_network(&self, network: Network) -> Network {
        let told_apart = self.granularity.mask(u128::MAX).leading_ones() as u8;
        match network.address {
            IpAddr::V6(_) if network.prefix > told_apart => Network::of(network.address, told_apart).unwrap_or(network),
            _ => network,
        }
    }

    fn count_v4(&self, first: u32, last: u32, range: Range) -> u64 {
        let mut count = 0;
        let within = |key: u16, suffixes: &[u16], _: &[u32]| {
            let high = u32::from(key) << 16;
            let start = suffixes.partition_point(|suffix| high | u32::from(*suffix) < first);
            let end = suffixes.partition_point(|suffix| high | u32::from(*suffix) <= last);
            count += (end - start) as u64;
            Ok::<_, Infallible>(())
        };
        let Ok(()) = merge_v4(&self.inputs(range), (first >> 16) as u16..=(last >> 16) as u16, within);
        count
    }

    fn count_v6(&self, first: u128, last: u128, range: Range) -> u64 {
        let mut count = 0;
        // Fails with the first address beyond the network, as there is nothing to look for from there on.
        let _beyond = merge_v6(&self.inputs(range), first, &mut |address, _| {
            if address > last {
                return Err(());
            }
            count += 1;
            Ok(())
        });
        count
    }

    /// The networks with most distinct addresses in a range, the largest first: IPv4 ones and IPv6 ones of so many bits.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn top(&self, range: Range, prefixes: (u8, u8), limit: usize) -> Result<Vec<Top>, RangeError> {
        let mut best: BinaryHeap<Reverse<(u64, Reverse<Network>)>> = BinaryHeap::new();
        let mut keep = |network: Network, count: u64| {
            best.push(Reverse((count, Reverse(network))));
            if best.len() > limit {
                best.pop();
            }
        };
        // Ascending, so that the addresses of a network follow each other.
        let mut current: Option<(Network, u64)> = None;
        let Ok(()) = self.each::<Infallible>(range, |address| {
            let prefix = if address.is_ipv4() { prefixes.0 } else { prefixes.1 };
            let Some(network) = Network::of(address, prefix) else { return Ok(()) };
            match &mut current {
                Some((own, count)) if *own == network => *count += 1,
                other => {
                    if let Some((network, count)) = other.replace((network, 1)) {
                        keep(network, count);
                    }
                }
            }
            Ok(())
        })?;
        if let Some((network, count)) = current {
            keep(network, count);
        }
        let best = best.into_sorted_vec().into_iter();
        Ok(best.map(|Reverse((distinct, Reverse(network)))| Top { network, distinct }).collect())
    }

    /// The segments that a range is in, and which bits of them are.
    pub(super) fn inputs(&self, range: Range) -> Vec<Input<'_>> {
        let mut inputs: Vec<Input<'_>> = Vec::new();
        let project = Project::Bit(0);
        let whole = |day| range.hours_of(day).count_ones() == 24;
        for (month, parts) in self.snapshot.months.range(range.from.day().month()..=range.to.day().month()) {
            // Days that are cut are left to segments that know hours; where there are none, no day can be cut.
            let first = month.first_day().0;
            let days = (first..=month.last_day().0).filter(|day| whole(Day(*day)));
            let keep = days.fold(0, |keep, day| keep | 1 << (day - first));
            inputs.extend(parts.iter().map(|part| Input { segment: &part.segment, keep, project }));
        }
        for (day, parts) in self.snapshot.days.range(range.from.day()..=range.to.day()) {
            let loose = parts.iter().filter(|part| !(part.in_month && whole(*day)));
            inputs.extend(loose.map(|part| Input { segment: &part.segment, keep: range.hours_of(*day), project }));
        }
        for parts in self.snapshot.hours.range(range.from..=range.to).map(|(_, parts)| parts) {
            inputs.extend(parts.iter().map(|part| Input { segment: &part.segment, keep: 1, project }));
        }
        inputs.retain(|input| input.keep != 0);
        inputs
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}
