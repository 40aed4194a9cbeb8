//! `tallygate plugin watch`.

use std::fs;

use super::{fed, plugin_in, printed, tallygate_in};
use crate::harness::{ADMIN, Gateway, Process, TOKEN, patiently, program};

#[test]
fn what_is_saved_is_built_tested_and_deployed() {
    if ["clang", "wasm-ld"].iter().any(|tool| program(tool).is_none()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    printed(&fed(plugin_in(folder.path(), &["new", "mine", "--lang", "c"]), b""));
    let project = folder.path().join("mine");
    printed(&fed(plugin_in(&project, &["build"]), b""));
    let served = folder.path().join("served.wasm");
    fs::copy(project.join("mine.wasm"), &served).expect("was built");
    let gateway = Gateway::with_config(&format!("{ADMIN}[plugins.mine]\npath = \"{}\"\n", served.display()));

    let mut watch = tallygate_in(&project);
    watch.args(["plugin", "watch", "--deploy", "--url", &format!("http://{}", gateway.ops())]);
    watch.env("TALLYGATE_TOKEN", TOKEN);
    let watching = Process::start(watch, &folder.path().join("watch.log"));
    let rounds = || watching.log().matches("waiting for a change").count();
    patiently("the first round", || (rounds() == 1).then_some(()));

    let source = project.join("plugin.c");
    let text = fs::read_to_string(&source).expect("readable");
    let save = |version: &str, malformed: &str| {
        let changed = text.replace("\"0.1.0\"", &format!("\"{version}\"")).replace("tg_malformed(", malformed);
        fs::write(&source, changed).expect("writable");
    };
    save("0.2.0", "tg_malformed(");
    patiently("the new version to serve", || (gateway.plugin("mine")["version"] == "0.2.0").then_some(()));
    patiently("the second round", || (rounds() >= 2).then_some(()));

    // What fails its tests is not deployed, and what cannot be built ends nothing.
    let before = rounds();
    save("0.3.0", "tg_not_an_address(");
    patiently("a round that fails", || (rounds() > before).then_some(()));
    let before = rounds();
    save("0.4.0", "no_such_function(");
    patiently("a round that builds nothing", || (rounds() > before).then_some(()));
    assert!(watching.log().contains("cannot build mine: "), "{}", watching.log());
    assert_eq!(gateway.plugin("mine")["version"], "0.2.0");

    save("0.5.0", "tg_malformed(");
    patiently("a version that is good again", || (gateway.plugin("mine")["version"] == "0.5.0").then_some(()));
}
