use super::*;
use std::time::Instant;
use tallygate_wal::Settled;

const FOREVER: Duration = Duration::from_secs(1 << 20);

/// What a small gateway does; the numbers that it acknowledged.
fn story(journal: &Wal) -> BTreeSet<u32> {
    let mut acknowledged = BTreeSet::new();
    for round in 0..4 {
        for step in 0..3 {
            let new: Vec<_> = (0..5).map(|n| round * 100 + step * 10 + n).collect();
            if commit(journal, &new) {
                acknowledged.extend(new);
            }
        }
        if round == 1 {
            // A failure is one of the things that may happen.
            let _ = journal.rotate();
        }
        assert!(settled(journal) || journal.progress().failing);
    }
    acknowledged
}

#[test]
fn whichever_operation_fails_what_was_acknowledged_is_there() {
    let disk = Simulated::default();
    let (journal, _) = start(&disk, Durability::Fsync);
    let before = disk.operations();
    story(&journal);
    drop(journal);
    let operations = disk.operations() - before;
    for (n, seed) in (1..=operations).flat_map(|n| (0..5).map(move |seed| (n, seed))) {
        for lasting in [false, true] {
            let disk = Simulated::new(seed);
            let (journal, watch) = start(&disk, Durability::Fsync);
            if lasting {
                disk.fail_from(n)
            } else {
                disk.fail_at(n)
            }
            let acknowledged = story(&journal);
            let crashed = disk.crash(seed);
            assert!(found(&crashed).is_superset(&acknowledged), "operation {n}, seed {seed}, lasting: {lasting}");

            disk.heal();
            watch.until_healthy(&journal);
            assert!(commit(&journal, &[9_999]), "it goes on");
            assert!(found(&disk.crash(seed)).is_superset(&acknowledged));
            assert!(found(&disk.crash(seed)).contains(&9_999));
        }
    }
}

#[test]
fn a_failing_journal_refuses_keeps_and_goes_on() {
    let disk = Simulated::default();
    let (journal, watch) = start(&disk, Durability::Fsync);
    assert!(commit(&journal, &[1]));
    let healthy = journal.progress();
    let open = journal.begin().expect("healthy");
    disk.fail_from(1);
    let ticket = journal.begin().expect("healthy").commit(&frames(&[2])).expect("to be waited for");
    let late = open.commit(&frames(&[3]));
    let reason = journal.wait(ticket).expect_err("it cannot be written").to_string();
    assert!(reason.starts_with("the journal cannot be written: cannot "), "{reason}");
    watch.until(|told| told.progress.is_some_and(|progress| progress.failures > 3));
    let failing = journal.progress();
    assert!(failing.failing && failing.durable < u64::MAX && failing.failures > healthy.failures);
    assert!(journal.failure().is_some_and(|reason| reason.contains("by request")));
    assert!(journal.begin().is_err());
    assert!(matches!(journal.rotate(), Err(WalError::Unwritable(_))));
    let repeated = journal.settle().expect("what was inserted is not durable");
    assert_eq!(repeated.state(failing), Settled::Failed);
    assert_eq!(late.expect("to be waited for").state(failing), Settled::Failed);
    assert!(found(&disk.crash(1)).contains(&1));

    disk.heal();
    watch.until_healthy(&journal);
    assert!(!journal.progress().failing && journal.failure().is_none());
    assert_eq!(journal.settle(), None);
    assert_eq!(ticket.state(journal.progress()), Settled::Durable, "it was kept");
    assert_eq!(found(&disk.crash(2)), [1, 2, 3].into());
    assert!(commit(&journal, &[4]));
    assert_eq!(found(&disk.crash(3)), [1, 2, 3, 4].into());
    assert_eq!(files(&disk).len(), 2, "attempts that failed left nothing");
}

#[test]
fn a_full_disk_is_a_failure_that_ends() {
    let disk = Simulated::default();
    let (journal, watch) = start(&disk, Durability::Fsync);
    disk.full(100);
    assert!(!commit(&journal, &(0..100).collect::<Vec<_>>()));
    let failing = watch.until(|told| told.progress.is_some_and(|progress| progress.failures > 2));
    assert!(failing.progress.is_some_and(|progress| progress.failing));
    disk.full(10_000);
    watch.until_healthy(&journal);
    assert_eq!(found(&disk.crash(1)), (0..100).collect());
    assert!(journal.bytes() < 1_000);
}

#[test]
fn a_settled_batch_is_durable_though_nothing_more_is_written() {
    let disk = Simulated::default();
    let (journal, _) = start(&disk, Durability::Fsync);
    assert_eq!(journal.settle(), None);
    let section = journal.begin().expect("healthy");
    let ticket = journal.settle().expect("a section is open");
    assert_eq!(ticket.state(journal.progress()), Settled::Waiting);
    drop(section);
    journal.wait(ticket).expect("nothing was written");
    assert_eq!(journal.settle(), None);
    assert_eq!(journal.bytes(), HEADER);
}

#[test]
fn a_rotation_parts_what_was_committed_before_from_what_comes() {
    let disk = Simulated::default();
    let (journal, _) = start(&disk, Durability::Fsync);
    assert!(commit(&journal, &[1]));
    assert_eq!(journal.rotate().expect("healthy"), 2);
    assert!(commit(&journal, &[2]));
    assert_eq!(journal.bytes(), 2 * (HEADER + FRAME + MARK));
    assert_eq!(journal.rotate().expect("healthy"), 3);
    journal.remove_before(2).expect("nothing fails");
    assert_eq!(files(&disk), ["journal-0000000002", "journal-0000000003"]);
    assert_eq!((found_from(&disk, 2), journal.bytes()), ([2].into(), 2 * HEADER + FRAME + MARK));
    journal.remove_before(u64::MAX).expect("nothing fails");
    assert_eq!(files(&disk), ["journal-0000000003"]);
    assert!(commit(&journal, &[3]));
    assert_eq!(found_from(&disk.crash(1), 3), [3].into());
}

/// What the process before wrote without being able to sync it is read, and so known, and so acknowledged at once.
#[test]
fn what_was_read_at_the_start_is_durable_after_it() {
    for (n, seed) in (1..8).flat_map(|n| (0..20).map(move |seed| (n, seed))) {
        let disk = Simulated::new(seed);
        let (journal, watch) = start(&disk, Durability::Fsync);
        assert!(commit(&journal, &[1]));
        journal.rotate().expect("healthy");
        assert!(commit(&journal, &[2]));
        // The write succeeds, the sync does not; the attempt in the next file comes so far, and then the process is killed.
        disk.fail_at(2);
        disk.fail_from(2 + n);
        assert!(!commit(&journal, &[3]));
        watch.until(|told| told.progress.is_some_and(|progress| progress.failures > 1 || !progress.failing));
        let killed = disk.kill();
        drop(journal);

        let known = found(&killed);
        assert_eq!(known, [1, 2, 3].into());
        let (journal, _) = start(&killed, Durability::Fsync);
        assert!(journal.settle().is_none());
        assert_eq!(found(&killed.crash(seed)), known, "{n} operations, seed {seed}");
        let bytes = journal.bytes();
        drop(journal);
        let (journal, _) = start(&killed.kill(), Durability::Fsync);
        assert_eq!(journal.bytes(), bytes, "starting again and again makes nothing grow");
    }
}

#[test]
fn a_start_that_fails_at_any_operation_loses_nothing() {
    for (n, seed) in (1..40).flat_map(|n| (0..5).map(move |seed| (n, seed))) {
        let disk = Simulated::new(seed);
        let (journal, _) = start(&disk, Durability::Fsync);
        assert!(commit(&journal, &[1]));
        journal.rotate().expect("healthy");
        assert!(commit(&journal, &[2]));
        drop(journal);
        disk.fail_at(n);
        let options = Options { retry: RETRY, ..Options::default() };
        let journal = start_from(&disk, 3, options, &Arc::default());
        assert_eq!(found(&disk.crash(seed)), [1, 2].into(), "operation {n}, seed {seed}");
        drop(journal);
        disk.heal();
        assert_eq!(found(&disk.crash(seed)), [1, 2].into(), "operation {n}, seed {seed}");
    }
}

#[test]
fn a_journal_begins_above_all_files() {
    let disk = Simulated::default();
    drop(start(&disk, Durability::Fsync));
    let started = start_from(&disk, 1, Options::default(), &Arc::default());
    let message = started.err().expect("it would write over a file").to_string();
    assert!(message.starts_with("journal-0000000001 is there already"), "{message}");
}

#[test]
fn by_interval_nobody_waits_and_a_killed_process_loses_nothing() {
    let disk = Simulated::default();
    let (journal, watch) = start(&disk, Durability::Interval(FOREVER));
    let section = journal.begin().expect("healthy");
    assert_eq!((section.commit(&frames(&[1])), journal.settle()), (None, None));
    watch.until(|told| told.written > 0);
    assert_eq!(found(&disk.kill()), [1].into());
    assert!((0..20).any(|seed| found(&disk.crash(seed)).is_empty()), "it is not synced yet");
    journal.rotate().expect("healthy");
    assert!((0..20).all(|seed| found(&disk.crash(seed)) == [1].into()));
    assert!(commit(&journal, &[2]));
    drop(journal);
    assert_eq!(found(&disk.crash(1)), [1, 2].into(), "dropping it syncs");
}

#[test]
fn an_interval_ends() {
    let disk = Simulated::default();
    let (journal, watch) = start(&disk, Durability::Interval(Duration::from_millis(5)));
    let begun = Instant::now();
    assert!(commit(&journal, &[1]));
    watch.until(|told| told.synced > 0);
    assert!(begun.elapsed() >= Duration::from_millis(5));
    assert_eq!(found(&disk.crash(1)), [1].into());
}

#[test]
fn by_interval_a_failure_refuses_too_and_nothing_is_lost() {
    let disk = Simulated::default();
    let (journal, watch) = start(&disk, Durability::Interval(Duration::from_millis(1)));
    disk.fail_from(2);
    assert!(commit(&journal, &[1]), "nobody waits");
    watch.until(|told| told.progress.is_some_and(|progress| progress.failures > 1));
    assert!(journal.begin().is_err() && !settled(&journal));
    disk.heal();
    watch.until_healthy(&journal);
    assert!(settled(&journal));
    assert_eq!(found(&disk.crash(1)), [1].into());
}

#[test]
fn in_memory_nothing_is_written() {
    let disk = Simulated::default();
    disk.fail_from(1);
    let options = Options { durability: Durability::Memory, retry: RETRY, anew: false };
    let journal = start_from(&disk, 5, options, &Arc::default()).expect("no disk");
    assert!(commit(&journal, &[1]) && settled(&journal));
    assert_eq!((journal.rotate().expect("no disk"), journal.rotate().expect("no disk")), (6, 7));
    assert_eq!((disk.operations(), journal.bytes()), (0, 0));
}
