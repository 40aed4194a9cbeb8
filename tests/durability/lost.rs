//! What is lost from a data directory is told, and never passed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{Gateway, Request, Setup, eventually, forget_own_variables, root, run};

fn record(number: u32) -> String {
    format!("{{\"ip\":\"198.51.100.{number}\"}}")
}

/// A data directory of a gateway that was killed after it had acknowledged ten requests of one visit each.
fn killed() -> tempfile::TempDir {
    let gateway = Gateway::start();
    for number in 0..10 {
        gateway.post(record(number)).expect_tally(1, 1);
    }
    gateway.kill()
}

fn journal(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("data/visits")).expect("the visits are there").flatten();
    let files = files.map(|file| file.path());
    let journal: Vec<_> = files.filter(|file| file.to_string_lossy().contains("journal-")).collect();
    assert!(!journal.is_empty());
    journal
}

fn check(folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    run(command.args(["check", "--data-dir"]).arg(folder.join("data")))
}

/// Expects that nobody goes on with a data directory without being told to, and gives the gateway that was told.
fn expect_to_be_told(folder: tempfile::TempDir, words: &str, kind: &str, left: u64) -> Gateway {
    let checked = check(folder.path());
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{text}");
    assert!(text.contains(words), "{text}");
    let setup = Setup::again(folder);
    let (code, told) = setup.expect_to_fail();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(words) && told.contains("tallygate serve --accept-damage"), "{told}");
    let gateway = setup.flag("--accept-damage").start();
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("tallygate_damage_total", &[("kind", kind)]), 1, "{}", metrics.text());
    assert_eq!(metrics.value("unique_ip_addresses"), left);
    gateway
}

/// Expects that it is known for good, and stands in nobody's way.
fn expect_to_be_remembered(gateway: Gateway, kind: &str) {
    gateway.post(record(200)).expect_tally(1, 1);
    let gateway = gateway.restart();
    assert_eq!(gateway.metrics().sum("tallygate_damage_total", &[("kind", kind)]), 1);
    let folder = gateway.stop_and_leave();
    let checked = check(folder.path());
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && text.contains(kind), "{text}");
}

#[test]
fn journal_files_that_are_gone_are_missed() {
    let folder = killed();
    journal(folder.path()).iter().for_each(|file| fs::remove_file(file).expect("it is there"));
    let gateway = expect_to_be_told(folder, "is missing", "journal-missing", 0);
    expect_to_be_remembered(gateway, "journal-missing");
}

#[test]
fn one_bit_in_the_midst_of_the_journal_is_noticed() {
    let folder = killed();
    let file = journal(folder.path()).pop().expect("there is one");
    let mut bytes = fs::read(&file).expect("readable");
    let middle = bytes.windows(4).position(|bytes| *bytes == 0xc633_6404_u32.to_le_bytes()).expect("198.51.100.4");
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("writable");
    let gateway = expect_to_be_told(folder, "up to 1 visits", "journal-hole", 9);
    expect_to_be_remembered(gateway, "journal-hole");
}

/// One request is one entry, and nothing follows it but the mark of its sync.
#[test]
fn one_bit_in_the_only_entry_of_the_journal_is_noticed() {
    let gateway = Gateway::start();
    gateway.post((0..100).map(|number| record(number) + "\n").collect::<String>()).expect_tally(100, 100);
    let folder = gateway.kill();
    let file = journal(folder.path()).pop().expect("there is one");
    let mut bytes = fs::read(&file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, bytes).expect("writable");
    drop(expect_to_be_told(folder, "up to 100 visits", "journal-hole", 0));
}

/// What a start has taken over is known to be there, whatever is cut off.
#[test]
fn a_journal_that_is_shorter_than_at_the_start_is_noticed() {
    let gateway = Setup::again(killed()).start();
    assert_eq!(gateway.unique(), 10);
    let folder = gateway.kill();
    let file = journal(folder.path()).pop().expect("there is one");
    fs::File::options().write(true).open(&file).and_then(|file| file.set_len(200)).expect("writable");
    drop(expect_to_be_told(folder, "lacks part of what was synced", "journal-hole", 4));
}

/// Nothing is lost with what says which file is the newest, as long as the files are there.
#[test]
fn what_names_the_newest_journal_file_may_be_damaged() {
    let folder = killed();
    fs::write(folder.path().join("data/visits/newest"), "").expect("writable");
    let gateway = Setup::again(folder).start();
    assert_eq!((gateway.unique(), gateway.metrics().sum("tallygate_damage_total", &[])), (10, 0));
    let folder = gateway.kill();
    journal(folder.path()).iter().for_each(|file| fs::remove_file(file).expect("it is there"));
    drop(expect_to_be_told(folder, "is missing", "journal-missing", 0));
}

#[test]
fn a_segment_in_the_place_of_another_is_noticed() {
    let gateway = Gateway::start();
    gateway.post(record(1)).expect_tally(1, 1);
    let gateway = gateway.restart();
    gateway.post(record(2)).expect_tally(1, 1);
    let folder = gateway.stop_and_leave();
    let files = fs::read_dir(folder.path().join("data/visits")).expect("the visits are there").flatten();
    let mut segments: Vec<_> =
        files.map(|file| file.path()).filter(|file| file.to_string_lossy().contains("segment-")).collect();
    segments.sort();
    assert!(segments.len() > 1, "{segments:?}");
    fs::copy(&segments[0], &segments[1]).expect("writable");
    let gateway = expect_to_be_told(folder, "is not the file that was there", "segment-replaced", 1);
    expect_to_be_remembered(gateway, "segment-replaced");
}

/// A data directory of version 1, as an earlier tallygate left it.
#[test]
fn whoever_comes_from_an_earlier_version_is_told_what_changed() {
    let old = root().join("gateway/crates/index/tests/behaviour/fixtures/v1");
    let folder = tempfile::tempdir().expect("a folder");
    let visits = folder.path().join("data/visits");
    fs::create_dir_all(&visits).expect("a new folder");
    for file in fs::read_dir(old).expect("it is there").flatten() {
        fs::copy(file.path(), visits.join(file.file_name())).expect("readable");
    }
    let told = String::from_utf8_lossy(&check(folder.path()).stderr).into_owned();
    assert!(told.contains("new in this version") && told.contains("ops.read_token"), "{told}");
    let gateway = Setup::again(folder).start();
    assert!(gateway.log().contains("new in this version"), "{}", gateway.log());
    let gateway = gateway.restart();
    assert!(!gateway.log().contains("new in this version"), "once is enough: {}", gateway.log());
}

#[test]
fn a_data_directory_that_is_gone_is_no_place_for_visits() {
    let gateway = Gateway::start();
    gateway.post(record(1)).expect_tally(1, 1);
    gateway.ask("/readyz").expect(200);
    fs::remove_dir_all(gateway.data_dir()).expect("it is there");
    let reply = eventually("not to be ready", || Some(gateway.ask("/readyz")).filter(|reply| reply.status == 503));
    assert!(reply.text().contains("data directory"), "{reply:?}");
    // Soon, nothing is acknowledged that would be lost at the next kill.
    let mut number = 0;
    eventually("visits to be refused", || {
        number += 1;
        (gateway.send(&Request::post("/logs").body(format!("{{\"ip\":\"203.0.113.{}\"}}", number % 256))).status == 503)
            .then_some(())
    });
    gateway.kill();
}

#[test]
fn a_journal_file_that_is_gone_is_made_up_for() {
    let gateway = Gateway::start();
    for number in 0..10 {
        gateway.post(record(number)).expect_tally(1, 1);
    }
    let folder = gateway.data_dir();
    let before = journal(folder.parent().expect("it is in a folder"));
    before.iter().for_each(|file| fs::remove_file(file).expect("it is there"));
    eventually("to be ready again", || {
        let is_ready = gateway.ask("/readyz").status == 200;
        let files = fs::read_dir(folder.join("visits")).expect("it is there").flatten();
        let is_new = files
            .map(|file| file.path())
            .any(|file| file.to_string_lossy().contains("journal-") && !before.contains(&file));
        (is_ready && is_new).then_some(())
    });
    let folder = gateway.kill();
    let gateway = Setup::again(folder).start();
    assert_eq!(gateway.unique(), 10, "what was in memory was written again");
}
