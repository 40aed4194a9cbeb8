//! Acknowledged means durable, whatever fails and whenever the power goes.

mod failures;
mod races;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tallygate_disk::Simulated;
use tallygate_index::Hour;
use tallygate_index::journal::{Durability, Journal, Observer, Options, Progress, Visits, encode, replay};

/// Bytes of a header, of a frame with one IPv4 address, and of a mark.
const HEADER: u64 = 68;
const FRAME: u64 = 32;
const MARK: u64 = 32;
const RETRY: Duration = Duration::from_millis(1);

/// Remembers what the journal's thread tells.
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
    /// Blocks until the journal's thread has told something that fits.
    fn until(&self, fits: impl Fn(Told) -> bool) -> Told {
        let told = self.told.lock().expect("nobody panics");
        *self.changed.wait_while(told, |told| !fits(*told)).expect("nobody panics")
    }

    fn until_healthy(&self, journal: &Journal) {
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

fn start(disk: &Simulated, durability: Durability) -> (Journal, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let next = replay(disk, 0, |_| {}).expect("it can be read").next;
    let options = Options { durability, retry: RETRY, anew: false };
    let journal = Journal::start(Arc::new(disk.clone()), 0..next, options, Arc::clone(&watch) as Arc<dyn Observer>);
    (journal.expect("nothing fails yet"), watch)
}

fn frames(v4: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Visits { tenant: 1, hour: Hour(2), v4, v6: &[] }, &mut out);
    out
}

/// Commits addresses, and whether they may be acknowledged.
fn commit(journal: &Journal, v4: &[u32]) -> bool {
    let Ok(section) = journal.begin() else { return false };
    section.commit(&frames(v4)).is_none_or(|ticket| journal.wait(ticket).is_ok())
}

/// Whether a batch that adds nothing may be acknowledged.
fn settled(journal: &Journal) -> bool {
    journal.settle().is_none_or(|ticket| journal.wait(ticket).is_ok())
}

/// What a process that starts would find. No failure and no power loss is taken for damage.
fn found(disk: &Simulated) -> BTreeSet<u32> {
    found_from(disk, 0)
}

fn found_from(disk: &Simulated, from: u64) -> BTreeSet<u32> {
    let mut all = BTreeSet::new();
    let replayed = replay(disk, from, |visits| all.extend(visits.v4)).expect("it can be read");
    assert_eq!(replayed.damage, []);
    all
}

/// The journal's files.
fn files(disk: &Simulated) -> Vec<String> {
    use tallygate_disk::Disk;
    let mut names = disk.list().expect("nothing fails");
    names.retain(|name| name.starts_with("journal-"));
    names.sort();
    names
}
