use super::*;

fn write(disk: &Simulated, name: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let mut file = disk.create(name).expect("nothing fails");
    file.write_all(bytes).expect("nothing fails");
    file
}

fn content(disk: &Simulated, name: &str) -> Option<Vec<u8>> {
    disk.read(name).ok().map(|content| content.to_vec())
}

#[test]
fn a_crash_leaves_what_was_synced_and_a_prefix_of_the_rest() {
    let disk = Simulated::default();
    let mut file = write(&disk, "a", b"durable");
    file.sync().expect("nothing fails");
    disk.sync().expect("nothing fails");
    file.write_all(b" and not").expect("nothing fails");
    let (mut lengths, mut garbage) = (std::collections::BTreeSet::new(), false);
    for seed in 0..200 {
        let found = content(&disk.crash(seed), "a").expect("its name is durable");
        assert!(found.starts_with(b"durable"));
        garbage |= !b"durable and not".starts_with(&found);
        lengths.insert(found.len());
    }
    assert_eq!(lengths, (7..=15).collect());
    assert!(garbage);
    assert_eq!(content(&disk.kill(), "a").expect("nothing is lost"), b"durable and not");
}

#[test]
fn names_survive_in_their_order() {
    let disk = Simulated::default();
    for name in ["a", "b"] {
        write(&disk, name, name.as_bytes()).sync().expect("nothing fails");
    }
    disk.sync().expect("nothing fails");
    disk.rename("a", "b").expect("nothing fails");
    disk.remove("b").expect("nothing fails");
    write(&disk, "c", b"").sync().expect("nothing fails");
    let outcomes: std::collections::BTreeSet<_> = (0..100)
        .map(|seed| {
            let mut crashed = disk.crash(seed).list().expect("nothing fails");
            crashed.retain(|name| content(&disk.crash(seed), name).is_some());
            (crashed, content(&disk.crash(seed), "b"))
        })
        .collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = [
        (names(&["a", "b"]), Some(b"b".to_vec())),
        (names(&["b"]), Some(b"a".to_vec())),
        (names(&[]), None),
        (names(&["c"]), None),
    ];
    assert_eq!(outcomes, expected.into_iter().collect());
    disk.sync().expect("nothing fails");
    assert_eq!(disk.crash(1).list().expect("nothing fails"), ["c"]);
}

#[test]
fn what_a_failed_sync_was_for_is_not_made_up_for_by_the_next() {
    let mut lost = 0;
    for seed in 0..50 {
        let disk = Simulated::new(seed);
        let mut file = write(&disk, "a", b"one");
        disk.sync().expect("nothing fails");
        disk.fail_at(1);
        file.sync().expect_err("by request");
        file.write_all(b"two").expect("nothing fails");
        file.sync().expect("only one failed");
        assert_eq!(content(&disk, "a").expect("it is cached"), b"onetwo");
        let found = content(&disk.crash(seed), "a").expect("its name is durable");
        assert!(found.ends_with(b"two") && found.len() == 6);
        lost += u32::from(found != b"onetwo");
    }
    assert!((1..50).contains(&lost), "{lost}");
}

#[test]
fn the_operation_that_is_asked_for_fails() {
    let disk = Simulated::default();
    disk.fail_at(2);
    let mut file = disk.create("a").expect("the first");
    file.write_all(b"1").expect_err("the second");
    file.write_all(b"2").expect("the third");
    disk.fail_from(2);
    assert_eq!(disk.operations(), 3);
    file.sync().expect("the first from then");
    file.sync().expect_err("the second");
    disk.list().expect_err("and so on");
    disk.heal();
    assert_eq!(disk.list().expect("healed"), ["a"]);
    assert_eq!(disk.operations(), 7);
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = Simulated::default();
    write(&disk, "a", b"123");
    disk.full(5);
    let mut file = disk.create("b").expect("a name needs no space");
    let error = file.write_all(b"456").expect_err("one too many");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(content(&disk, "b").expect("there"), b"45");
    disk.remove("a").expect("nothing fails");
    file.write_all(b"6").expect("there is space again");
}
