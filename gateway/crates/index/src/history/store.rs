//! What the history's thread owns, and how segments get to the disk.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

use tallygate_event::TenantId;

use crate::absorb::{Awaited, Batch, Matrices, absorb};
use crate::damage::DamageTotals;
use crate::manifest::{Known, Listed, Manifest, TenantManifest};
use crate::segment::{Input, Project, Segment, SegmentError, SegmentWriter, Span, Without, write_merged};
use crate::snapshot::{Part, Parts, Snapshot};
use crate::visits::VisitsError;
use tallygate_disk::{Disk, DiskFile};

/// What the thread owns. One disk, one manifest and one sequence of segment files serve all tenants.
pub(crate) struct Store {
    /// In the order of the tenants that are kept.
    pub(crate) tenants: Vec<TenantStore>,
    pub(crate) granularity: u32,
    /// Damage that was accepted, ever.
    pub(crate) damage: DamageTotals,
    /// The number of the next segment file.
    pub(crate) next_file: u64,
    /// The first journal file with visits that segments may lack.
    pub(crate) journal_from: u64,
    /// Segment files that may be there, those included that count no more.
    pub(crate) on_disk: HashSet<u64>,
    /// Files below this number may be on a list that takes the place of the last one after a crash.
    pub(crate) perhaps_listed: u64,
}

/// What it owns of one tenant.
pub(crate) struct TenantStore {
    pub(crate) snapshot: Snapshot,
    /// Shared with those who ask; changed by the thread alone.
    pub(crate) matrices: Arc<RwLock<Matrices>>,
    pub(crate) awaited: Awaited,
}

/// A segment that is to be written.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) file: u64,
    pub(super) tenant: TenantId,
    pub(super) span: Span,
}

/// A file that takes no more when the writer is not to go on.
struct While<'a> {
    going: &'a dyn Fn() -> bool,
    file: Box<dyn DiskFile>,
}

/// Segments in memory of one span: more are merged.
const IN_MEMORY: usize = 6;

const PREFIX: &str = "segment-";

pub(crate) fn segment_name(file: u64) -> String {
    format!("{PREFIX}{file:010}")
}

/// The number of a segment file.
pub(crate) fn is_segment(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

// === impl Store ===

impl Store {
    /// Every segment of every tenant.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.tenants.iter().flat_map(|tenant| tenant.snapshot.parts())
    }

    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.parts().filter(|part| part.file.is_none())
    }

    /// The histories of all tenants, to be changed.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        self.tenants.iter().map(|tenant| tenant.snapshot.clone()).collect()
    }

    /// Makes visits part of the history. Returns which tenants they were of.
    pub(crate) fn take_in(&mut self, batches: Vec<Batch>) -> Result<Vec<usize>, VisitsError> {
        let mut of_tenants: Vec<Vec<Batch>> = self.tenants.iter().map(|_| Vec::new()).collect();
        batches.into_iter().for_each(|batch| of_tenants[batch.tenant].push(batch));
        let mut concerned = Vec::new();
        for (at, (tenant, own)) in self.tenants.iter_mut().zip(of_tenants).enumerate() {
            if !own.is_empty() {
                tenant.take_in(&own)?;
                concerned.push(at);
            }
        }
        Ok(concerned)
    }

    /// Writes what a history has in memory alone: one file for each span.
    pub(super) fn write_memory(&mut self, next: &mut Snapshot, disk: &dyn Disk) -> Result<(), VisitsError> {
        let mut spans: Vec<(Span, Parts)> = Vec::new();
        for part in next.parts().filter(|part| part.file.is_none()) {
            let span = part.segment.span();
            match spans.iter_mut().find(|(own, _)| *own == span) {
                Some((_, parts)) => parts.push(Arc::clone(part)),
                None => spans.push((span, vec![Arc::clone(part)])),
            }
        }
        for (span, parts) in spans {
            let part = self.write(disk, (next.tenant, span), &inputs(&parts), &Without::default())?;
            next.remove(parts.iter());
            if let Some(part) = part {
                next.add(Arc::new(part));
            }
        }
        Ok(())
    }

    /// Merges segments of a tenant into a new file; none if nothing is left.
    pub(super) fn write(
        &mut self,
        disk: &dyn Disk,
        (tenant, span): (TenantId, Span),
        inputs: &[Input<'_>],
        without: &Without,
    ) -> Result<Option<Part>, VisitsError> {
        let target = Target { file: self.new_file(), tenant, span };
        let segment = Arc::new(write_segment_while(&|| true, disk, target, inputs, without)?);
        Ok((!segment.is_empty()).then_some(Part { segment, file: Some(target.file), in_month: false }))
    }

    pub(super) fn new_file(&mut self) -> u64 {
        let file = self.next_file;
        self.next_file += 1;
        self.on_disk.insert(file);
        file
    }

    /// The list of segments, and the matrices, of all tenants whose histories are `next`.
    pub(crate) fn manifest(&self, next: &[Snapshot], journal_from: u64) -> Vec<u8> {
        let listed = |part: &Arc<Part>| {
            let content = Some(Known::of(&part.segment));
            part.file.map(|file| Listed { file, in_month: part.in_month, content })
        };
        let tenants = self.tenants.iter();
        let matrices = tenants.map(|tenant| tenant.matrices.read().unwrap_or_else(PoisonError::into_inner));
        let matrices: Vec<_> = matrices.collect();
        let tenants = next.iter().zip(&matrices).map(|(next, matrices)| TenantManifest {
            tenant: next.tenant.0,
            floors: next.floors,
            segments: next.parts().filter_map(listed).collect(),
            matrices: &**matrices,
        });
        let (granularity, next_file, damage) = (self.granularity, self.next_file, self.damage);
        Manifest::encode(&Manifest { granularity, next_file, journal_from, damage, tenants: tenants.collect() })
    }
}

// === impl TenantStore ===

impl TenantStore {
    fn take_in(&mut self, batches: &[Batch]) -> Result<(), VisitsError> {
        let in_memory = |source| VisitsError::Segment { name: "in memory".into(), source };
        let (deltas, segments) = absorb(&self.snapshot, batches, &mut self.awaited).map_err(in_memory)?;
        for segment in segments {
            self.snapshot.add(Arc::new(Part { segment: Arc::new(segment), file: None, in_month: false }));
        }
        self.merge_in_memory().map_err(in_memory)?;
        self.snapshot.settle();
        self.matrices.write().unwrap_or_else(PoisonError::into_inner).apply(&deltas, 1);
        Ok(())
    }

    /// Merges segments in memory where there are many of one span.
    fn merge_in_memory(&mut self) -> Result<(), SegmentError> {
        let mut crowded: Vec<Parts> = Vec::new();
        let (hours, months) = (self.snapshot.hours.values(), self.snapshot.months.values());
        for parts in hours.chain(months).chain([&self.snapshot.before]) {
            let loose: Parts = parts.iter().filter(|part| part.file.is_none()).cloned().collect();
            if loose.len() > IN_MEMORY {
                crowded.push(loose);
            }
        }
        for parts in crowded {
            let Some(span) = parts.first().map(|part| part.segment.span()) else { continue };
            let writer = SegmentWriter::new(Vec::new(), self.snapshot.tenant.0, span);
            let merged = write_merged(&inputs(&parts), &Without::default(), writer);
            let (bytes, _) = merged.expect("memory takes what is written to it");
            let segment = Arc::new(Segment::open(bytes.into())?);
            self.snapshot.remove(parts.iter());
            self.snapshot.add(Arc::new(Part { segment, file: None, in_month: false }));
        }
        Ok(())
    }
}

/// All that segments of one span have.
pub(super) fn inputs(parts: &Parts) -> Vec<Input<'_>> {
    parts.iter().map(|part| Input { segment: &part.segment, keep: u32::MAX, project: Project::AsIs }).collect()
}

/// Merges segments into a file, durable but for its name. Gives up when it is not to go on.
pub(super) fn write_segment_while(
    going: &dyn Fn() -> bool,
    disk: &dyn Disk,
    target: Target,
    inputs: &[Input<'_>],
    without: &Without,
) -> Result<Segment, VisitsError> {
    let Target { file, tenant, span } = target;
    debug_assert!(inputs.iter().all(|input| input.segment.tenant() == tenant.0), "tenants are never mixed");
    let name = segment_name(file);
    let failed = |source| VisitsError::Io { what: format!("write {name}"), source };
    let out = While { going, file: disk.create(&name).map_err(failed)? };
    let out = std::io::BufWriter::with_capacity(1 << 18, out);
    let (out, _) = write_merged(inputs, without, SegmentWriter::new(out, tenant.0, span)).map_err(failed)?;
    out.into_inner().map_err(|error| failed(error.into_error()))?.file.sync().map_err(failed)?;
    let content = disk.read(&name).map_err(failed)?;
    Segment::open(content).map_err(|source| VisitsError::Segment { name: name.clone(), source })
}

// === impl While ===

impl Write for While<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.going)() {
            return Err(io::Error::other("this program ends"));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
