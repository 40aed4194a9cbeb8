//! Several logs in one folder.

use super::*;
use tallygate_wal::LossKind;

/// Whole records, one to an entry, which have nothing to be told by but that they are there.
pub(crate) static RECORDS: Format = Format {
    name: "letters",
    keeps: "dead letters",
    newest: "letters-newest",
    magic: *b"TESTLETT",
    most_payload: 1 << 16,
    measure: |_| Some(Measure { entries: 1, key: 0 }),
};

fn letters(disk: &Simulated) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let replayed = replay(disk, &RECORDS, 0, |letter| all.push(letter.to_vec())).expect("it can be read");
    assert_eq!((replayed.losses, replayed.cut_bytes), (vec![], 0));
    all
}

fn send(log: &Wal, letter: &[u8]) {
    let mut frames = Frames::default();
    frames.push(&RECORDS, |out| out.extend_from_slice(letter)).expect("it is short");
    let ticket = log.begin().expect("healthy").commit(&frames).expect("to be waited for");
    log.wait(ticket).expect("nothing fails");
}

#[test]
fn two_logs_in_one_folder_leave_each_other_alone() {
    let disk = Simulated::default();
    let (journal, _) = start(&disk, Durability::Fsync);
    let log = Wal::start(Arc::new(disk.clone()), &RECORDS, 0..1, Options::default(), Arc::new(()));
    let log = log.expect("its files have other names");
    assert!(commit(&journal, &[1, 2]));
    send(&log, b"first");
    send(&log, b"");
    journal.rotate().expect("healthy");
    assert!(commit(&journal, &[3]));
    journal.remove_before(2).expect("nothing fails");
    assert_eq!(log.rotate().expect("healthy"), 2);
    send(&log, b"third");

    let killed = disk.kill();
    assert_eq!(letters(&killed), [&b"first"[..], b"", b"third"]);
    assert_eq!(found_from(&killed, 2), [3].into());
    assert!(RECORDS.is_file("letters-0000000001") && !RECORDS.is_file("letters-newest"));
    assert!(!RECORDS.is_file("journal-0000000001") && !NUMBERS.is_file("letters-0000000001"));

    killed.remove("letters-0000000002").expect("it is there");
    assert_eq!(found_from(&killed, 2), [3].into(), "the other one is whole");
    let losses = replay(&killed, &RECORDS, 0, |_| {}).expect("it can be read").losses;
    let told: Vec<_> = losses.iter().map(|loss| (loss.kind, loss.file.as_str())).collect();
    assert_eq!(told, [(LossKind::Missing, "letters-0000000002")]);
}

#[test]
fn a_file_of_another_log_that_was_renamed_is_not_taken_for_its_own() {
    let disk = Simulated::default();
    let (journal, _) = start(&disk, Durability::Fsync);
    assert!(commit(&journal, &[1]));
    drop(journal);
    disk.rename("journal-0000000001", "letters-0000000001").expect("it is there");
    let replayed = replay(&disk, &RECORDS, 0, |_| {}).expect("it can be read");
    assert!(replayed.cut_bytes >= HEADER, "its header is none of this log: {replayed:?}");
}
