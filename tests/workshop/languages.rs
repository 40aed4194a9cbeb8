//! A plugin in each language, with the toolchain that its authors have: written by `plugin new`, built, tested, and served by the
//! gateway. What the toolchain is and what each language costs stands in `plugins/README.md`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{fed, objects, plugin_in, printed, text};
use crate::harness::{Gateway, Request, program};

/// A language, what its toolchain is called, and what an author changes to have the plugin fail, with words of their own.
struct Language {
    name: &'static str,
    tools: &'static [&'static str],
    source: &'static str,
    /// What is replaced in the source, and by what.
    failing: (&'static str, &'static str),
    words: &'static str,
    limits: &'static str,
}

/// A folder for projects, outside of the checkout.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A new project, built and with its tests passed.
fn made(language: &Language, folder: &Path) -> Option<PathBuf> {
    if language.tools.iter().any(|tool| program(tool).is_none()) {
        return None;
    }
    printed(&fed(plugin_in(folder, &["new", "my-logs", "--lang", language.name]), b""));
    let project = folder.join("my-logs");
    let tested = printed(&fed(plugin_in(&project, &["test"]), b""));
    assert!(tested.ends_with("all as expected\n"), "{tested}");
    Some(project)
}

fn check(language: &Language) {
    let folder = folder();
    let Some(project) = made(language, folder.path()) else { return };
    let log = std::fs::read(project.join("tests/example.log")).expect("is there");
    let run =
        |arguments: &[&str], input: &[u8]| fed(plugin_in(&project, &[&["run", "--json"], arguments].concat()), input);
    let answers = objects(&run(&["."], &log));
    let accepted = answers.iter().filter(|answer| answer.get("ip").is_some()).count();
    assert!(accepted > 1 && accepted < answers.len(), "{answers:?}");

    // In the sandbox of a gateway, which it tells nothing of.
    let inspected: Value =
        serde_json::from_str(&printed(&fed(plugin_in(&project, &["inspect", ".", "--json"]), b""))).expect("JSON");
    assert_eq!(inspected["wit"], "1.0.0");
    let asks_for = inspected["asks_for"].as_str().unwrap_or_default();
    assert!(asks_for.starts_with("nothing"), "{asks_for}");
    let gateway = Gateway::with_config(&format!(
        "[plugins.mine]\npath = \"{}\"\n{}\n[[routes]]\npath = \"/mine\"\nplugins = [\"mine\"]\n",
        project.join("my-logs.wasm").display(),
        language.limits
    ));
    for _ in 0..3 {
        let request = Request::post("/mine").header("Content-Type", "text/plain").body(log.clone());
        gateway.send(&request).expect_tally(answers.len() as u64, accepted as u64);
    }

    // An author's own words, and where it happened.
    let source = project.join(language.source);
    let text_of = std::fs::read_to_string(&source).expect("readable");
    let (before, after) = language.failing;
    assert!(text_of.contains(before), "{before} is not in {text_of}");
    std::fs::write(&source, text_of.replacen(before, after, 1)).expect("writable");
    printed(&fed(plugin_in(&project, &["build"]), b""));
    let failed = run(&["."], b"2026-11-20T05:00:00Z 192.0.2.1 one\n");
    let answers = objects(&failed);
    assert_eq!(answers[0]["reject"], json!("trap"), "{answers:?}");
    let message = answers[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains(language.words), "{message}");
    assert!(text(&failed.stderr).contains(language.words), "{}", text(&failed.stderr));
}

#[test]
fn a_plugin_in_c() {
    check(&Language {
        name: "c",
        tools: &["clang", "wasm-ld"],
        source: "plugin.c",
        failing: ("    (void)received;", "    (void)received; tg_fail(\"the pot is broken\");"),
        words: "the pot is broken",
        limits: "",
    });
}

#[test]
fn a_plugin_in_go() {
    check(&Language {
        name: "go",
        tools: &["go"],
        source: "plugin.go",
        failing: ("\treturn ", "\tpanic(\"the pot is broken\")\n\treturn "),
        words: "the pot is broken",
        limits: "limits = { memory = \"64 MiB\", time = \"500 ms\" }",
    });
}
