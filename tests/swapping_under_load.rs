//! Plugins come and go in every way there is, good ones and bad ones, while clients send without a pause: nobody notices.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::{ADMIN, Client, Gateway, JSON, Load, Protocol, guest, variant};

const SWAPS: usize = 200;
/// Before every swap of so many, a bad plugin is tried in the same way: 50 in all.
const BAD_EVERY: usize = 4;
/// After every swap of so many, the clients pause and the count is exact.
const EXACT_EVERY: usize = 20;

/// By turns. A file that holds what serves already is no news, nor is one that it held before: so one component takes the
/// place of the other until the first is back both in the file and in its place, then its settings change.
const WAYS: [Way; 5] = [Way::Rename, Way::Rewrite, Way::Upload, Way::Upload, Way::Settings];

/// One sends without a pause; the others leave a machine of two cores something to load plugins with, which makes way for
/// whoever serves.
const CLIENTS: [Client; 4] = [
    client(Protocol::Http1, "/mine", 1, 0),
    client(Protocol::Http1, "/logs", 100, 5),
    client(Protocol::Http1, "/mine", 250, 5),
    client(Protocol::Http2(4), "/mine", 25, 5),
];

/// More than a client sends: every address is new.
const ADDRESSES: u64 = 1 << 24;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// A new file takes the place of the old one.
    Rename,
    /// The file is written to where it is.
    Rewrite,
    /// The administrator uploads a component.
    Upload,
    /// The configuration changes, and with it the plugin's settings.
    Settings,
}

/// A component that must not serve, and the stage that finds out.
struct Bad {
    component: Vec<u8>,
    stage: &'static str,
}

struct Drill {
    gateway: Gateway,
    folder: TempDir,
    good: [Vec<u8>; 2],
    bad: Vec<Bad>,
    /// Which of the good ones serves.
    serving: usize,
    generation: u64,
    settings: u32,
}

const fn client(protocol: Protocol, path: &'static str, records: u64, rest_milliseconds: u64) -> Client {
    Client { protocol, path, records, rest: Duration::from_millis(rest_milliseconds) }
}

#[test]
fn two_hundred_swaps_under_load_lose_nothing() {
    let mut drill = Drill::start();
    let load = Load::start(&drill.gateway, &CLIENTS, ADDRESSES);
    for (count, way) in (1..=SWAPS).zip(WAYS.into_iter().cycle()) {
        if count % BAD_EVERY == 0 {
            drill.fail(way, count / BAD_EVERY);
            load.check(&drill.gateway);
        }
        drill.swap(way);
        // What comes in from now on goes to the new plugin.
        load.wait_for_replies();
        assert!(drill.gateway.plugin("mine")["accepted"].as_u64() > Some(0), "swap {count}");
        load.check(&drill.gateway);
        if count % EXACT_EVERY == 0 {
            load.check_exactly(&drill.gateway);
        }
    }
    load.check_exactly(&drill.gateway);
    let metrics = drill.gateway.metrics();
    assert_eq!(metrics.sum("tallygate_plugin_rollbacks_total", &[]), 0);
    assert_eq!(drill.generation, 1 + SWAPS as u64);
}

// === impl Drill ===

impl Drill {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let good = [JSON.to_vec(), variant(JSON, 1)];
        fs::write(file(&folder), &good[0]).expect("the folder is writable");
        let gateway = Gateway::with_config(&config(&file(&folder), 0));
        Self { gateway, folder, good, bad: bad(), serving: 0, generation: 1, settings: 0 }
    }

    /// Changes the plugin, and expects that it is changed.
    fn swap(&mut self, way: Way) {
        self.generation += 1;
        if way == Way::Settings {
            self.settings += 1;
            replace(&self.gateway.config_file(), config(&file(&self.folder), self.settings).as_bytes());
        } else {
            self.serving = 1 - self.serving;
            self.bring(way, &self.good[self.serving], 200);
        }
        self.gateway.wait_for_generation("mine", self.generation);
        self.expect_to_serve();
    }

    /// Tries to change the plugin for the worse, and expects that it serves as before.
    fn fail(&self, way: Way, attempt: usize) {
        match way {
            Way::Settings if attempt.is_multiple_of(2) => {
                let refused = |gateway: &Gateway| {
                    gateway.metrics().sum("tallygate_config_reloads_total", &[("result", "refused")])
                };
                let before = refused(&self.gateway);
                replace(&self.gateway.config_file(), b"[plugins.mine");
                self.gateway.wait_for("the configuration to be refused", |_| refused(&self.gateway) > before);
            }
            Way::Settings => {
                let traps = config(guest("unruly"), 0).replace("settings = {", "settings = { configure = \"trap\",");
                replace(&self.gateway.config_file(), traps.as_bytes());
                self.gateway.wait_for_refusal("mine", "configure", "");
            }
            _ => {
                let bad = &self.bad[attempt % self.bad.len()];
                self.bring(way, &bad.component, if bad.stage == "shadow" { 409 } else { 422 });
                self.gateway.wait_for_refusal("mine", bad.stage, "");
            }
        }
        self.expect_to_serve();
    }

    /// Brings a component to the gateway. An upload is answered, with this status.
    fn bring(&self, way: Way, component: &[u8], status: u16) {
        match way {
            Way::Rename => replace(&file(&self.folder), component),
            Way::Rewrite => fs::write(file(&self.folder), component).expect("writable"),
            Way::Upload => drop(self.gateway.deploy("mine", "", component).expect(status)),
            Way::Settings => unreachable!("settings come without a component"),
        }
    }

    /// Expects that just what is meant to serve does.
    fn expect_to_serve(&self) {
        let plugin = self.gateway.plugin("mine");
        assert_eq!(plugin["generation"], self.generation, "{plugin}");
        let digest = Sha256::digest(&self.good[self.serving]);
        assert_eq!(plugin["digest"], format!("sha256:{digest:x}"), "{plugin}");
    }
}

fn bad() -> Vec<Bad> {
    let half = JSON[..JSON.len() / 2].to_vec();
    let read = |guest: &Path| fs::read(guest).expect("it is built");
    [
        (half, "parse"),
        (b"no WebAssembly at all".to_vec(), "parse"),
        // A core module without anything in it, and a component without anything in it.
        (b"\0asm\x01\0\0\0".to_vec(), "parse"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "version"),
        // Accepts everything, but as 0.0.0.0.
        (read(guest("empty")), "shadow"),
        // Accepts nothing of what comes in.
        (read(guest("unruly")), "shadow"),
    ]
    .map(|(component, stage)| Bad { component, stage })
    .into()
}

/// The settings differ by a field that no record has.
fn config(file: &Path, settings: u32) -> String {
    format!(
        r#"{ADMIN}
        [swap]
        replay_records = 1000
        [plugins.mine]
        path = "{}"
        settings = {{ fields = "ip,other{settings}" }}
        [[routes]]
        path = "/mine"
        plugins = ["mine"]
        "#,
        file.display()
    )
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("mine.wasm")
}

fn replace(file: &Path, content: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, content).expect("the folder is writable");
    fs::rename(&new, file).expect("in the same folder");
}
