//! Visits as they lie on a disk that nobody writes to, to be asked and nothing else.

use std::sync::Arc;

use super::{Opened, Options, VisitsError, load};
use crate::absorb::Matrices;
use crate::query::View;
use crate::snapshot::Snapshot;
use crate::unique::UniqueIps;
use tallygate_disk::Disk;

/// What a disk had when it was opened. There is no journal and no thread behind it, and nothing on the disk is changed.
pub struct Inspection {
    snapshot: Arc<Snapshot>,
    matrices: Arc<std::sync::RwLock<Matrices>>,
    ever: UniqueIps,
    options: Options,
}

// === impl Inspection ===

impl Inspection {
    /// Reads what is on a disk, which may have been opened to read. As [`Options::as_kept`] has it.
    ///
    /// # Errors
    /// If something is damaged, or the disk fails.
    pub fn open(disk: &dyn Disk, mut options: Options) -> Result<(Self, Opened), VisitsError> {
        options.as_kept = true;
        let loaded = load::load(disk, &options)?;
        options.ipv6 = loaded.ipv6;
        let (snapshot, matrices) = (Arc::new(loaded.state.snapshot), loaded.state.matrices);
        Ok((Self { snapshot, matrices, ever: loaded.ever, options }, loaded.opened))
    }

    /// All addresses that ever came.
    #[must_use]
    pub fn ever(&self) -> &UniqueIps {
        &self.ever
    }

    /// What there is, to be asked.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(Arc::clone(&self.snapshot), &self.matrices, Arc::default(), &self.options)
    }
}
