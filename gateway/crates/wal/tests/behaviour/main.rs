//! Acknowledged means durable, whatever fails and whenever the power goes.
//!
//! The same tests run under Miri and ThreadSanitizer, with fewer and smaller cases.

mod failures;
mod neighbours;
mod races;
mod records;
mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tallygate_disk::{Disk, Simulated};
use tallygate_wal::{Durability, Format, Frames, Measure, Observer, Options, Progress, Wal, WalError, replay};

/// A journal of numbers.
static NUMBERS: Format = Format {
    name: "journal",
    keeps: "numbers",
    newest: "newest",
    magic: *b"TESTNUMS",
    most_payload: 1 << 20,
    measure: |payload| {
        let (numbers, rest) = payload.as_chunks::<4>();
        rest.is_empty().then_some(Measure { entries: numbers.len() as u64, key: 2 })
    },
};

/// Bytes of a header, of a frame with one number, and of a mark.
const HEADER: u64 = 68;
const FRAME: u64 = 16;
const MARK: u64 = 32;
const RETRY: Duration = Duration::from_millis(1);

/// Remembers what the log's thread tells.
#[derive(Default)]
struct Watch {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Told {
    written: u64,
    synced: u64,
    progress: Option<Progress>,
}

// === impl Watch ===

impl Watch {
    /// Blocks until the log's thread has told something that fits.
    fn until(&self, fits: impl Fn(Told) -> bool) -> Told {
        let told = self.told.lock().expect("nobody panics");
        *self.changed.wait_while(told, |told| !fits(*told)).expect("nobody panics")
    }

    fn until_healthy(&self, journal: &Wal) {
        // What was told last may be older than a failure that has just been seen.
        self.until(|_| !journal.progress().failing);
    }

    fn tell(&self, change: impl Fn(&mut Told)) {
        change(&mut self.told.lock().expect("nobody panics"));
        self.changed.notify_all();
    }
}

impl Observer for Watch {
    fn written(&self, bytes: u64) {
        self.tell(|told| told.written += bytes);
    }

    fn synced(&self, _: Duration) {
        self.tell(|told| told.synced += 1);
    }

    fn progress(&self, progress: Progress) {
        self.tell(|told| told.progress = Some(progress));
    }
}

fn start(disk: &Simulated, durability: Durability) -> (Wal, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let next = replay(disk, &NUMBERS, 0, |_| {}).expect("it can be read").next;
    let options = Options { durability, retry: RETRY, anew: false };
    (start_from(disk, next, options, &watch).expect("nothing fails yet"), watch)
}

fn start_from(disk: &Simulated, next: u64, options: Options, watch: &Arc<Watch>) -> Result<Wal, WalError> {
    Wal::start(Arc::new(disk.clone()), &NUMBERS, 0..next, options, Arc::clone(watch) as Arc<dyn Observer>)
}

fn frames(numbers: &[u32]) -> Frames {
    let mut frames = Frames::default();
    let payload = |out: &mut Vec<u8>| out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    frames.push(&NUMBERS, payload).expect("there are few");
    frames
}

/// Commits numbers, and whether they may be acknowledged.
fn commit(journal: &Wal, numbers: &[u32]) -> bool {
    let Ok(section) = journal.begin() else { return false };
    section.commit(&frames(numbers)).is_none_or(|ticket| journal.wait(ticket).is_ok())
}

/// Whether a batch that adds nothing may be acknowledged.
fn settled(journal: &Wal) -> bool {
    journal.settle().is_none_or(|ticket| journal.wait(ticket).is_ok())
}

/// What a process that starts would find. No failure and no power loss is taken for damage.
fn found(disk: &Simulated) -> BTreeSet<u32> {
    found_from(disk, 0)
}

fn found_from(disk: &Simulated, from: u64) -> BTreeSet<u32> {
    let mut all = BTreeSet::new();
    let numbers = |payload: &[u8]| all.extend(payload.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
    let replayed = replay(disk, &NUMBERS, from, numbers).expect("it can be read");
    assert_eq!(replayed.losses, []);
    all
}

/// The journal's files.
fn files(disk: &Simulated) -> Vec<String> {
    let mut names = disk.list().expect("nothing fails");
    names.retain(|name| name.starts_with("journal-"));
    names.sort();
    names
}
