//! Disks that are full, that cannot be written, and that somebody else has.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::kept::{self, Visit, now, record};
use crate::harness::{ADMIN, Gateway, Reply, Request, Setup, eventually, run, say_loudly};

/// An address that is to be forgotten.
const FORGOTTEN: &str = "198.51.100.7";

/// A file system in memory of a given size, gone with the value.
struct Mounted(PathBuf);

// === impl Mounted ===

impl Mounted {
    /// None where that is not allowed: then the test says so and is over, except where nothing may be missing.
    fn small(folder: &Path, size: &str) -> Option<Self> {
        Self::mount(folder, &["-t", "tmpfs", "-o", &format!("size={size}"), "tallygate-test"])
    }

    fn read_only(folder: &Path) -> Option<Self> {
        Self::mount(folder, &["-t", "tmpfs", "-o", "ro", "tallygate-test"])
    }

    fn mount(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let output = run(Command::new("mount").args(arguments).arg(folder));
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(std::env::var_os("CI").is_none(), "cannot mount: {why}");
            say_loudly(&format!("a test that needs to mount a file system was skipped: {}", why.trim()));
            return None;
        }
        Some(Self(folder.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let output = run(Command::new("umount").arg("--lazy").arg(&self.0));
        assert!(output.status.success() || std::thread::panicking(), "cannot unmount {}", self.0.display());
    }
}

/// Visits that nobody else sends.
fn batch(number: u32) -> Vec<Visit> {
    (0..500).map(|n| (now(), Ipv4Addr::from_bits(0x0b00_0000 | number << 12 | n).into())).collect()
}

fn post(gateway: &Gateway, batch: &[Visit]) -> Reply {
    gateway.send(&Request::post("/logs").body(batch.iter().map(record).collect::<String>()))
}

/// Takes what space there is.
fn fill(folder: &Path) -> PathBuf {
    let file = folder.join("filler");
    // That it ends with an error is the point.
    drop(fs::write(&file, vec![0; 8 << 20]));
    file
}

#[test]
fn a_full_disk_refuses_new_visits_and_nothing_else_until_there_is_room() {
    let setup = Setup::new().config(ADMIN);
    let visits = setup.data_dir().join("visits");
    fs::create_dir(&visits).expect("a new folder");
    let Some(_mounted) = Mounted::small(&visits, "2m") else { return };
    let gateway = setup.start();
    let mut acknowledged = BTreeSet::new();
    let mut number = 0;
    let mut post_next = || {
        number += 1;
        let batch = batch(number);
        let reply = post(&gateway, &batch);
        (reply, batch)
    };
    gateway.post(format!("{{\"ip\":\"{FORGOTTEN}\"}}")).expect_tally(1, 1);
    for _ in 0..3 {
        let (reply, batch) = post_next();
        reply.expect_tally(500, 500);
        acknowledged.extend(batch);
    }

    let filler = fill(&visits);
    let (refused, reply) = eventually("the disk to be full", || {
        let (reply, batch) = post_next();
        if reply.status == 503 {
            return Some((batch, reply));
        }
        // There was room left in the last page.
        reply.expect_tally(500, 500);
        acknowledged.extend(batch);
        None
    });
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{reply:?}");
    let message = reply.json()["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("journal"), "{message}");
    let (again, _) = post_next();
    again.expect(503);
    let metrics = gateway.metrics();
    assert_eq!(metrics.value("tallygate_journal_failing"), 1);
    assert!(metrics.sum("tallygate_records_refused_total", &[("reason", "journal")]) >= 1_000, "{}", metrics.text());
    // What was on its way when the disk was full is in the set; the metric says how many these are.
    let counted = metrics.value("unique_ip_addresses") - metrics.value("tallygate_unacknowledged_ip_addresses");
    assert_eq!(counted, acknowledged.len() as u64 + 1, "{}", metrics.text());
    expect_questions_answered(&gateway, acknowledged.len() as u64 + 1);
    let forget = Request::new("DELETE", &format!("/v1/ips/{FORGOTTEN}"));
    let told = gateway.administer(forget.clone()).expect_error(503, "not-durable");
    assert!(told.header("retry-after").is_some(), "{told:?}");
    expect_questions_answered(&gateway, acknowledged.len() as u64 + 1);
    gateway.ask("/healthz").expect(200);
    let ready = gateway.ask("/readyz").expect(503).text();
    assert!(ready.contains("journal") && ready.to_lowercase().contains("no space left"), "{ready}");

    fs::remove_file(filler).expect("it is there");
    gateway.wait_for("the journal to be written again", |metrics| metrics.value("tallygate_journal_failing") == 0);
    gateway.ask("/readyz").expect(200);
    post(&gateway, &refused).expect_tally(500, 500);
    acknowledged.extend(refused);
    let metrics = gateway.metrics();
    assert_eq!(metrics.value("tallygate_unacknowledged_ip_addresses"), 0, "{}", metrics.text());
    assert_eq!(metrics.value("unique_ip_addresses"), acknowledged.len() as u64 + 1);
    let forgotten = gateway.administer(forget).expect(200).json();
    assert_eq!(forgotten["forgotten"], true);
    let sent: BTreeSet<Visit> = (1..=number).flat_map(batch).collect();
    expect_balance(&gateway);

    let folder = gateway.kill();
    let (found, _) = kept::visits(&folder.path().join("data"));
    let hourless = |visits: &BTreeSet<Visit>| visits.iter().map(|(_, address)| *address).collect::<BTreeSet<_>>();
    assert!(acknowledged.is_subset(&found));
    assert!(hourless(&found).is_subset(&hourless(&sent)));
    let gateway = Setup::again(folder).start();
    assert_eq!(gateway.unique(), found.len() as u64);
    // Before the file system is unmounted.
    gateway.stop();
}

/// Whether an address came and how many did is told, whatever the disk does. Those that were refused are perhaps counted.
fn expect_questions_answered(gateway: &Gateway, at_least: u64) {
    let visited = gateway.ask(&format!("/v1/visited?ip={FORGOTTEN}")).expect(200).json();
    assert_eq!(visited["visited"], true, "{visited}");
    let distinct = gateway.ask("/v1/distinct").expect(200).json();
    assert!(distinct["distinct"].as_u64() >= Some(at_least), "{distinct}");
    assert_eq!(gateway.metrics().value("tallygate_journal_failing"), 1);
}

fn expect_balance(gateway: &Gateway) {
    let metrics = gateway.metrics();
    let sum = |name: &str| metrics.sum(&format!("tallygate_records_{name}_total"), &[]);
    assert_eq!(sum("received"), sum("accepted") + sum("rejected") + sum("refused"), "{}", metrics.text());
}

#[test]
fn a_data_directory_that_cannot_be_written_is_told_at_the_start() {
    let setup = Setup::new();
    let visits = setup.data_dir().join("visits");
    fs::create_dir(&visits).expect("a new folder");
    let Some(_mounted) = Mounted::read_only(&visits) else { return };
    let (code, log) = setup.expect_to_fail();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&visits.display().to_string()), "{log}");
    assert!(log.to_lowercase().contains("read-only"), "{log}");
}

#[test]
fn a_data_directory_that_is_a_file_is_told_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writable");
    for data in [file.clone(), file.join("below")] {
        let setup = Setup::new().environment("TALLYGATE_DATA_DIR", &data.display().to_string());
        let (code, log) = setup.expect_to_fail();
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains(&file.display().to_string()) && log.contains("data_dir"), "{log}");
    }
}

#[test]
fn a_second_gateway_on_one_data_directory_is_turned_away() {
    let gateway = Gateway::start();
    let data = gateway.data_dir();
    let second = Setup::new().environment("TALLYGATE_DATA_DIR", &data.display().to_string());
    let (code, log) = second.expect_to_fail();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("stop the other gateway first"), "{log}");
    gateway.expect_to_serve();
}
