//! Forgetting addresses, as if they had never come.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use super::History;
use super::store::inputs;
use crate::absorb::Deltas;
use crate::segment::Without;
use crate::snapshot::{Part, Snapshot};
use crate::unique::NewIps;
use crate::visits::{Tenant, VisitsError};

/// Addresses that sets had.
#[derive(Default)]
struct Had {
    ever: NewIps,
    since_start: NewIps,
}

// === impl History ===

impl History {
    /// Forgets addresses of a tenant, and returns how many of them had come.
    ///
    /// Whatever comes after they were taken out of the sets is a first visit again; what came before is in the history by
    /// then, and is taken out of that.
    pub(super) fn forget(&mut self, at: usize, addresses: &[IpAddr]) -> Result<usize, VisitsError> {
        let without = sorted(addresses, self.core.options.ipv6.granularity);
        let core = Arc::clone(&self.core);
        let mut gate = core.tenants[at].gate.write().unwrap_or_else(PoisonError::into_inner);
        let journal_from = core.journal.rotate()?;
        let taken = core.queue.take();
        let had = take_from_sets(&core.tenants[at], &without);
        add(&mut gate, &without);
        drop(gate);
        self.take_in(taken.batches, taken.mark);
        taken.commands.into_iter().for_each(|command| core.queue.command(command));

        let deltas = all_of(&self.store.tenants[at].snapshot, &without);
        self.apply(at, &deltas, -1);
        let forgotten = self.rewrite(at, &without).and_then(|next| self.commit(next, journal_from));
        if forgotten.is_err() {
            // As it was: the segments still have them. On the disk it may be otherwise, so they stay behind the gate.
            self.apply(at, &deltas, 1);
            self.put_back(at, &had);
            self.remove_unused();
        }
        forgotten.map(|()| had.ever.v4.len() + had.ever.v6.len())
    }

    /// The history is on the disk as it is here: what it has, it keeps, and what was erased is gone.
    pub(super) fn end_erasure(&self) {
        for tenant in &self.core.tenants {
            let gate = tenant.gate.read().unwrap_or_else(PoisonError::into_inner);
            let any = !gate.v4.is_empty() || !gate.v6.is_empty();
            drop(gate);
            if any {
                *tenant.gate.write().unwrap_or_else(PoisonError::into_inner) = Without::default();
            }
        }
    }

    /// Undoes [`take_from_sets`].
    fn put_back(&mut self, at: usize, had: &Had) {
        let (mut new, tenant) = (NewIps::default(), &self.core.tenants[at]);
        tenant.ever.insert(&had.ever.v4, &had.ever.v6, &mut new);
        if let Some(set) = &tenant.since_start {
            set.insert(&had.since_start.v4, &had.since_start.v6, &mut new);
        }
        // What came meanwhile was taken for a first visit, and is not.
        self.store.tenants[at].awaited.extend(&had.ever.v4);
    }

    fn apply(&self, at: usize, deltas: &[Deltas], change: i64) {
        let mut matrices = self.store.tenants[at].matrices.write().unwrap_or_else(PoisonError::into_inner);
        deltas.iter().for_each(|deltas| matrices.apply(deltas, change));
    }

    /// The histories in files, that of one tenant without the addresses: its segments that have one of them are written anew.
    fn rewrite(&mut self, at: usize, without: &Without) -> Result<Vec<Snapshot>, VisitsError> {
        let mut all = self.store.snapshots();
        let next = &mut all[at];
        let concerned = |part: &Part| {
            without.v4.iter().any(|address| part.has(*address)) || without.v6.iter().any(|address| part.has(*address))
        };
        let old: Vec<Arc<Part>> = next.parts().filter(|part| concerned(part)).cloned().collect();
        for part in &old {
            let written = self.store.write(
                &*self.core.disk,
                (next.tenant, part.segment.span()),
                &inputs(&vec![Arc::clone(part)]),
                without,
            )?;
            next.remove(std::iter::once(part));
            if let Some(written) = written {
                next.add(Arc::new(Part { in_month: part.in_month, ..written }));
            }
        }
        for next in &mut all {
            self.store.write_memory(next, &*self.core.disk)?;
        }
        Ok(all)
    }
}

/// Takes addresses out of a tenant's sets, and returns those that were in.
fn take_from_sets(tenant: &Tenant, without: &Without) -> Had {
    let mut had = Had::default();
    tenant.hot.all().iter().for_each(|hour| hour.remove(&without.v4, &without.v6));
    let counted = tenant.since_start.as_ref();
    for address in &without.v4 {
        let was_counted = counted.is_some_and(|set| set.v4().remove(*address));
        had.since_start.v4.extend(was_counted.then_some(*address));
        had.ever.v4.extend(tenant.ever.v4().remove(*address).then_some(*address));
    }
    for address in &without.v6 {
        let was_counted = counted.is_some_and(|set| set.v6().remove(*address));
        had.since_start.v6.extend(was_counted.then_some(*address));
        had.ever.v6.extend(tenant.ever.v6().remove(*address).then_some(*address));
    }
    had
}

/// Adds addresses to those that are erased.
fn add(erasing: &mut Without, more: &Without) {
    erasing.v4.extend(&more.v4);
    erasing.v6.extend(&more.v6);
    sort(erasing);
}

fn all_of(history: &Snapshot, without: &Without) -> Vec<Deltas> {
    let v4 = without.v4.iter().map(|address| Deltas::of_all(history, *address));
    v4.chain(without.v6.iter().map(|address| Deltas::of_all(history, *address))).collect()
}

/// The addresses as they are counted, each once, in ascending order.
fn sorted(addresses: &[IpAddr], granularity: crate::Granularity) -> Without {
    let mut without = Without::default();
    for address in addresses {
        match address.to_canonical() {
            IpAddr::V4(address) => without.v4.push(address.to_bits()),
            IpAddr::V6(address) => without.v6.push(granularity.mask(address.to_bits())),
        }
    }
    sort(&mut without);
    without
}

/// Each once, in ascending order.
fn sort(without: &mut Without) {
    without.v4.sort_unstable();
    without.v4.dedup();
    without.v6.sort_unstable();
    without.v6.dedup();
}
