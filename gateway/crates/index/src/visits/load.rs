//! From a disk to what is in memory.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use super::{HOUR_DAYS, Options, VisitsError};
use crate::Day;
use crate::absorb::{Awaited, Batch, Deltas, Matrices};
use crate::damage::{Damage, DamageKind, DamageTotals};
use crate::history::{Store, TenantStore, is_segment, segment_name};
use crate::journal::{self, Replayed};
use crate::manifest::{Known, Listed, Manifest, ManifestError, TenantManifest, Windows};
use crate::matrix::FARTHEST;
use crate::segment::{Segment, SegmentError};
use crate::snapshot::{Floors, Part, Snapshot};
use crate::unique::{NewIps, UniqueIps};
use crate::v6::{Granularity, Ipv6Policy};
use tallygate_disk::Disk;
use tallygate_event::TenantId;

/// What was found on opening.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Segments that count.
    pub segments: usize,
    /// Visits that the journal had, those included that the segments have too.
    pub journal_visits: u64,
    /// Bytes at the ends of journal files, or within them, that were no whole entry.
    pub cut_bytes: u64,
    /// What is lost, which was accepted.
    pub damage: Vec<Damage>,
    /// What was accepted to be lost ever, this included.
    pub damage_totals: DamageTotals,
}

/// All that a disk has.
pub(crate) struct Loaded {
    pub(crate) store: Store,
    /// By tenant, as in the store.
    pub(crate) ever: Vec<UniqueIps>,
    /// How IPv6 addresses are told apart.
    pub(crate) ipv6: Ipv6Policy,
    /// Its files, up to the one that is to be the next.
    pub(crate) journal: Range<u64>,
    pub(crate) opened: Opened,
    /// A manifest that is to be on the disk before anything is added.
    pub(crate) unwritten: Option<Vec<u8>>,
}

const GRANULARITIES: [Granularity; 4] =
    [Granularity::Full, Granularity::Prefix64, Granularity::Prefix56, Granularity::Prefix48];
/// Visits of a journal that are taken in together: enough to be quick, and not too much memory.
const TOGETHER: usize = 1 << 21;
/// Addresses that are put into the set together.
const AT_ONCE: usize = 4_096;

/// Reads a disk, without changing anything on it.
pub(crate) fn load(disk: &dyn Disk, options: &Options) -> Result<Loaded, VisitsError> {
    let loaded = load_counting(disk, options, &[])?;
    if loaded.opened.damage.is_empty() {
        return Ok(loaded);
    }
    if !options.accept_damage {
        return Err(VisitsError::Damaged(loaded.opened.damage));
    }
    // Once more, with the manifest that counts what is lost: it must be written before anything is added to what is whole.
    load_counting(disk, options, &loaded.opened.damage)
}

/// Reads a disk whose damage so far was accepted.
fn load_counting(disk: &dyn Disk, options: &Options, accepted: &[Damage]) -> Result<Loaded, VisitsError> {
    let target = floors(options.now().day(), options.retention);
    let windows = windows(options.retention);
    let manifest = Manifest::load(disk, windows)?;
    let (mut damage, mut ipv6) = (Vec::new(), options.ipv6);
    let (mut store, mut is_unwritten) = match manifest {
        Some(manifest) => {
            check_granularity(manifest.granularity, options, &mut ipv6)?;
            let mut store = listed(disk, manifest, &kept(options), &mut damage)?;
            let begun = store.begin_missing(&kept(options), target, windows);
            (store, begun && !options.as_kept)
        }
        None if options.as_kept => return Err(VisitsError::Manifest(ManifestError::None)),
        None => {
            check_is_empty(disk)?;
            let mut store = Store::new(options.ipv6.granularity);
            store.begin_missing(&kept(options), target, windows);
            (store, true)
        }
    };
    is_unwritten |= !options.as_kept && store.reach_back(disk, target)?;
    let ever: Vec<_> = store.tenants.iter().map(|_| UniqueIps::new(ipv6)).collect();
    for (tenant, ever) in store.tenants.iter_mut().zip(&ever) {
        remember(&tenant.snapshot, ever);
        if damage.iter().any(|(whose, _)| *whose == tenant.snapshot.tenant) {
            tenant.count_anew(ever, windows);
        }
    }
    if !accepted.is_empty() {
        accepted.iter().for_each(|damage| store.damage[damage.kind as usize] += 1);
        is_unwritten = true;
    }
    let unwritten = is_unwritten.then(|| store.manifest(&store.snapshots(), store.journal_from));
    let segments = store.parts().count();
    let replayed = replay(disk, &mut store, &ever)?;
    let of_segments = damage.into_iter().map(|(_, damage)| damage);
    let opened = Opened {
        segments,
        journal_visits: replayed.entries,
        cut_bytes: replayed.cut_bytes,
        damage: of_segments.chain(replayed.losses.into_iter().map(Damage::from)).collect(),
        damage_totals: store.damage,
    };
    ever.iter().for_each(|ever| ever.v6().suspect_the_full());
    let journal = store.journal_from..replayed.next;
    Ok(Loaded { store, ever, ipv6, journal, opened, unwritten })
}

/// Whose visits are kept: each once, in ascending order.
fn kept(options: &Options) -> Vec<TenantId> {
    let mut kept = options.tenants.clone();
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// What the matrices have room for from the start.
pub(crate) fn windows(retention: u32) -> Windows {
    Windows { days: retention + 64, hours: (HOUR_DAYS + 4) * 24 }
}

/// From when on a history that is begun today tells times apart.
pub(crate) fn floors(today: Day, retention: u32) -> Floors {
    let day = Day(today.0.saturating_sub(retention)).month().first_day();
    Floors { day, hour: Day(today.0.saturating_sub(HOUR_DAYS)).max(day).first_hour() }
}

/// Without a list of segments, there must be none, and no journal: the list is the first that is written.
fn check_is_empty(disk: &dyn Disk) -> Result<(), VisitsError> {
    let names = disk.list().map_err(|source| VisitsError::Io { what: "list the data directory".into(), source })?;
    let of_ours = |name: &&String| is_segment(name).is_some() || journal::FORMAT.is_file(name);
    match names.iter().find(of_ours) {
        Some(name) => Err(VisitsError::Manifest(ManifestError::Missing(name.clone()))),
        None => Ok(()),
    }
}

/// What was counted cannot be counted anew.
fn check_granularity(kept: u32, options: &Options, ipv6: &mut Ipv6Policy) -> Result<(), VisitsError> {
    let own = GRANULARITIES.into_iter().find(|granularity| bits(*granularity) == kept);
    let own = own.ok_or(VisitsError::Manifest(ManifestError::Damaged))?;
    if options.as_kept {
        // What was left out then is not there; whatever is there counts.
        *ipv6 = Ipv6Policy { granularity: own, cap_per_64: NonZeroU32::MAX };
    } else if own != ipv6.granularity {
        let asked = granularity_name(ipv6.granularity);
        return Err(VisitsError::Granularity { kept: granularity_name(own), asked });
    }
    Ok(())
}

/// The histories that a manifest lists, as far as their segments are whole; what is wrong with the others, and whose they are.
fn listed(
    disk: &dyn Disk,
    manifest: Manifest,
    kept: &[TenantId],
    damage: &mut Vec<(TenantId, Damage)>,
) -> Result<Store, VisitsError> {
    if manifest.tenants.is_empty() {
        // None is ever written without one.
        return Err(VisitsError::Manifest(ManifestError::Damaged));
    }
    let had_damage = manifest.damage.iter().any(|count| *count > 0);
    let mut tenants: Vec<TenantStore> = Vec::new();
    for one in manifest.tenants {
        let tenant = TenantId(one.tenant);
        if !kept.contains(&tenant) {
            if one.segments.is_empty() {
                // It was kept once, and nothing came.
                continue;
            }
            return Err(VisitsError::Manifest(ManifestError::Tenant { tenant: one.tenant, kept: kept.to_vec() }));
        }
        if tenants.iter().any(|other| other.snapshot.tenant == tenant) {
            return Err(VisitsError::Manifest(ManifestError::Damaged));
        }
        let (mut snapshot, lost) = listed_of(disk, &one, kept)?;
        snapshot.hours_are_lost = had_damage || !lost.is_empty();
        damage.extend(lost.into_iter().map(|damage| (tenant, damage)));
        tenants.push(TenantStore {
            snapshot,
            matrices: Arc::new(RwLock::new(one.matrices)),
            awaited: Awaited::default(),
        });
    }
    // What a crash left behind is removed by and by.
    let names = disk.list().map_err(|source| VisitsError::Io { what: "list the data directory".into(), source })?;
    let found = names.iter().filter_map(|name| is_segment(name));
    let next_file = found.clone().map(|file| file + 1).max().unwrap_or(0).max(manifest.next_file);
    let on_disk = found.collect();
    Ok(Store {
        tenants,
        granularity: manifest.granularity,
        damage: manifest.damage,
        next_file,
        journal_from: manifest.journal_from,
        on_disk,
        perhaps_listed: 0,
    })
}

/// What a manifest lists of one tenant.
fn listed_of(
    disk: &dyn Disk,
    one: &TenantManifest<Matrices>,
    kept: &[TenantId],
) -> Result<(Snapshot, Vec<Damage>), VisitsError> {
    let tenant = TenantId(one.tenant);
    let (mut snapshot, mut lost_months) = (Snapshot::new(tenant, one.floors), HashSet::new());
    let mut damage = Vec::new();
    for listed in &one.segments {
        match whole_segment(disk, listed, (tenant, kept))? {
            Ok(segment) => {
                let segment = Arc::new(segment);
                snapshot.add(Arc::new(Part { segment, file: Some(listed.file), in_month: listed.in_month }));
            }
            Err(kind) => {
                let (file, known) = (segment_name(listed.file), listed.content);
                let hours = known.and_then(|known| known.hours);
                // Where nothing is known of it, any month may lack something.
                lost_months.insert(hours.map(|(first, _)| first.day().month()));
                damage.push(Damage { kind, file, visits: known.map(|known| known.addresses), hours });
            }
        }
    }
    if !lost_months.is_empty() {
        snapshot.take_out_of_months(|month| lost_months.contains(&None) || lost_months.contains(&Some(month)));
    }
    snapshot.settle();
    Ok((snapshot, damage))
}

/// The segment that a manifest lists for a tenant, or what is wrong with it.
fn whole_segment(
    disk: &dyn Disk,
    listed: &Listed,
    (tenant, kept): (TenantId, &[TenantId]),
) -> Result<Result<Segment, DamageKind>, VisitsError> {
    let name = segment_name(listed.file);
    let content = match disk.read(&name) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Err(DamageKind::SegmentMissing)),
        Err(source) => return Err(VisitsError::Io { what: format!("read {name}"), source }),
    };
    match Segment::open(content) {
        Ok(segment) if !kept.contains(&TenantId(segment.tenant())) => {
            Err(VisitsError::Manifest(ManifestError::Tenant { tenant: segment.tenant(), kept: kept.to_vec() }))
        }
        Ok(segment) if segment.tenant() != tenant.0 => Ok(Err(DamageKind::SegmentReplaced)),
        Ok(segment) if listed.content.is_none_or(|known| known == Known::of(&segment)) => Ok(Ok(segment)),
        Ok(_) => Ok(Err(DamageKind::SegmentReplaced)),
        // Of a later version, which is no damage.
        Err(source @ SegmentError::Version { .. }) => Err(VisitsError::Segment { name, source }),
        Err(error) => {
            tracing::debug!(name, %error, "a segment that cannot be read");
            Ok(Err(DamageKind::SegmentDamaged))
        }
    }
}

/// Puts every address of the history into a set.
fn remember(snapshot: &Snapshot, ever: &UniqueIps) {
    let (mut suffixes, mut masks, mut v4) = (Vec::new(), Vec::new(), Vec::new());
    let mut new = NewIps::default();
    for part in snapshot.ever() {
        for block in part.segment.blocks() {
            block.read(&mut suffixes, &mut masks);
            let high = u32::from(block.key()) << 16;
            v4.clear();
            v4.extend(suffixes.iter().map(|suffix| high | u32::from(*suffix)));
            for some in v4.chunks(AT_ONCE) {
                new.clear();
                ever.insert(some, &[], &mut new);
            }
        }
        let v6: Vec<u128> = part.segment.v6_entries().map(|(address, _)| address).collect();
        for some in v6.chunks(AT_ONCE) {
            new.clear();
            ever.insert(&[], some, &mut new);
        }
    }
}

/// Takes in what the journal has. The history may have some of it already.
fn replay(disk: &dyn Disk, store: &mut Store, ever: &[UniqueIps]) -> Result<Replayed, VisitsError> {
    let (mut batches, mut held, mut failed) = (Vec::new(), 0, None);
    let mut first = NewIps::default();
    let kept: Vec<_> = store.tenants.iter().map(|tenant| tenant.snapshot.tenant).collect();
    let replayed = journal::replay(disk, store.journal_from, |visits| {
        if failed.is_some() {
            return;
        }
        let Ok(tenant) = kept.binary_search(&visits.tenant) else {
            let (tenant, kept) = (visits.tenant.0, kept.clone());
            failed = Some(VisitsError::Manifest(ManifestError::Tenant { tenant, kept }));
            return;
        };
        let ever = &ever[tenant];
        first.clear();
        ever.insert(visits.v4, visits.v6, &mut first);
        held += visits.v4.len() + visits.v6.len();
        let v6 = visits.v6.iter().copied().filter(|address| ever.v6().contains(*address)).collect();
        batches.push(Batch { tenant, hour: visits.hour.0, v4: visits.v4.to_vec(), first: first.v4.clone(), v6 });
        if held >= TOGETHER {
            failed = store.take_in(std::mem::take(&mut batches)).err();
            held = 0;
        }
    })?;
    failed.map_or_else(|| store.take_in(batches), Err)?;
    Ok(replayed)
}

// === impl Store ===

impl Store {
    /// Nothing of nobody.
    fn new(granularity: Granularity) -> Self {
        Self {
            tenants: Vec::new(),
            granularity: bits(granularity),
            damage: DamageTotals::default(),
            next_file: 0,
            journal_from: 0,
            on_disk: HashSet::new(),
            perhaps_listed: 0,
        }
    }

    /// Begins the histories of tenants that have none yet, and brings all into their order. Tells whether there were any.
    fn begin_missing(&mut self, kept: &[TenantId], floors: Floors, windows: Windows) -> bool {
        let before = self.tenants.len();
        for tenant in kept {
            if self.tenants.iter().all(|own| own.snapshot.tenant != *tenant) {
                self.tenants.push(TenantStore {
                    snapshot: Snapshot::new(*tenant, floors),
                    matrices: Arc::new(RwLock::new(Matrices::new(floors, windows.days, windows.hours))),
                    awaited: Awaited::default(),
                });
            }
        }
        self.tenants.sort_unstable_by_key(|own| own.snapshot.tenant);
        self.tenants.len() > before
    }

    /// Moves floors back, as far as nothing was let go of yet: they lie too late if more is to be kept than when the history
    /// was begun, or if the clock was ahead then. Tells whether any moved.
    fn reach_back(&mut self, disk: &dyn Disk, target: Floors) -> Result<bool, VisitsError> {
        let (journal_from, mut moved) = (self.journal_from, false);
        for tenant in &mut self.tenants {
            moved |= tenant.reach_back(disk, journal_from, target)?;
        }
        Ok(moved)
    }
}

// === impl TenantStore ===

impl TenantStore {
    /// As [`Store::reach_back`].
    fn reach_back(&mut self, disk: &dyn Disk, journal_from: u64, target: Floors) -> Result<bool, VisitsError> {
        let own = self.snapshot.floors;
        if !self.snapshot.before.is_empty() || target.day >= own.day && target.hour >= own.hour {
            return Ok(false);
        }
        let (mut first, mut last, tenant) = (self.snapshot.first_hour(), None, self.snapshot.tenant);
        journal::replay(disk, journal_from, |visits| {
            if visits.tenant != tenant {
                return;
            }
            first = Some(first.map_or(visits.hour, |first| first.min(visits.hour)));
            last = last.max(Some(visits.hour));
        })?;
        let mut matrices = self.matrices.write().unwrap_or_else(PoisonError::into_inner);
        let last_day = matrices.days.last().max(last.map(|last| last.day().0));
        let last_hour = matrices.hours.last().max(last.map(|last| last.0));
        // There must be room from the floor to the last visit.
        let fits = |floor: u32, last: Option<u32>| last.is_none_or(|last| last < floor + FARTHEST);
        let mut floors = own;
        if fits(target.day.0, last_day) {
            floors.day = own.day.min(target.day);
        }
        // The hours of what came before the floor are not known.
        if fits(target.hour.0, last_hour) && first.is_none_or(|first| first >= own.hour) {
            floors.hour = own.hour.min(target.hour.max(floors.day.first_hour()));
        }
        matrices.days.reach_back(floors.day.0);
        matrices.hours.reach_back(floors.hour.0);
        drop(matrices);
        self.snapshot.floors = floors;
        Ok(floors != own)
    }

    /// Counts all that is in segments anew. Matrices cannot tell what a lost segment had, and whoever is only in there would be
    /// new when coming again.
    fn count_anew(&mut self, ever: &UniqueIps, windows: Windows) {
        let mut deltas = Deltas::default();
        ever.v4().iter().for_each(|address| deltas.add_all(&self.snapshot, address));
        ever.v6().to_vec().into_iter().for_each(|address| deltas.add_all(&self.snapshot, address));
        let mut matrices = Matrices::new(self.snapshot.floors, windows.days, windows.hours);
        matrices.apply(&deltas, 1);
        self.matrices = Arc::new(RwLock::new(matrices));
    }
}

fn bits(granularity: Granularity) -> u32 {
    match granularity {
        Granularity::Full => 0,
        Granularity::Prefix64 => 64,
        Granularity::Prefix56 => 56,
        Granularity::Prefix48 => 48,
    }
}

fn granularity_name(granularity: Granularity) -> &'static str {
    match granularity {
        Granularity::Full => "full",
        Granularity::Prefix64 => "/64",
        Granularity::Prefix56 => "/56",
        Granularity::Prefix48 => "/48",
    }
}
