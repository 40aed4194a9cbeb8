use super::*;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use tallygate_disk::{Content, DiskFile};
use tallygate_wal::Settled;

const THREADS: u64 = 4;
const ROUNDS: u64 = if cfg!(miri) { 1 } else { 25 };
const BATCHES: u64 = if cfg!(miri) { 10 } else { 150 };
/// All numbers are below this.
const MOST: usize = 512;

/// A disk whose syncs take a while, so that threads meet at them.
struct Slow(Simulated);

struct SlowFile(Box<dyn DiskFile>);

impl Disk for Slow {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SlowFile(self.0.create(name)?)))
    }

    fn read(&self, name: &str) -> io::Result<Content> {
        self.0.read(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

impl io::Write for SlowFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl DiskFile for SlowFile {
    fn sync(&mut self) -> io::Result<()> {
        thread::sleep(Duration::from_micros(30));
        self.0.sync()
    }
}

/// Numbers that came, in a set that orders nothing: whoever finds one there is told nothing else by that.
struct Came(Vec<AtomicBool>);

/// Batches that repeat each other's numbers, from several threads.
struct Traffic {
    disk: Simulated,
    journal: Wal,
    came: Came,
    acknowledged: Mutex<BTreeSet<u32>>,
    done: AtomicU64,
    stop: AtomicBool,
}

impl Came {
    /// Puts numbers in, and returns those that are new.
    fn insert(&self, numbers: &[u32]) -> Vec<u32> {
        numbers.iter().copied().filter(|number| !self.0[*number as usize].swap(true, Ordering::Relaxed)).collect()
    }

    fn all(&self) -> BTreeSet<u32> {
        (0..).zip(&self.0).filter(|(_, came)| came.load(Ordering::Relaxed)).map(|(number, _)| number).collect()
    }
}

impl Traffic {
    fn new(seed: u64) -> (Self, Arc<Watch>) {
        let (disk, watch) = (Simulated::new(seed), Arc::new(Watch::default()));
        let options = Options { retry: RETRY, ..Options::default() };
        let observer = Arc::clone(&watch) as Arc<dyn Observer>;
        let slow = Arc::new(Slow(disk.clone()));
        let journal = Wal::start(slow, &NUMBERS, 0..1, options, observer).expect("nothing fails yet");
        let came = Came((0..MOST).map(|_| AtomicBool::new(false)).collect());
        let acknowledged = Mutex::default();
        (Self { disk, journal, came, acknowledged, done: AtomicU64::new(0), stop: AtomicBool::new(false) }, watch)
    }

    /// What a thread that ingests does with a batch: whether it is acknowledged.
    fn ingest(&self, batch: &[u32]) -> bool {
        let Ok(section) = self.journal.begin() else { return false };
        let new = self.came.insert(batch);
        if batch.len().is_multiple_of(2) {
            // Others see what is in the set and not committed.
            thread::yield_now();
        }
        if new.is_empty() {
            drop(section);
            return settled(&self.journal);
        }
        section.commit(&frames(&new)).is_none_or(|ticket| self.journal.wait(ticket).is_ok())
    }

    fn ingest_batches(&self, thread: u64) {
        for n in 0..BATCHES {
            // All threads go through the same numbers, at about the same time.
            let batch: Vec<_> = (0..1 + (n * 7 + thread) % 5).map(|at| (n * 3 + at * 2) as u32).collect();
            if self.ingest(&batch) {
                self.acknowledged.lock().expect("nobody panics").extend(batch);
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// What was acknowledged before a crash is in what is left after it.
    fn crash(&self, seed: u64) {
        let acknowledged = self.acknowledged.lock().expect("nobody panics").clone();
        let crashed = self.disk.crash(seed);
        let found = found(&crashed);
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "seed {seed}: {lost:?}");
    }
}

/// Ends the thread that lets things fail, also when the test does.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets the disk fail when `fail` says so, and the power go all the time.
fn survives(seed: u64, fail: impl Fn(&Simulated) + Sync) {
    let (traffic, watch) = Traffic::new(seed);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let traffic = &traffic;
            scope.spawn(move || traffic.ingest_batches(thread));
        }
        scope.spawn(|| {
            while !traffic.stop.load(Ordering::Relaxed) {
                fail(&traffic.disk);
                thread::sleep(Duration::from_micros(700));
                // It fails if the disk does.
                let _ = traffic.journal.rotate();
            }
        });
        let _stop = Stop(&traffic.stop);
        for n in 0.. {
            traffic.crash(seed << 32 | n);
            if traffic.done.load(Ordering::Relaxed) == THREADS {
                break;
            }
        }
    });
    traffic.disk.heal();
    watch.until_healthy(&traffic.journal);
    assert!(settled(&traffic.journal));
    let all = traffic.came.all();
    for n in 0..5 {
        assert_eq!(found(&traffic.disk.crash(seed + n)), all, "what was refused is kept as well");
    }
}

/// A batch may have seen what a section inserts that began after its own, in an epoch that was closed meanwhile.
#[test]
fn a_commit_waits_for_sections_that_began_before_it() {
    let disk = Simulated::default();
    let (journal, _) = start(&disk, Durability::Fsync);
    let first = journal.begin().expect("healthy");
    let closed = journal.settle().expect("a section is open");
    while journal.settle() == Some(closed) {
        thread::yield_now();
    }
    let second = journal.begin().expect("healthy");
    let ticket = first.commit(&frames(&[1])).expect("to be waited for");
    journal.wait(closed).expect("the only section of its epoch has ended");
    assert_eq!(
        ticket.state(journal.progress()),
        Settled::Waiting,
        "the second may have inserted what the first repeats"
    );
    let last = second.commit(&frames(&[2])).expect("to be waited for");
    journal.wait(ticket).expect("nothing fails");
    assert_eq!(found(&disk.crash(1)), [1, 2].into());
    journal.wait(last).expect("nothing fails");
}

#[test]
fn what_is_acknowledged_survives_while_threads_repeat_each_other() {
    for seed in 0..ROUNDS {
        survives(seed, |_| {});
    }
}

#[test]
fn what_is_acknowledged_survives_failures_at_any_operation() {
    for seed in 0..ROUNDS {
        survives(seed, |disk| disk.fail_at(1 + seed % 20));
    }
}

#[test]
fn what_is_acknowledged_survives_a_disk_that_comes_and_goes() {
    for seed in 0..ROUNDS {
        let broken = AtomicBool::new(false);
        survives(seed, |disk| {
            if broken.fetch_xor(true, Ordering::Relaxed) { disk.heal() } else { disk.fail_from(1 + seed % 7) }
        });
    }
}
