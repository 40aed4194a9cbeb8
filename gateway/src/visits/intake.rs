//! The way of judged batches into the visits.

use std::cell::RefCell;
use std::sync::Arc;

use tallygate_event::{Outcome, TenantId};
use tallygate_index::journal::{Progress, Settled, Ticket, Unwritable};
use tallygate_index::visits::TenantVisits;
use tallygate_index::{NewIps, Visits};
use tokio::sync::watch;

use super::Sorter;

/// Adds visits, and tells when they are durable. One for each worker.
pub(crate) struct Intake {
    visits: Arc<Visits>,
    progress: watch::Receiver<Progress>,
    sorter: RefCell<Sorter>,
}

/// Visits that were added. Unless they are acknowledged, they count as refused when this is dropped: their client was told so, or
/// is gone.
#[must_use = "what was added is either acknowledged or refused"]
pub(crate) struct Added<'a> {
    intake: &'a Intake,
    /// The tenant's.
    visits: TenantVisits<'a>,
    /// What must become durable before they are acknowledged.
    ticket: Option<Ticket>,
    /// Addresses that they brought into the set that is counted.
    arrived: NewIps,
}

// === impl Intake ===

impl Intake {
    pub(crate) fn new(visits: Arc<Visits>, progress: watch::Receiver<Progress>) -> Self {
        Self { visits, progress, sorter: RefCell::default() }
    }

    /// Adds a tenant's visits of an outcome. Records without a time came when they were received, in Unix nanoseconds.
    pub(crate) fn add(&self, tenant: TenantId, outcome: &Outcome, received: i64) -> Result<Added<'_>, Unwritable> {
        let visits = self.visits.of(tenant).map_err(Unwritable::from)?;
        if outcome.accepted() == outcome.no_client {
            return Ok(Added { intake: self, visits, ticket: None, arrived: NewIps::default() });
        }
        let (ticket, arrived) = self.sorter.borrow_mut().add(visits, outcome, received);
        // Of a batch that cannot be written, a part may have arrived all the same: then this is dropped, which notes it.
        let mut added = Added { intake: self, visits, ticket: None, arrived };
        added.ticket = ticket?;
        Ok(added)
    }
}

// === impl Added ===

impl Added<'_> {
    /// Waits until they are durable.
    pub(crate) async fn durable(&self) -> Result<(), Unwritable> {
        let Some(ticket) = self.ticket else { return Ok(()) };
        let mut progress = self.intake.progress.clone();
        let settled = |progress: &Progress| ticket.state(*progress) != Settled::Waiting;
        // The sender lives as long as the visits, which the intake holds.
        let settled = progress.wait_for(settled).await.map(|progress| ticket.state(*progress));
        match settled {
            Ok(Settled::Durable) => Ok(()),
            _ => {
                let reason =
                    self.intake.visits.failure().map(|reason| format!("the journal cannot be written: {reason}"));
                Err(Unwritable { reason: reason.unwrap_or_else(|| "the journal failed a moment ago".to_owned()) })
            }
        }
    }

    /// Their client is told that they are kept. `outcome` is what they were added from.
    pub(crate) fn acknowledge(mut self, outcome: &Outcome) {
        self.arrived.clear();
        self.visits.acknowledged(&outcome.v4, &outcome.v6);
    }
}

impl Drop for Added<'_> {
    fn drop(&mut self) {
        if !self.arrived.is_empty() {
            self.visits.refused(&self.arrived);
        }
    }
}
