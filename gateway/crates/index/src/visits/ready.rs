//! Whether the next visit would be kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Core, Visits};
use crate::history::segment_name;
use crate::manifest::Manifest;
use crate::snapshot::Snapshot;

/// Something of the data directory is not there any more, which a crash would need.
pub(crate) struct Gone {
    pub(crate) reason: String,
    /// Whether a flush writes it again. A segment is in no other place.
    pub(crate) can_be_written_again: bool,
}

/// A visit that came now would not be kept.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(String);

// === impl Visits ===

impl Visits {
    /// Whether a visit that came now would be kept: the journal can be written, the clock is one that the history goes along
    /// with, and the files of the history are there. Looks at the disk, which may take a while.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), NotReady> {
        self.core.ready()
    }
}

// === impl Core ===

impl Core {
    fn ready(&self) -> Result<(), NotReady> {
        if let Some(reason) = self.journal.failure() {
            let reason = format!("the journal cannot be written, new visits are refused until it can: {reason}");
            return Err(NotReady(reason));
        }
        let now = self.options.now();
        let accepted = self.tenants.iter().try_for_each(|tenant| self.accept(tenant, now));
        accepted.map_err(|unwritable| NotReady(unwritable.to_string()))?;
        if self.lacking.load(Ordering::Acquire) {
            return Err(NotReady("files of the data directory were gone, and are being written again".to_owned()));
        }
        self.gone().map_or(Ok(()), |gone| Err(NotReady(gone.reason)))
    }

    fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.tenants.iter().map(|tenant| tenant.snapshot.load_full()).collect()
    }

    /// What is not there any more of the files of the history and its journal.
    pub(crate) fn gone(&self) -> Option<Gone> {
        loop {
            let (journal, snapshots) = (self.journal.file(), self.snapshots());
            let names = match self.disk.list() {
                Ok(names) => names,
                Err(error) => {
                    let reason = format!("the data directory cannot be read: {error}");
                    return Some(Gone { reason, can_be_written_again: true });
                }
            };
            let segments = snapshots.iter().flat_map(|snapshot| snapshot.parts());
            let segments = segments.filter_map(|part| part.file.map(segment_name));
            let others = journal.clone().into_iter().chain([Manifest::name().to_owned()]);
            let wanted = others.map(|name| (name, true)).chain(segments.map(|name| (name, false)));
            let (name, can_be_written_again) = wanted.into_iter().find(|(name, _)| !names.contains(name))?;
            // Files come and go with each flush: what was not there may be needed no more.
            let is_same = |(one, other): (&Arc<Snapshot>, &Arc<Snapshot>)| Arc::ptr_eq(one, other);
            if self.journal.file() == journal && snapshots.iter().zip(&self.snapshots()).all(is_same) {
                let reason = format!("{name} is gone from the data directory");
                return Some(Gone { reason, can_be_written_again });
            }
        }
    }
}
