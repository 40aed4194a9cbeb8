//! Visits as they lie on a disk that nobody writes to, to be asked and nothing else.

use std::sync::{Arc, RwLock};

use super::{NoTenant, Opened, Options, VisitsError, load};
use crate::absorb::Matrices;
use crate::query::View;
use crate::snapshot::Snapshot;
use crate::unique::UniqueIps;
use tallygate_disk::Disk;
use tallygate_event::TenantId;

/// What a disk had when it was opened. There is no journal and no thread behind it, and nothing on the disk is changed.
pub struct Inspection {
    tenants: Vec<Found>,
    options: Options,
}

/// What it had of a tenant.
struct Found {
    snapshot: Arc<Snapshot>,
    matrices: Arc<RwLock<Matrices>>,
    ever: UniqueIps,
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
        let found = loaded.store.tenants.into_iter().zip(loaded.ever);
        let found =
            found.map(|(kept, ever)| Found { snapshot: Arc::new(kept.snapshot), matrices: kept.matrices, ever });
        Ok((Self { tenants: found.collect(), options }, loaded.opened))
    }

    /// All addresses of a tenant that ever came.
    ///
    /// # Errors
    /// If it is none of [`Options::tenants`].
    pub fn ever(&self, tenant: TenantId) -> Result<&UniqueIps, NoTenant> {
        Ok(&self.of(tenant)?.ever)
    }

    /// What there is of a tenant, to be asked.
    ///
    /// # Errors
    /// If it is none of [`Options::tenants`].
    pub fn view(&self, tenant: TenantId) -> Result<View<'_>, NoTenant> {
        let found = self.of(tenant)?;
        Ok(View::new(Arc::clone(&found.snapshot), &found.matrices, Arc::default(), &self.options))
    }

    fn of(&self, tenant: TenantId) -> Result<&Found, NoTenant> {
        self.tenants.iter().find(|found| found.snapshot.tenant == tenant).ok_or(NoTenant(tenant))
    }
}
