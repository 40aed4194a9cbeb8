//! How a batch gets into the visits.

use std::sync::{Arc, PoisonError, RwLockReadGuard};

use super::{Core, Tenant};
use crate::Hour;
use crate::absorb::Batch;
use crate::hot::{Closed, HotHour};
use crate::journal::{self, Frames, HourVisits, Ticket, Unwritable};
use crate::segment::Without;
use crate::unique::{NewIps, mapped};
use tallygate_event::TenantId;
use tallygate_wal::Section;

/// Memory that serves many batches, all of them of the same [`super::Visits`].
#[derive(Default)]
pub struct Scratch {
    missing_v4: Vec<u32>,
    missing_v6: Vec<u128>,
    masked: Vec<u128>,
    mapped: Vec<u32>,
    new: NewIps,
    first: NewIps,
    frames: Frames,
    /// Addresses that the batch brought into the set that is counted.
    arrived: NewIps,
    /// The hour that was last written to, and whose: mostly the next one, too.
    last: Option<(TenantId, Arc<HotHour>)>,
}

/// A batch on its way: what it holds is added hour by hour, and acknowledged as a whole.
pub struct Write<'a> {
    core: &'a Core,
    /// Whose batch it is.
    tenant: &'a Tenant,
    scratch: &'a mut Scratch,
    /// Since something new was found. The gate is taken before the section and let go after it, as whoever closes the gate
    /// waits for the sections of others to end.
    section: Option<(Section<'a>, RwLockReadGuard<'a, Without>)>,
}

// === impl Write ===

impl<'a> Write<'a> {
    pub(super) fn new(core: &'a Core, tenant: &'a Tenant, scratch: &'a mut Scratch) -> Self {
        scratch.frames.clear();
        scratch.arrived.clear();
        Self { core, tenant, scratch, section: None }
    }

    /// Adds the visits of one hour. An IPv4 address written as an IPv6 one is the same address. Addresses of a /64 that is
    /// full are left out.
    ///
    /// # Errors
    /// If nothing can be written now, or the hour is not kept ([`super::TenantVisits::keeps`]). What was added before stays, and may
    /// be added again.
    pub fn add(&mut self, hour: Hour, v4: &[u32], v6: &[u128]) -> Result<(), Unwritable> {
        let granularity = self.core.options.ipv6.granularity;
        let own = v6.iter().filter(|address| mapped(**address).is_none());
        self.scratch.masked.clear();
        self.scratch.masked.extend(own.map(|address| granularity.mask(*address)));
        if self.scratch.masked.len() == v6.len() {
            return self.add_apart(hour, v4);
        }
        let mut all = std::mem::take(&mut self.scratch.mapped);
        all.clear();
        all.extend(v4.iter().copied().chain(v6.iter().copied().filter_map(mapped)));
        let added = self.add_apart(hour, &all);
        self.scratch.mapped = all;
        added
    }

    /// Acknowledges all of it: when the ticket is durable, or at once if there is none.
    ///
    /// # Errors
    /// If it cannot be made durable now. It may be sent again.
    pub fn finish(mut self) -> Result<Option<Ticket>, Unwritable> {
        match self.section.take() {
            Some((section, _gate)) => Ok(section.commit(&self.scratch.frames)),
            None => Ok(self.core.journal.settle()),
        }
    }

    /// As [`Self::add`], with the IPv6 addresses in the scratch, masked.
    fn add_apart(&mut self, hour: Hour, v4: &[u32]) -> Result<(), Unwritable> {
        if v4.is_empty() && self.scratch.masked.is_empty() {
            return Ok(());
        }
        loop {
            // Taken out and put back, as counting who has it would make the cores meet.
            let hot = self.scratch.take_hour(self.tenant, hour);
            let added = self.add_to(&hot, v4);
            self.scratch.last = Some((self.tenant.id, hot));
            // An hour that was closed meanwhile is opened anew.
            if added? != Err(Closed) {
                return Ok(());
            }
        }
    }

    fn add_to(&mut self, hot: &HotHour, v4: &[u32]) -> Result<Result<(), Closed>, Unwritable> {
        let (core, tenant, scratch) = (self.core, self.tenant, &mut *self.scratch);
        scratch.missing_v4.clear();
        scratch.missing_v6.clear();
        hot.missing_v4(v4, &mut scratch.missing_v4);
        if !scratch.masked.is_empty() {
            hot.missing_v6(&scratch.masked, &mut scratch.missing_v6);
        }
        if scratch.missing_v4.is_empty() && scratch.missing_v6.is_empty() {
            return Ok(Ok(()));
        }
        let (_, erasing) = match &mut self.section {
            Some(section) => section,
            none => {
                let gate = tenant.gate.read().unwrap_or_else(PoisonError::into_inner);
                // Before anything is put where other threads see it: what they find known waits for this.
                none.insert((core.journal.begin()?, gate))
            }
        };
        // Behind the gate, as what is kept changes there, too.
        core.accept(tenant, hot.hour())?;
        scratch.new.clear();
        let inserted = hot.insert_v4(&scratch.missing_v4, &mut scratch.new.v4);
        let inserted = inserted.and_then(|()| scratch.insert_v6(tenant, hot));
        // What an hour took in before it was closed is passed on all the same.
        scratch.pass_on(core, tenant, hot, erasing);
        Ok(inserted)
    }
}

impl Drop for Write<'_> {
    /// What was added is known to others from then on, so it must reach the journal even if nobody waits for it.
    fn drop(&mut self) {
        if let Some(section) = self.section.take() {
            // Nobody waits for it.
            let _ticket = section.0.commit(&self.scratch.frames);
        }
    }
}

// === impl Scratch ===

impl Scratch {
    /// What the last batch brought into the set that is counted, whether or not it was acknowledged then.
    pub fn take_arrived(&mut self) -> NewIps {
        std::mem::take(&mut self.arrived)
    }

    fn take_hour(&mut self, tenant: &Tenant, hour: Hour) -> Arc<HotHour> {
        let last =
            self.last.take().filter(|(whose, last)| *whose == tenant.id && last.hour() == hour && !last.is_closed());
        last.map_or_else(|| tenant.hot.open(hour, || tenant.snapshot.load().knows_hour(hour)), |(_, last)| last)
    }

    /// Adds the IPv6 addresses that their /64 still takes.
    fn insert_v6(&mut self, tenant: &Tenant, hot: &HotHour) -> Result<(), Closed> {
        if self.missing_v6.is_empty() {
            return Ok(());
        }
        self.first.clear();
        tenant.ever.insert(&[], &self.missing_v6, &mut self.first);
        if tenant.since_start.is_none() {
            self.arrived.v6.extend(&self.first.v6);
        }
        self.missing_v6.retain(|address| tenant.ever.v6().contains(*address));
        hot.insert_v6(&self.missing_v6, &mut self.new.v6)
    }

    /// What is new in its hour goes to the sets, the journal and the history.
    fn pass_on(&mut self, core: &Core, tenant: &Tenant, hot: &HotHour, erasing: &Without) {
        let hour = hot.hour();
        if let Some(set) = &tenant.since_start {
            self.first.clear();
            set.insert(&self.new.v4, &self.new.v6, &mut self.first);
            self.arrived.v4.extend(&self.first.v4);
            self.arrived.v6.extend(&self.first.v6);
        }
        if hot.backed() {
            let history = tenant.snapshot.load();
            // That the history has an address says nothing while it is being erased from there.
            let has_v4 = |address| erasing.v4.binary_search(&address).is_err() && history.has_hour(address, hour);
            let has_v6 = |address| erasing.v6.binary_search(&address).is_err() && history.has_hour(address, hour);
            self.new.v4.retain(|address| !has_v4(*address));
            self.new.v6.retain(|address| !has_v6(*address));
        }
        if self.new.is_empty() {
            return;
        }
        self.first.clear();
        tenant.ever.insert(&self.new.v4, &[], &mut self.first);
        if tenant.since_start.is_none() {
            self.arrived.v4.extend(&self.first.v4);
        }
        journal::encode(&HourVisits { tenant: tenant.id, hour, v4: &self.new.v4, v6: &self.new.v6 }, &mut self.frames);
        // Before the section ends: a rotation of the journal waits for that, and then finds all that it closed off here.
        core.queue.put(Batch {
            tenant: tenant.at,
            hour: hour.0,
            v4: self.new.v4.clone(),
            first: self.first.v4.clone(),
            v6: self.new.v6.clone(),
        });
    }
}
