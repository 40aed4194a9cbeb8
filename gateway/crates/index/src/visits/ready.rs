//! Whether the next visit would be kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Core, Visits};
use crate::history::segment_name;
use crate::manifest::Manifest;

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
        self.accept(self.options.now()).map_err(|unwritable| NotReady(unwritable.to_string()))?;
        if self.lacking.load(Ordering::Acquire) {
            return Err(NotReady("files of the data directory were gone, and are being written again".to_owned()));
        }
        self.gone().map_or(Ok(()), |gone| Err(NotReady(gone.reason)))
    }

    /// What is not there any more of the files of the history and its journal.
    pub(crate) fn gone(&self) -> Option<Gone> {
        loop {
            let (journal, snapshot) = (self.journal.file(), self.snapshot.load_full());
            let names = match self.disk.list() {
                Ok(names) => names,
                Err(error) => {
                    let reason = format!("the data directory cannot be read: {error}");
                    return Some(Gone { reason, can_be_written_again: true });
                }
            };
            let segments = snapshot.parts().filter_map(|part| part.file.map(segment_name));
            let others = journal.clone().into_iter().chain([Manifest::name().to_owned()]);
            let wanted = others.map(|name| (name, true)).chain(segments.map(|name| (name, false)));
            let (name, can_be_written_again) = wanted.into_iter().find(|(name, _)| !names.contains(name))?;
            // Files come and go with each flush: what was not there may be needed no more.
            if self.journal.file() == journal && Arc::ptr_eq(&snapshot, &self.snapshot.load_full()) {
                let reason = format!("{name} is gone from the data directory");
                return Some(Gone { reason, can_be_written_again });
            }
        }
    }
}
