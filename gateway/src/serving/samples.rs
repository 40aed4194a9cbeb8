//! The last real records of each route, kept so that a new plugin can be tried on them before it serves.
//!
//! Each worker keeps its own, so that keeping one costs a request next to nothing: at a rate at which a full ring is renewed
//! in ten seconds, and never by waiting for somebody who reads. Records lie together in a few large blocks, which are let go of
//! whole: a piece of memory for each record would keep pages from being given back that hold little else.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use rustix::time::{ClockId, clock_gettime};
use tallygate_event::Records;

/// Bounds on what is kept of one route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// The samples of one route.
pub(crate) struct Samples {
    bounds: Bounds,
    rings: Box<[Ring]>,
}

/// Records that came in together, in the order in which they came, for one call of a plugin.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    data: Vec<u8>,
    bounds: Vec<u32>,
    received: i64,
}

/// A moment on a coarse clock: some milliseconds, read for some nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct CoarseInstant(u64);

/// What one worker keeps. Padded, as workers write to theirs at the same time.
#[repr(align(128))]
struct Ring {
    /// Until when nothing is kept, in milliseconds.
    next: AtomicU64,
    /// Locked while records go in, and while they are copied out.
    kept: Mutex<Kept>,
}

struct Kept {
    bounds: Bounds,
    /// The oldest first.
    blocks: VecDeque<Block>,
    records: usize,
    bytes: usize,
    allowance: Allowance,
}

/// Records that lie together, and are let go of together.
#[derive(Default)]
struct Block {
    data: Vec<u8>,
    samples: Vec<Sample>,
}

/// A record that came in.
struct Sample {
    at: CoarseInstant,
    received: i64,
    /// Where it ends in its block; it begins where the one before ends.
    end: usize,
}

/// How much may be kept now. It grows with time, up to what a ring holds.
struct Allowance {
    records: u64,
    bytes: u64,
    since: u64,
}

/// In which time a ring is renewed at most once.
const TURNOVER: u64 = 10_000;
/// How often a worker looks whether it may keep records, where more come than it may.
const INTERVAL: u64 = 10;
/// A ring has so many blocks when it is full, and a record may take no more than one of them.
const BLOCKS: usize = 16;
/// Records and bytes of one call, as on the live path.
const CALL_RECORDS: usize = 1000;
const CALL_BYTES: usize = 256 << 10;

#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::MonotonicCoarse;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

// === impl Samples ===

impl Samples {
    pub(crate) fn new(bounds: Bounds, workers: usize) -> Self {
        let share = Bounds { records: bounds.records.div_ceil(workers), bytes: bounds.bytes / workers };
        Self { bounds, rings: (0..workers).map(|_| Ring::new(share)).collect() }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Offers records that came in to a worker, which keeps some of them.
    pub(crate) fn offer(&self, worker: usize, records: Records<'_>) {
        let Some(ring) = self.rings.get(worker) else { return };
        let now = CoarseInstant::now();
        if now.0 < ring.next.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = match ring.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody reads. There will be other records.
            Err(TryLockError::WouldBlock) => return,
        };
        let bounds = kept.bounds;
        kept.allowance.grow(now, bounds);
        if kept.take(now, records) {
            ring.next.store(now.0 + INTERVAL, Ordering::Relaxed);
        }
    }

    /// What is kept that came in since then, the oldest of each worker first.
    pub(crate) fn since(&self, since: CoarseInstant) -> Vec<Capture> {
        let mut all = Vec::new();
        for ring in &self.rings {
            let kept = ring.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.blocks.iter().for_each(|block| block.copy(since, &mut all));
        }
        all
    }
}

// === impl Capture ===

impl Capture {
    pub(crate) fn new(received: i64) -> Self {
        Self { data: Vec::new(), bounds: Vec::new(), received }
    }

    /// The records, as a plugin is asked about them.
    pub(crate) fn records(&self) -> Records<'_> {
        Records { data: &self.data, bounds: &self.bounds, received: self.received }
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) {
        // Captures are bounded far below 4 GiB.
        let place = |data: &[u8]| u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.bounds.push(place(&self.data));
        self.data.extend_from_slice(record);
        self.bounds.push(place(&self.data));
        // Nothing of a record may be read out of its neighbour, not even by a plugin that looks further than it should.
        self.data.push(b'\n');
    }

    /// Whether it fits in a call with those that are there. One alone always does.
    pub(crate) fn has_room_for(&self, record: &[u8]) -> bool {
        self.bounds.is_empty() || self.records().len() < CALL_RECORDS && self.data.len() + record.len() < CALL_BYTES
    }
}

// === impl CoarseInstant ===

impl CoarseInstant {
    /// Before everything.
    pub(crate) const NEVER: Self = Self(0);

    pub(crate) fn now() -> Self {
        let now = clock_gettime(CLOCK);
        Self(now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000)
    }
}

// === impl Ring ===

impl Ring {
    fn new(bounds: Bounds) -> Self {
        let allowance =
            Allowance { records: bounds.records as u64, bytes: bounds.bytes as u64, since: CoarseInstant::now().0 };
        let kept = Kept { bounds, blocks: VecDeque::new(), records: 0, bytes: 0, allowance };
        Self {
            // Where nothing is to be kept, nobody looks.
            next: AtomicU64::new(if bounds.records == 0 { u64::MAX } else { 0 }),
            kept: Mutex::new(kept),
        }
    }
}

// === impl Kept ===

impl Kept {
    /// Keeps as many as it may, spread evenly over those offered. True if there were more than that.
    fn take(&mut self, now: CoarseInstant, records: Records<'_>) -> bool {
        let may = usize::try_from(self.allowance.records).unwrap_or(usize::MAX);
        let step = records.len().div_ceil(may.max(1)).max(1);
        let mut left_out = records.len() > may;
        for record in (0..records.len()).step_by(step).filter_map(|at| records.get(at)) {
            if record.len() > self.bounds.bytes / BLOCKS {
                continue;
            }
            if self.allowance.records == 0 || self.allowance.bytes < record.len() as u64 {
                left_out = true;
                break;
            }
            self.allowance.records -= 1;
            self.allowance.bytes -= record.len() as u64;
            self.keep(now, records.received, record);
        }
        left_out
    }

    fn keep(&mut self, at: CoarseInstant, received: i64, record: &[u8]) {
        let share = Bounds { records: self.bounds.records.div_ceil(BLOCKS), bytes: self.bounds.bytes / BLOCKS };
        if self.blocks.back().is_none_or(|block| !block.has_room_for(record, share)) {
            self.blocks.push_back(Block::default());
        }
        if let Some(block) = self.blocks.back_mut() {
            block.data.extend_from_slice(record);
            block.samples.push(Sample { at, received, end: block.data.len() });
        }
        self.records += 1;
        self.bytes += record.len();
        while self.records > self.bounds.records || self.bytes > self.bounds.bytes {
            let Some(oldest) = self.blocks.pop_front() else { return };
            self.records -= oldest.samples.len();
            self.bytes -= oldest.data.len();
        }
    }
}

// === impl Block ===

impl Block {
    fn has_room_for(&self, record: &[u8], share: Bounds) -> bool {
        self.samples.len() < share.records && self.data.len() + record.len() <= share.bytes
    }

    /// Adds copies of what came in since then, together what was received together.
    fn copy(&self, since: CoarseInstant, captures: &mut Vec<Capture>) {
        let mut start = 0;
        for sample in &self.samples {
            let record = self.data.get(start..sample.end).unwrap_or_default();
            start = sample.end;
            if sample.at < since {
                continue;
            }
            let together = |last: &&mut Capture| last.received == sample.received && last.has_room_for(record);
            match captures.last_mut().filter(together) {
                Some(last) => last.push(record),
                None => {
                    let mut capture = Capture::new(sample.received);
                    capture.push(record);
                    captures.push(capture);
                }
            }
        }
    }
}

// === impl Allowance ===

impl Allowance {
    fn grow(&mut self, now: CoarseInstant, bounds: Bounds) {
        let passed = now.0.saturating_sub(self.since).min(TURNOVER);
        let more = |most: usize| most as u64 * passed / TURNOVER;
        // Time that has not yet made a record is left to the next.
        if more(bounds.records) > 0 {
            self.records = (self.records + more(bounds.records)).min(bounds.records as u64);
            self.bytes = (self.bytes + more(bounds.bytes)).min(bounds.bytes as u64);
            self.since = now.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(samples: &Samples, text: &str, received: i64) {
        let mut capture = Capture::new(received);
        text.split(' ').for_each(|word| capture.push(word.as_bytes()));
        samples.offer(0, capture.records());
    }

    fn kept(samples: &Samples) -> Vec<String> {
        let captures = samples.since(CoarseInstant::NEVER);
        let words = captures.iter().flat_map(|capture| {
            let records = capture.records();
            (0..records.len()).filter_map(move |at| records.get(at))
        });
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    #[test]
    fn a_ring_fills_at_once_and_then_slowly() {
        let samples = Samples::new(Bounds { records: 4, bytes: 1000 }, 1);
        offer(&samples, "a b", 0);
        offer(&samples, "c d e f", 0);
        assert_eq!(kept(&samples), ["a", "b", "c", "e"], "evenly spread over what was offered");
        for _ in 0..100 {
            offer(&samples, "x", 0);
        }
        assert!(kept(&samples).iter().filter(|record| *record == "x").count() <= 1, "{:?}", kept(&samples));
    }

    #[test]
    fn the_bounds_hold_and_nothing_is_kept_where_nothing_shall_be() {
        let samples = Samples::new(Bounds { records: 10, bytes: 32 }, 1);
        offer(&samples, "aaa 22 333", 0);
        assert_eq!(kept(&samples), ["22"], "the others are too large a part");
        let none = Samples::new(Bounds { records: 0, bytes: 32 }, 1);
        offer(&none, "a", 0);
        assert!(kept(&none).is_empty());
    }

    #[test]
    fn what_was_received_together_is_asked_about_together_and_at_that_time() {
        let samples = Samples::new(Bounds { records: 1600, bytes: 1 << 20 }, 1);
        offer(&samples, "a b", 1);
        offer(&samples, "c", 2);
        offer(&samples, "d", 2);
        let captures = samples.since(CoarseInstant::NEVER);
        let shape: Vec<_> =
            captures.iter().map(|capture| (capture.records().received, capture.records().len())).collect();
        assert_eq!(shape, [(1, 2), (2, 2)]);
        assert_eq!(captures[1].records().get(1), Some(&b"d"[..]));
        let later = CoarseInstant(CoarseInstant::now().0 + 1000);
        assert!(samples.since(later).is_empty());
    }

    /// The oldest go, a sixteenth of the ring at a time, and what is kept stays within the bounds.
    #[test]
    fn a_full_ring_lets_go_of_its_oldest_block() {
        let bounds = Bounds { records: 64, bytes: 6400 };
        let mut kept = Kept {
            bounds,
            blocks: VecDeque::new(),
            records: 0,
            bytes: 0,
            allowance: Allowance { records: 0, bytes: 0, since: 0 },
        };
        for at in 0..1000_u32 {
            kept.keep(CoarseInstant(1), 0, at.to_string().as_bytes());
            assert!(kept.records <= bounds.records && kept.bytes <= bounds.bytes && kept.blocks.len() <= BLOCKS + 1);
            assert!(at < 64 || kept.records > bounds.records - bounds.records / BLOCKS - 1, "{}", kept.records);
        }
        let mut captures = Vec::new();
        kept.blocks.iter().for_each(|block| block.copy(CoarseInstant::NEVER, &mut captures));
        let last = captures.last().and_then(|last| last.records().get(last.records().len() - 1)).map(<[u8]>::to_vec);
        assert_eq!(last.as_deref(), Some(&b"999"[..]));
    }

    #[test]
    fn an_allowance_grows_with_time() {
        let bounds = Bounds { records: 100, bytes: 1000 };
        let mut allowance = Allowance { records: 0, bytes: 0, since: 0 };
        allowance.grow(CoarseInstant(50), bounds);
        assert_eq!((allowance.records, allowance.since), (0, 0));
        allowance.grow(CoarseInstant(1000), bounds);
        assert_eq!((allowance.records, allowance.bytes), (10, 100));
        allowance.grow(CoarseInstant(1_000_000), bounds);
        assert_eq!((allowance.records, allowance.bytes), (100, 1000));
    }
}
