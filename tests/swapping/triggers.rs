//! What makes a plugin be read again.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use super::{WithPlugin, config};
use crate::harness::{Gateway, JSON, Setup, variant};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

#[test]
fn a_file_that_takes_the_place_of_the_old_one_is_loaded() {
    let mine = WithPlugin::json();
    mine.post(RECORD).expect_tally(1, 1);
    mine.replace(variant(JSON, 1));
    mine.gateway.wait_for_generation("mine", 2);
    mine.post(RECORD).expect_tally(1, 1);
    assert_eq!(mine.gateway.unique(), 1);
}

#[test]
fn a_file_that_is_written_in_place_is_loaded() {
    let mine = WithPlugin::json();
    fs::write(&mine.file, variant(JSON, 1)).expect("writable");
    mine.gateway.wait_for_generation("mine", 2);
    assert_eq!(mine.gateway.plugin("mine")["source"], "file");
}

#[test]
fn a_file_that_is_deleted_and_made_again_is_loaded() {
    let mine = WithPlugin::json();
    fs::remove_file(&mine.file).expect("is there");
    mine.gateway.wait_for_refusal("mine", "read", "No such file");
    mine.post(RECORD).expect_tally(1, 1);
    fs::write(&mine.file, variant(JSON, 1)).expect("writable");
    mine.gateway.wait_for_generation("mine", 2);
    assert!(mine.gateway.plugin("mine")["last_error"].is_null());
}

#[test]
fn when_the_same_file_is_back_nothing_has_changed() {
    let mine = WithPlugin::json();
    fs::remove_file(&mine.file).expect("is there");
    mine.gateway.wait_for_refusal("mine", "read", "No such file");
    fs::write(&mine.file, JSON).expect("writable");
    mine.gateway.wait_for("the error to be forgotten", |_| mine.gateway.plugin("mine")["last_error"].is_null());
    assert_eq!(mine.gateway.plugin("mine")["generation"], 1);
}

/// Kubernetes mounts `mine.wasm -> ..data/mine.wasm` and `..data -> ..<date>`, and flips the latter.
#[test]
fn a_link_that_is_flipped_beside_the_file_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    for (version, component) in [("..1", JSON.to_vec()), ("..2", variant(JSON, 2))] {
        fs::create_dir(folder.path().join(version)).expect("a folder for the version");
        fs::write(folder.path().join(version).join("mine.wasm"), component).expect("writable");
    }
    symlink("..1", folder.path().join("..data")).expect("a link");
    symlink("..data/mine.wasm", folder.path().join("mine.wasm")).expect("a link");
    let gateway = Gateway::with_config(&config(&folder.path().join("mine.wasm"), ""));
    symlink("..2", folder.path().join("..data_tmp")).expect("a link");
    fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).expect("in the same folder");
    gateway.wait_for_generation("mine", 2);
}

/// A folder that does not exist at the start cannot be watched, and neither can a network file system. What is looked at
/// tells of changes, too.
#[test]
fn where_the_system_tells_nothing_looking_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    for (place, component) in [(&here, JSON.to_vec()), (&there, variant(JSON, 1))] {
        fs::create_dir(place).expect("a new folder");
        fs::write(place.join("mine.wasm"), component).expect("writable");
    }
    let link = folder.path().join("link");
    symlink(&here, &link).expect("a link");
    let gateway = Gateway::with_config(&config(&link.join("mine.wasm"), "[swap]\npoll = \"50 ms\"\n"));
    // The watch is on the folder that the link led to; that the link leads elsewhere is no event in there.
    fs::remove_file(&link).expect("is there");
    symlink(&there, &link).expect("a link");
    gateway.wait_for_generation("mine", 2);
}

#[test]
fn a_hangup_looks_at_plugins_too() {
    let mine = WithPlugin::new(JSON, "[swap]\npoll = \"1 h\"\n");
    // Refused at first; and tried again only because somebody asks.
    mine.post(r#"{"ip":"192.0.2.1","other":"192.0.2.9"}"#).expect_tally(1, 1);
    mine.replace("garbage");
    mine.gateway.wait_for_refusal("mine", "parse", "not WebAssembly");
    mine.gateway.signal(Signal::HUP);
    mine.gateway.wait_for("the reload to be refused", |metrics| {
        metrics.sum("tallygate_config_reloads_total", &[("result", "refused")]) == 1
    });
    mine.replace(variant(JSON, 1));
    mine.gateway.signal(Signal::HUP);
    mine.gateway.wait_for_generation("mine", 2);
}

#[test]
fn a_configuration_that_changes_path_or_settings_swaps_the_plugin() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("one.wasm"), folder.path().join("two.wasm"));
    fs::write(&one, JSON).expect("writable");
    fs::write(&two, variant(JSON, 2)).expect("writable");
    let gateway = Gateway::with_config(&config(&one, ""));
    fs::write(gateway.config_file(), config(&two, "")).expect("writable");
    gateway.wait_for_generation("mine", 2);
    fs::write(gateway.config_file(), config(&two, "settings = { fields = \"client\" }")).expect("writable");
    gateway.wait_for_generation("mine", 3);
    fs::write(gateway.config_file(), config(&two, "settings = { fields = \"client\" }\n# the same")).expect("writable");
    gateway.wait_for("the reload", |metrics| metrics.sum("tallygate_config_reloads_total", &[("result", "ok")]) == 3);
    assert_eq!(gateway.plugin("mine")["generation"], 3, "the same component and settings again change nothing");
}

#[test]
fn every_plugin_that_is_read_from_a_file_is_swapped() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.wasm");
    fs::write(&file, JSON).expect("writable");
    let two = format!(
        "[plugins.two]\npath = \"{}\"\nsettings = {{ fields = \"client\" }}\n[[routes]]\npath = \"/two\"\nplugins = [\"two\"]\n",
        file.display()
    );
    let gateway = Gateway::with_config(&config(&file, &two));
    fs::write(&file, variant(JSON, 1)).expect("writable");
    gateway.wait_for_generation("mine", 2);
    gateway.wait_for_generation("two", 2);
}

#[test]
fn without_a_configuration_file_plugins_are_swapped_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("json.wasm");
    fs::write(&file, JSON).expect("writable");
    let gateway = Setup::new().environment("TALLYGATE_PLUGINS__JSON__PATH", file.to_str().expect("text")).start();
    fs::write(&file, variant(JSON, 1)).expect("writable");
    gateway.wait_for_generation("json", 2);
}
