//! What is kept of one tenant, and the handle to it. The journal, the queue, the history's thread and the disk serve all of them.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use arc_swap::ArcSwap;
use tallygate_event::TenantId;

use super::{Core, Options, Scratch, VisitsError, Write};
use crate::absorb::Matrices;
use crate::history::{Command, TenantStore};
use crate::hot::HotHours;
use crate::journal::Unwritable;
use crate::query::View;
use crate::segment::Without;
use crate::snapshot::Snapshot;
use crate::unique::{NewIps, UniqueIps, mapped};
use crate::{Day, Hour};

/// The visits of one tenant. Cheap to copy.
#[derive(Clone, Copy)]
pub struct TenantVisits<'a> {
    core: &'a Core,
    tenant: &'a Tenant,
}

/// What the threads share of one tenant.
pub(crate) struct Tenant {
    /// Where it is in [`Core::tenants`], and in what the history's thread owns.
    pub(crate) at: usize,
    pub(crate) id: TenantId,
    pub(crate) hot: HotHours,
    pub(crate) ever: UniqueIps,
    pub(crate) since_start: Option<UniqueIps>,
    /// Those of the set that is counted which came in batches that were refused, and in no other since. Made when the first
    /// batch is refused, as an empty set takes half a megabyte.
    pub(crate) unacknowledged: OnceLock<UniqueIps>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Guards nothing but themselves: changed by the history's thread alone.
    pub(crate) matrices: Arc<RwLock<Matrices>>,
    /// Held for reading while new visits go from the hot hours to the queue, for writing while addresses are taken out of the
    /// sets. Guards which ones the history still has, but perhaps not for long: whoever brings them brings them anew.
    pub(crate) gate: RwLock<Without>,
}

// === impl TenantVisits ===

impl<'a> TenantVisits<'a> {
    pub(super) fn new(core: &'a Core, tenant: &'a Tenant) -> Self {
        Self { core, tenant }
    }

    /// Whose they are.
    #[must_use]
    pub fn id(self) -> TenantId {
        self.tenant.id
    }

    /// Begins to add a batch. A thread must end one before it begins the next.
    pub fn write(self, scratch: &'a mut Scratch) -> Write<'a> {
        Write::new(self.core, self.tenant, scratch)
    }

    /// How many addresses came ever, or since the start if this is what is counted.
    #[must_use]
    pub fn unique(self) -> u64 {
        self.counted().len()
    }

    /// The set that is counted.
    #[must_use]
    pub fn counted(self) -> &'a UniqueIps {
        self.tenant.since_start.as_ref().unwrap_or(&self.tenant.ever)
    }

    /// All addresses that ever came.
    #[must_use]
    pub fn ever(self) -> &'a UniqueIps {
        &self.tenant.ever
    }

    /// How many addresses are counted that came in batches which were refused, and in no other since. A batch is put into the
    /// sets before it is durable, so what was on its way when the journal failed is there, and becomes durable when it can.
    #[must_use]
    pub fn unacknowledged(self) -> u64 {
        self.tenant.unacknowledged.get().map_or(0, UniqueIps::len)
    }

    /// Notes that a batch was refused after it had brought these addresses, as [`Scratch::take_arrived`] says.
    pub fn refused(self, arrived: &NewIps) {
        if !arrived.is_empty() {
            let set = self.tenant.unacknowledged.get_or_init(|| UniqueIps::new(self.core.options.ipv6));
            set.insert(&arrived.v4, &arrived.v6, &mut NewIps::default());
        }
    }

    /// Notes that a batch of these addresses is acknowledged. Costs nothing while none was refused.
    pub fn acknowledged(self, v4: &[u32], v6: &[u128]) {
        let Some(unacknowledged) = self.tenant.unacknowledged.get().filter(|set| !set.is_empty()) else { return };
        let granularity = self.core.options.ipv6.granularity;
        for address in v4 {
            unacknowledged.v4().remove(*address);
        }
        for address in v6 {
            match mapped(*address) {
                Some(v4) => unacknowledged.v4().remove(v4),
                None => unacknowledged.v6().remove(granularity.mask(*address)),
            };
        }
    }

    /// Whether an hour is within what is kept. Visits of others cannot be added.
    #[must_use]
    pub fn keeps(self, hour: Hour) -> bool {
        self.tenant.keeps(hour)
    }

    /// The oldest day that is kept.
    #[must_use]
    pub fn oldest_day(self) -> Day {
        self.tenant.snapshot.load().floors.day
    }

    /// What was added up to now, to be asked. Waits until the history has taken it in: some milliseconds, while much comes in.
    #[must_use]
    pub fn view(self) -> View<'a> {
        self.core.queue.catch_up();
        self.view_now()
    }

    /// What the history has, and what single addresses are asked of: they are found even if it has not taken them in yet.
    #[must_use]
    pub fn view_now(self) -> View<'a> {
        // In this order: an hour leaves the hot ones only after the history has all of it.
        let hot = self.tenant.hot.all();
        View::new(self.tenant.snapshot.load_full(), &self.tenant.matrices, hot, &self.core.options)
    }

    /// Forgets addresses: every count is then what it would be had they never come. Returns how many had come. Other tenants
    /// know them as before.
    ///
    /// # Errors
    /// If it cannot be made durable. Then nothing is forgotten, unless the power fails now: it may be found done after that.
    pub fn forget(self, addresses: &[IpAddr]) -> Result<usize, VisitsError> {
        let forgotten = self.core.ask(|reply| Command::Forget(self.tenant.at, addresses.to_vec(), reply))?;
        if let Some(unacknowledged) = self.tenant.unacknowledged.get() {
            for address in addresses {
                unacknowledged.remove(*address);
            }
        }
        Ok(forgotten)
    }
}

// === impl Tenant ===

impl Tenant {
    /// One whose history is there; `ever` are the addresses that came.
    pub(super) fn new(at: usize, history: &TenantStore, ever: UniqueIps, options: &Options) -> Self {
        Self {
            at,
            id: history.snapshot.tenant,
            hot: HotHours::new(),
            ever,
            since_start: options.since_start.then(|| UniqueIps::new(options.ipv6)),
            unacknowledged: OnceLock::new(),
            snapshot: ArcSwap::from_pointee(history.snapshot.clone()),
            matrices: Arc::clone(&history.matrices),
            gate: RwLock::new(Without::default()),
        }
    }

    pub(crate) fn keeps(&self, hour: Hour) -> bool {
        self.snapshot.load().floors.keep(hour)
    }

    /// Waits until those are through who are on their way from a hot hour to the queue.
    pub(crate) fn let_through(&self) {
        drop(self.gate.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether new visits of an hour can be taken, as far as it is up to the hour.
    pub(super) fn accept(&self, hour: Hour, options: &Options) -> Result<(), Unwritable> {
        if self.keeps(hour) {
            return Ok(());
        }
        let (own, day) = (hour.day(), self.snapshot.load().floors.day);
        let reason = if own < day {
            format!("visits of {own} cannot be kept, as the history begins with {day}; is the clock right?")
        } else {
            let seconds = options.patience.as_secs();
            format!(
                "{own} is months ahead of the history; if the clock stays there, visits are taken after {seconds} s"
            )
        };
        Err(Unwritable { reason })
    }
}
