//! Where judged batches go, and when their request is acknowledged.
//!
//! A destination takes a batch at once, without waiting, and gives a ticket for it; or it refuses, and the batch goes no further.
//! A request is acknowledged when the tickets of all destinations have settled, and refused with the first that fails: its sender
//! sends it again, so every destination must bear to see a batch twice.

use std::sync::Arc;

use tallygate_index::journal::Unwritable;

use super::batch::Judged;
use crate::visits::{Added, Intake};

/// A destination, as one worker has it.
#[cfg_attr(test, allow(clippy::large_enum_variant, reason = "the small one is of tests"))]
pub(crate) enum Destination {
    Visits(Intake),
    #[cfg(test)]
    Elsewhere(tests::Elsewhere),
}

/// A batch that a destination has taken and does not keep for good yet.
enum Ticket<'a> {
    Visits(Added<'a>),
    #[cfg(test)]
    Elsewhere(tests::Waiting),
}

/// Hands a batch to all destinations and waits until all of them keep it for good.
pub(super) async fn deliver(destinations: &[Destination], batch: &Arc<Judged>) -> Result<(), Unwritable> {
    let mut tickets = Vec::with_capacity(destinations.len());
    for destination in destinations {
        tickets.push(destination.take(batch)?);
    }
    for ticket in &mut tickets {
        ticket.settled().await?;
    }
    for ticket in tickets {
        ticket.acknowledge(batch);
    }
    Ok(())
}

// === impl Destination ===

impl Destination {
    fn take(&self, batch: &Arc<Judged>) -> Result<Ticket<'_>, Unwritable> {
        match self {
            Self::Visits(intake) => {
                intake.add(batch.origin.tenant, &batch.outcome, batch.origin.received).map(Ticket::Visits)
            }
            #[cfg(test)]
            Self::Elsewhere(elsewhere) => elsewhere.take(batch).map(Ticket::Elsewhere),
        }
    }
}

// === impl Ticket ===

impl Ticket<'_> {
    /// Waits until the destination keeps the batch for good.
    async fn settled(&mut self) -> Result<(), Unwritable> {
        match self {
            Self::Visits(added) => added.durable().await,
            #[cfg(test)]
            Self::Elsewhere(waiting) => waiting.settled().await,
        }
    }

    /// All destinations keep the batch, and its sender is told so.
    fn acknowledge(self, batch: &Judged) {
        match self {
            Self::Visits(added) => added.acknowledge(&batch.outcome),
            #[cfg(test)]
            Self::Elsewhere(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
