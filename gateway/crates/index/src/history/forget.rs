//! Forgetting addresses, as if they had never come.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use super::{History, inputs};
use crate::absorb::Deltas;
use crate::segment::Without;
use crate::snapshot::{Address, Part, Snapshot};
use crate::unique::NewIps;
use crate::visits::VisitsError;

// === impl History ===

impl History {
    /// Forgets addresses, and returns how many of them had come.
    ///
    /// Whatever comes after they were taken out of the sets is a first visit again; what came before is in the history by
    /// then, and is taken out of that.
    pub(super) fn forget(&mut self, addresses: &[IpAddr]) -> Result<usize, VisitsError> {
        let without = sorted(addresses, self.core.options.ipv6.granularity);
        let core = Arc::clone(&self.core);
        let gate = core.gate.write().unwrap_or_else(PoisonError::into_inner);
        let journal_from = core.journal.rotate()?;
        let taken = core.queue.take();
        let had = self.take_from_sets(&without);
        drop(gate);
        self.take_in(taken.batches, taken.mark);
        taken.commands.into_iter().for_each(|command| core.queue.command(command));

        let deltas = all_of(&self.state.snapshot, &without);
        self.apply(&deltas, -1);
        let forgotten = self.rewrite(&without).and_then(|next| self.commit(next, journal_from));
        if forgotten.is_err() {
            // As it was: the segments still have them.
            self.apply(&deltas, 1);
            let mut new = NewIps::default();
            core.ever.insert(&had.v4, &had.v6, &mut new);
            // What came meanwhile was taken for a first visit, and is not.
            self.state.awaited.extend(&had.v4);
        }
        forgotten.map(|()| had.v4.len() + had.v6.len())
    }

    /// Takes addresses out of the sets, and returns those that were in.
    fn take_from_sets(&self, without: &Without) -> NewIps {
        let mut had = NewIps::default();
        let hot = self.core.hot.all();
        let counted = self.core.since_start.as_ref();
        for address in &without.v4 {
            hot.iter().for_each(|hour| hour.remove_v4(*address));
            counted.map(|set| set.v4().remove(*address));
            if self.core.ever.v4().remove(*address) {
                had.v4.push(*address);
            }
        }
        for address in &without.v6 {
            hot.iter().for_each(|hour| hour.remove_v6(*address));
            counted.map(|set| set.v6().remove(*address));
            if self.core.ever.v6().remove(*address) {
                had.v6.push(*address);
            }
        }
        had
    }

    fn apply(&self, deltas: &[Deltas], change: i64) {
        let mut matrices = self.state.matrices.write().unwrap_or_else(PoisonError::into_inner);
        deltas.iter().for_each(|deltas| matrices.apply(deltas, change));
    }

    /// The history in files, without the addresses: segments that have one of them are written anew.
    fn rewrite(&mut self, without: &Without) -> Result<Snapshot, VisitsError> {
        let mut next = self.state.snapshot.clone();
        let concerned = |part: &Part| {
            without.v4.iter().any(|address| part.has(*address)) || without.v6.iter().any(|address| part.has(*address))
        };
        let old: Vec<Arc<Part>> = next.parts().filter(|part| concerned(part)).cloned().collect();
        for part in &old {
            let written =
                self.state.write(&*self.core.disk, part.segment.span(), &inputs(&vec![Arc::clone(part)]), without)?;
            next.retain(|other| !Arc::ptr_eq(other, part));
            if let Some(written) = written {
                next.add(Arc::new(Part { in_month: part.in_month, ..written }));
            }
        }
        self.state.write_memory(&mut next, &*self.core.disk)?;
        Ok(next)
    }
}

fn all_of(history: &Snapshot, without: &Without) -> Vec<Deltas> {
    let v4 = without.v4.iter().map(|address| deltas(history, *address));
    v4.chain(without.v6.iter().map(|address| deltas(history, *address))).collect()
}

fn deltas<A: Address>(history: &Snapshot, address: A) -> Deltas {
    Deltas::of_all(history, address)
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
    without.v4.sort_unstable();
    without.v4.dedup();
    without.v6.sort_unstable();
    without.v6.dedup();
    without
}
