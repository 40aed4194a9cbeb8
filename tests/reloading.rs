//! The configuration changes while the gateway serves; a bad one changes nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

use rustix::process::Signal;

use crate::harness::{ADMIN, Gateway, Reply, Request, Setup, config_with_unruly_guest};

const RECORD: &str = r#"{"ip":"192.0.2.1"}"#;

const AT_A: &str = "[[routes]]\npath = \"/a\"\nplugins = [\"json\"]";
const AT_B: &str = "[[routes]]\npath = \"/b\"\nplugins = [\"json\"]";
const BROKEN: &str = "[[routes]]\npath = \"/c\"\nplugins = [\"none\"]";

fn post(gateway: &Gateway, path: &str) -> Reply {
    gateway.send(&Request::post(path).body(RECORD))
}

fn expect_only(gateway: &Gateway, served: &str, gone: &str) {
    post(gateway, served).expect_tally(1, 1);
    post(gateway, gone).expect_error(404, "not-found");
}

fn wait_for_reloads(gateway: &Gateway, result: &str, count: u64) {
    gateway.wait_for(&format!("reload {count} to be {result}"), |metrics| {
        metrics.sum("tallygate_config_reloads_total", &[("result", result)]) >= count
    });
}

/// Writes as editors do: a new file takes the place of the old one.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("the folder is writable");
    fs::rename(&new, file).expect("in the same folder");
}

#[test]
fn a_file_that_takes_the_place_of_the_old_one_is_read() {
    let gateway = Gateway::with_config(AT_A);
    expect_only(&gateway, "/a", "/b");
    replace(&gateway.config_file(), AT_B);
    wait_for_reloads(&gateway, "ok", 1);
    expect_only(&gateway, "/b", "/a");
    assert_eq!(gateway.unique(), 1, "what was counted stays");
}

#[test]
fn a_file_that_is_written_in_place_is_read() {
    let gateway = Gateway::with_config(AT_A);
    fs::write(gateway.config_file(), AT_B).expect("writable");
    wait_for_reloads(&gateway, "ok", 1);
    expect_only(&gateway, "/b", "/a");
}

/// Kubernetes mounts `tallygate.toml -> ..data/tallygate.toml` and `..data -> ..<date>`, and flips the latter.
#[test]
fn a_link_that_is_flipped_beside_the_file_is_followed() {
    let setup = Setup::new();
    let folder = setup.config_file().parent().expect("a folder").to_path_buf();
    for (version, text) in [("..1", AT_A), ("..2", AT_B)] {
        fs::create_dir(folder.join(version)).expect("a folder for the version");
        fs::write(folder.join(version).join("tallygate.toml"), text).expect("writable");
    }
    symlink("..1", folder.join("..data")).expect("a link");
    symlink("..data/tallygate.toml", folder.join("tallygate.toml")).expect("a link");
    let gateway = setup.start();
    expect_only(&gateway, "/a", "/b");

    symlink("..2", folder.join("..data_tmp")).expect("a link");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("in the same folder");
    wait_for_reloads(&gateway, "ok", 1);
    expect_only(&gateway, "/b", "/a");
}

#[test]
fn a_hangup_asks_for_a_reload() {
    let setup = Setup::new();
    // A link out of the watched folder: what it points to may change unseen.
    let elsewhere = setup.config_file().parent().and_then(Path::parent).expect("a folder").join("elsewhere.toml");
    fs::write(&elsewhere, AT_A).expect("writable");
    symlink(&elsewhere, setup.config_file()).expect("a link");
    let gateway = setup.start();
    fs::write(&elsewhere, AT_B).expect("writable");
    gateway.signal(Signal::HUP);
    wait_for_reloads(&gateway, "ok", 1);
    expect_only(&gateway, "/b", "/a");
}

#[test]
fn without_a_file_a_hangup_changes_nothing() {
    let gateway = Gateway::start();
    gateway.signal(Signal::HUP);
    wait_for_reloads(&gateway, "ok", 1);
    gateway.expect_to_serve();
    assert_eq!(gateway.metrics().sum("tallygate_plugin_generation", &[("plugin", "json")]), 1);
}

#[test]
fn a_broken_configuration_leaves_the_old_one_serving() {
    let gateway = Gateway::with_config(AT_A);
    replace(&gateway.config_file(), BROKEN);
    wait_for_reloads(&gateway, "refused", 1);
    expect_only(&gateway, "/a", "/c");
    assert!(gateway.log().contains("a route names the plugin"), "{}", gateway.log());
    replace(&gateway.config_file(), "not toml");
    wait_for_reloads(&gateway, "refused", 2);
    fs::remove_file(gateway.config_file()).expect("it is there");
    wait_for_reloads(&gateway, "refused", 3);
    expect_only(&gateway, "/a", "/c");
    replace(&gateway.config_file(), AT_B);
    wait_for_reloads(&gateway, "ok", 1);
    expect_only(&gateway, "/b", "/a");
}

#[test]
fn a_plugin_that_cannot_be_loaded_leaves_the_old_configuration_serving() {
    let gateway = Gateway::with_config(&config_with_unruly_guest("100 ms"));
    for settings in ["configure = \"trap\"", "configure = \"spin\"", "configure = \"x\""] {
        let config =
            config_with_unruly_guest("100 ms").replace("limits", &format!("settings = {{ {settings} }}\nlimits"));
        let before = gateway.metrics().sum("tallygate_config_reloads_total", &[("result", "refused")]);
        replace(&gateway.config_file(), &config);
        wait_for_reloads(&gateway, "refused", before + 1);
        gateway.send(&Request::post("/unruly").body("192.0.2.1")).expect_tally(1, 1);
    }
    let labels = [("plugin", "unruly"), ("stage", "configure"), ("result", "refused")];
    assert_eq!(gateway.metrics().sum("tallygate_plugin_reloads_total", &labels), 3);
    assert_eq!(gateway.metrics().sum("tallygate_plugin_generation", &[("plugin", "unruly")]), 1);
}

#[test]
fn limits_change_for_the_next_request() {
    let gateway = Gateway::with_config("");
    gateway.expect_to_serve();
    replace(&gateway.config_file(), "[ingest]\nmax_body = \"1 KiB\"\nmax_in_flight = \"128 MiB\"");
    wait_for_reloads(&gateway, "ok", 1);
    gateway.post(" ".repeat(1025)).expect_error(413, "too-large");
    assert_eq!(gateway.metrics().value("tallygate_in_flight_limit_bytes"), 128 << 20);
}

#[test]
fn no_request_fails_while_the_configuration_changes() {
    let gateway = Gateway::with_config(AT_A);
    thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            for count in 1..=6 {
                let settings = format!("[plugins.json]\nsettings = {{ fields = \"ip,other{count}\" }}\n{AT_A}");
                replace(&gateway.config_file(), &settings);
                wait_for_reloads(&gateway, "ok", count);
            }
        });
        let mut connection = gateway.connect();
        while !reloads.is_finished() {
            connection.exchange(&Request::post("/a").body(RECORD)).expect_tally(1, 1);
            post(&gateway, "/logs").expect_tally(1, 1);
        }
    });
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("tallygate_plugin_generation", &[("plugin", "json")]), 7);
    let received = metrics.value("tallygate_records_received_total");
    assert_eq!(metrics.sum("tallygate_records_accepted_total", &[("plugin", "json")]), received);
}

/// Every reload is logged; were every write to the log a reason to reload, there would be no end.
#[test]
fn what_changes_beside_the_configuration_is_no_reason_to_reload() {
    let idle = "[ingest]\nheader_timeout = \"1 s\"\nidle_timeout = \"1 s\"";
    let gateway = Setup::new().config(&format!("{idle}\n{AT_A}")).log_beside_config().start();
    replace(&gateway.config_file(), &format!("{idle}\n{AT_B}"));
    wait_for_reloads(&gateway, "ok", 1);
    // The time that an idle connection is given is enough for several reloads.
    let mut idle = gateway.connect();
    gateway.wait_for("the connection", |metrics| metrics.value("tallygate_connections") == 1);
    idle.expect_close();
    assert_eq!(gateway.metrics().sum("tallygate_config_reloads_total", &[]), 1, "{}", gateway.log());
}

#[test]
fn a_refused_reload_counts_no_plugin_as_published() {
    let gateway = Gateway::with_config("");
    let refused = "[plugins.json]\nsettings = { fields = \"other\" }\n[plugins.mine]\npath = \"/nowhere.wasm\"\n";
    std::fs::write(gateway.config_file(), refused).expect("the folder is writable");
    gateway.wait_for("the reload to be refused", |metrics| {
        metrics.sum("tallygate_config_reloads_total", &[("result", "refused")]) == 1
    });
    assert_eq!(gateway.metrics().sum("tallygate_plugin_generation", &[("plugin", "json")]), 1);
    assert_eq!(gateway.metrics().sum("tallygate_plugin_reloads_total", &[("result", "ok")]), 1);
}

/// Whoever allows a larger difference and changes the plugin with the same file means the one by the other.
#[test]
fn a_reload_judges_by_the_difference_that_it_brings() {
    let gateway = Gateway::with_config(ADMIN);
    gateway.post(RECORD).expect_tally(1, 1);
    let other = "[plugins.json]\nsettings = { fields = \"other\" }";
    replace(&gateway.config_file(), &format!("{ADMIN}{other}"));
    wait_for_reloads(&gateway, "refused", 1);
    replace(&gateway.config_file(), &format!("{ADMIN}swap.max_difference = 1.0\n{other}"));
    gateway.wait_for_generation("json", 2);
    gateway.post(RECORD).expect_tally(1, 0);
}

#[test]
fn what_needs_a_restart_is_told() {
    let gateway = Gateway::with_config("");
    replace(
        &gateway.config_file(),
        "swap.compile_time = \"59 s\"\nswap.compile_memory = \"1 GiB\"\nlog_level = \"warn\"",
    );
    wait_for_reloads(&gateway, "ok", 1);
    for key in ["swap.compile_time", "swap.compile_memory", "log_level"] {
        assert!(gateway.log().contains(&format!("{key} was changed")), "{key}: {}", gateway.log());
    }
}
