//! A log whose payloads are whole records of any bytes, beside a plain model of it: what was acknowledged is there, in its
//! order, whatever failed meanwhile and whenever the power went.

use super::neighbours::RECORDS;
use super::support::Random;
use super::*;
use proptest::prelude::*;
use std::thread;

/// What is done to the log.
#[derive(Clone, Debug)]
enum Step {
    /// Commits records, all of one section.
    Commit(Vec<Vec<u8>>),
    /// Lets one of the next operations of the disk fail, or all from there on.
    Fail {
        after: u64,
        lasting: bool,
    },
    /// Lets nothing fail any more, and waits until the log has found out.
    Heal,
    Rotate,
    /// The process is killed, or the power fails, and another one goes on.
    Reopen {
        power_loss: bool,
    },
}

/// The log, and what is known of it.
struct Subject {
    disk: Simulated,
    log: Option<Wal>,
    random: Random,
    /// Every record that was committed, in order, and whether it was acknowledged. A record is told by its first bytes, which
    /// are its number.
    committed: Vec<(Vec<u8>, bool)>,
}

// === impl Subject ===

impl Subject {
    fn new(seed: u64) -> Self {
        let (disk, random) = (Simulated::new(seed), Random(seed));
        let mut subject = Self { disk, log: None, random, committed: Vec::new() };
        subject.open();
        subject
    }

    fn open(&mut self) {
        let next = replay(&self.disk, &RECORDS, 0, |_| {}).expect("nothing fails at a start").next;
        let (disk, options) = (Arc::new(self.disk.clone()), Options { retry: RETRY, ..Options::default() });
        self.log = Some(Wal::start(disk, &RECORDS, 0..next, options, Arc::new(())).expect("nothing fails at a start"));
    }

    fn log(&self) -> &Wal {
        self.log.as_ref().expect("is open")
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(records) => self.commit(records),
            Step::Fail { after, lasting: false } => self.disk.fail_at(*after),
            Step::Fail { after, lasting: true } => self.disk.fail_from(*after),
            Step::Heal => self.heal(),
            // A failure is one of the things that may happen.
            Step::Rotate => drop(self.log().rotate()),
            Step::Reopen { power_loss } => {
                self.disk = if *power_loss { self.disk.crash(self.random.next()) } else { self.disk.kill() };
                self.log = None;
                self.check();
                self.open();
                self.check();
            }
        }
    }

    fn commit(&mut self, records: &[Vec<u8>]) {
        let first = self.committed.len();
        let Ok(section) = self.log().begin() else { return };
        let mut frames = Frames::default();
        let mut numbered = Vec::new();
        for (number, record) in (first as u32..).zip(records) {
            let record = [&number.to_le_bytes()[..], record].concat();
            frames.push(&RECORDS, |out| out.extend_from_slice(&record)).expect("it is short");
            numbered.push(record);
        }
        let ticket = section.commit(&frames);
        let acknowledged = ticket.is_none_or(|ticket| self.log().wait(ticket).is_ok());
        self.committed.extend(numbered.into_iter().map(|record| (record, acknowledged)));
    }

    fn heal(&mut self) {
        self.disk.heal();
        while self.log().progress().failing {
            thread::sleep(RETRY / 4);
        }
    }

    /// What is on the disk is what was acknowledged, in its order; perhaps with what was committed and not acknowledged, and
    /// perhaps with something twice, where a file failed and the next one has it again.
    fn check(&self) {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut each = |record: &[u8]| {
            if !found.iter().any(|known| known == record) {
                found.push(record.to_vec());
            }
        };
        let replayed = replay(&self.disk, &RECORDS, 0, &mut each).expect("it can be read");
        assert_eq!(replayed.losses, [], "no failure and no power loss is damage");
        let expected = self.committed.iter().filter(|(record, acknowledged)| *acknowledged || found.contains(record));
        let expected: Vec<_> = expected.map(|(record, _)| record.clone()).collect();
        assert_eq!(found, expected);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Some look like the beginnings of frames and marks.
    let magic = prop_oneof![Just(vec![0xaf, 0x7a, 0x11, 0xe5, 4, 0, 0, 0]), Just(vec![0xaf, 0x7a, 0x11, 0xed])];
    let record = prop_oneof![prop::collection::vec(any::<u8>(), 0..200), magic];
    let step = prop_oneof![
        6 => prop::collection::vec(record, 1..4).prop_map(Step::Commit),
        2 => (1..12_u64, any::<bool>()).prop_map(|(after, lasting)| Step::Fail { after, lasting }),
        2 => Just(Step::Heal),
        1 => Just(Step::Rotate),
        1 => any::<bool>().prop_map(|power_loss| Step::Reopen { power_loss }),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_acknowledged_record_is_there_in_its_order(seed in any::<u64>(), steps in steps()) {
        let mut subject = Subject::new(seed);
        steps.iter().for_each(|step| subject.step(step));
        subject.step(&Step::Reopen { power_loss: true });
        subject.heal();
        let all = subject.committed.len();
        subject.step(&Step::Commit(vec![b"the last".to_vec()]));
        prop_assert!(subject.committed[all].1, "it goes on");
        subject.step(&Step::Reopen { power_loss: true });
    }
}
