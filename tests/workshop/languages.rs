//! A plugin in each language, with the toolchain that its authors have: written by `plugin new`, built, tested, and served by the
//! gateway. What the toolchain is and what each language costs stands in `plugins/README.md`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{fed, objects, plugin_in, printed, text};
use crate::harness::{ACCESS_LOG, Gateway, JSON, Request, program};

/// A language, what its toolchain is called, and what an author changes to have the plugin fail at the record `boom`.
struct Language {
    name: &'static str,
    tools: &'static [&'static str],
    source: &'static str,
    /// What is replaced in the source, and by what.
    failing: (&'static str, &'static str),
    limits: &'static str,
}

/// A folder for projects, outside of the checkout.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A new project that fails at one record, built and with its tests passed.
fn made(language: &Language, folder: &Path) -> Option<PathBuf> {
    if language.tools.iter().any(|tool| program(tool).is_none()) {
        return None;
    }
    printed(&fed(plugin_in(folder, &["new", "my-logs", "--lang", language.name]), b""));
    let project = folder.join("my-logs");
    let source = project.join(language.source);
    let as_it_is = std::fs::read_to_string(&source).expect("readable");
    let (before, after) = language.failing;
    assert!(as_it_is.contains(before), "{before} is not in {as_it_is}");
    std::fs::write(&source, as_it_is.replacen(before, after, 1)).expect("writable");
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
        "swap.compile_time = \"600 s\"\n[plugins.mine]\npath = \"{}\"\n{}\n[[routes]]\npath = \"/mine\"\nplugins = [\"mine\"]\n",
        project.join("my-logs.wasm").display(),
        language.limits
    ));
    for _ in 0..3 {
        let request = Request::post("/mine").header("Content-Type", "text/plain").body(log.clone());
        gateway.send(&request).expect_tally(answers.len() as u64, accepted as u64);
    }

    // An author's own words, of one record that the plugin fails at among others.
    let failed = run(&["."], b"2026-11-20T05:00:00Z 192.0.2.1 one\nboom\n- 192.0.2.2 three\n");
    let answers = objects(&failed);
    assert_eq!((&answers[0]["ip"], &answers[2]["ip"]), (&json!("192.0.2.1"), &json!("192.0.2.2")));
    assert_eq!(answers[1]["reject"], json!("trap"), "{answers:?}");
    let message = answers[1]["message"].as_str().unwrap_or_default();
    assert!(message.contains("the pot is broken"), "{message}");
    assert!(text(&failed.stderr).contains("the pot is broken"), "{}", text(&failed.stderr));
}

#[test]
fn a_plugin_in_rust() {
    check(&Language {
        name: "rust",
        tools: &["cargo"],
        source: "src/lib.rs",
        failing: ("    let mut words", "    assert!(record != b\"boom\", \"the pot is broken\");\n    let mut words"),
        limits: "",
    });
}

/// What is embedded, compiled and carried around stays small: so much for those that ship, so much for a first one of one's own.
#[test]
fn plugins_are_small() {
    const SHIPPED: usize = 200_000;
    const HELLO: usize = 60 << 10;
    for (name, bytes) in [("json", JSON.len()), ("access-log", ACCESS_LOG.len())] {
        assert!(bytes < SHIPPED, "{name} has {bytes} bytes");
    }
    let folder = folder();
    printed(&fed(plugin_in(folder.path(), &["new", "hello", "--lang", "rust"]), b""));
    let project = folder.path().join("hello");
    let source = "use tallygate_sdk::{Address, Reject, Visit};\n\nfn extract(record: &[u8]) -> Result<Visit, Reject> {\n    \
                  Address::parse(record).map(Visit::of).ok_or(Reject::not_an_address(\"no address\"))\n}\n\n\
                  tallygate_sdk::plugin!(extract);\n";
    std::fs::write(project.join("src/lib.rs"), source).expect("writable");
    let built: Value =
        serde_json::from_str(&printed(&fed(plugin_in(&project, &["build", "--json"]), b""))).expect("JSON");
    assert!(built["bytes"].as_u64().is_some_and(|bytes| bytes < HELLO as u64), "{built}");
    assert_eq!(objects(&fed(plugin_in(&project, &["run", "--json", "."]), b"192.0.2.1\n"))[0]["ip"], "192.0.2.1");
}

#[test]
fn a_plugin_in_c() {
    check(&Language {
        name: "c",
        tools: &["clang", "wasm-ld"],
        source: "plugin.c",
        failing: (
            "    size_t at = 0;",
            "    size_t at = 0;\n    if (tg_equal(line, \"boom\")) tg_fail(\"the pot is broken\");",
        ),
        limits: "",
    });
}

#[test]
fn a_plugin_in_go() {
    check(&Language {
        name: "go",
        tools: &["go"],
        source: "plugin.go",
        failing: (
            "\ttimeWord, rest",
            "\tif string(record) == \"boom\" {\n\t\tpanic(\"the pot is broken\")\n\t}\n\ttimeWord, rest",
        ),
        limits: "limits = { time = \"500 ms\" }",
    });
}

#[test]
fn a_plugin_in_javascript() {
    check(&Language {
        name: "js",
        tools: &["node", "npm"],
        source: "plugin.js",
        failing: (
            "  const [timeWord",
            "  if (text(record) === \"boom\") throw new Error(\"the pot is broken\");\n  const [timeWord",
        ),
        limits: "limits = { time = \"2 s\", isolated = true }",
    });
}

#[test]
fn a_plugin_in_python() {
    check(&Language {
        name: "python",
        tools: &["python3"],
        source: "plugin.py",
        failing: (
            "    words = record",
            "    if record == b\"boom\":\n        raise ValueError(\"the pot is broken\")\n    words = record",
        ),
        limits: "limits = { time = \"2 s\", isolated = true }",
    });
}
