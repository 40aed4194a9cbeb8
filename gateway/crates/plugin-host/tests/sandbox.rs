//! What a guest can do, to others and to itself: nothing and not much. Runs real guests, built from source.

#[path = "shared/batch.rs"]
mod batch;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tallygate_event::{Code, Outcome};
use tallygate_plugin_host::{Compiler, Failure, Host, Limits, LoadError, LoadRequest, Plugin, Stage, contain};

use batch::{Batch, RECEIVED};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the checkout")
}

/// The component of a guest, built once.
fn guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
        let manifest = root().join("tests/guests/Cargo.toml");
        tallygate_guest_build::build(&manifest, &["empty", "unruly"], &target).expect("the guests build")
    });
    let path = built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)).expect("a guest");
    std::fs::read(path).expect("was just built")
}

fn limits() -> Limits {
    Limits { memory: 16 << 20, time: Duration::from_millis(300), ..Limits::default() }
}

fn candidate<'a>(name: &'a str, component: &'a [u8]) -> LoadRequest<'a> {
    LoadRequest { name, component, settings: vec![], limits: limits() }
}

fn load(settings: &[(&str, &str)]) -> Result<Arc<Plugin>, LoadError> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let candidate = LoadRequest { name: "unruly", component: &guest("unruly"), settings, limits: limits() };
    host(None).load(candidate, &mut |_, _| {})
}

fn host(cache: Option<&Path>) -> Host {
    Host::new(cache, Compiler::Here).expect("a host")
}

fn unruly() -> Arc<Plugin> {
    load(&[]).expect("the guest loads")
}

fn extract(plugin: &Plugin, words: &[&str]) -> Result<Outcome, Failure> {
    plugin.instantiate().expect("an instance").extract(Batch::new(words).records())
}

#[test]
fn good_records_come_back_in_order() {
    let outcome = extract(&unruly(), &["1.2.3.4", "nothing", "on-request", "5.6.7.8"]).expect("an answer");
    assert_eq!(outcome.status, [0, 16, 200, 0]);
    assert_eq!(outcome.v4, [0x0102_0304, 0x0506_0708]);
    assert!(outcome.times.is_empty());
    assert_eq!(unruly().code_name(Code(200)), "on-request");
}

#[test]
fn each_sin_has_its_kind() {
    let plugin = unruly();
    let kinds = [
        ("trap", "trap"),
        ("spin", "deadline"),
        ("hog", "trap"),
        ("recurse", "trap"),
        ("miscount-status", "contract"),
        ("miscount-v4", "contract"),
        ("miscount-v6", "contract"),
        ("miscount-times", "contract"),
        ("impossible", "contract"),
        ("unnamed", "contract"),
    ];
    for (word, kind) in kinds {
        let failure = extract(&plugin, &["1.2.3.4", "1.2.3.4", word]).expect_err(word);
        assert_eq!(failure.kind(), kind, "{word}: {failure}");
    }
    assert_eq!(plugin.memory_bytes(), 0, "every instance gave its memory back");
}

#[test]
fn one_poison_record_in_a_thousand_is_rejected_alone() {
    let plugin = unruly();
    for poison in ["trap", "miscount-v4", "spin", "hog"] {
        let mut words = vec!["1.2.3.4"; 1000];
        words[617] = poison;
        let batch = Batch::new(&words);
        let mut failures = 0;
        let outcome = contain(&plugin, batch.records(), |_| {
            failures += 1;
            ControlFlow::Continue(())
        })
        .expect("is contained");
        assert_eq!(outcome.rejects().collect::<Vec<_>>(), [(617, Code::TRAP)], "{poison}");
        assert_eq!(outcome.accepted(), 999);
        assert!(failures <= 11, "{poison}: {failures} failures for one record in a thousand");
    }
}

#[test]
fn a_record_too_large_for_the_plugin_does_not_take_its_neighbours_with_it() {
    let huge = "x".repeat(limits().memory);
    let batch = Batch::new(&["1.2.3.4", &huge, "5.6.7.8"]);
    let outcome = contain(&unruly(), batch.records(), |_| ControlFlow::Continue(())).expect("is contained");
    assert_eq!(outcome.status, [Outcome::V4, Code::TRAP.0, Outcome::V4]);
}

#[test]
fn a_containment_that_nobody_waits_for_ends() {
    let batch = Batch::new(&["trap"; 64]);
    let mut failures = 0;
    let ended = contain(&unruly(), batch.records(), |_| {
        failures += 1;
        ControlFlow::Break(())
    });
    assert!(ended.is_err());
    assert_eq!(failures, 1);
}

#[test]
fn when_every_record_traps_each_is_rejected() {
    let batch = Batch::new(&["trap"; 64]);
    let outcome = contain(&unruly(), batch.records(), |_| ControlFlow::Continue(())).expect("traps are quick");
    assert_eq!(outcome.status, [Code::TRAP.0; 64]);
}

#[test]
fn when_every_record_spins_containment_gives_up() {
    let batch = Batch::new(&["spin"; 1000]);
    let exhausted =
        contain(&unruly(), batch.records(), |_| ControlFlow::Continue(())).expect_err("has no end otherwise");
    assert!(matches!(exhausted.last, Failure::Deadline { .. }));
}

#[test]
fn a_guest_sees_nothing_of_the_host() {
    let words = unruly().instantiate().expect("an instance").explain(b"probe", RECEIVED).expect("an answer");
    let nothing = "environment 0, arguments 0, files 0, written false, connected false, clock 0, map 3";
    assert_eq!(words, Ok(nothing.to_owned()));
}

#[test]
fn words_of_a_guest_are_made_printable() {
    let words = unruly().instantiate().expect("an instance").explain(b"x", RECEIVED).expect("an answer");
    assert_eq!(words, Err("not an address\\nand more".to_owned()));
}

/// What a plugin said of one record may be whose nobody else may read.
#[test]
fn words_of_one_call_are_not_told_of_the_failure_of_another() {
    let mut instance = unruly().instantiate().expect("an instance");
    assert_eq!(instance.extract(Batch::new(&["mutter", "nobody"]).records()).expect("an answer").status, [16, 2]);
    let failure = instance.extract(Batch::new(&["trap-silently"]).records()).expect_err("traps").to_string();
    assert!(failure.contains("trapped") && !failure.contains("secret"), "{failure}");
    let told = extract(&unruly(), &["mutter", "trap-silently"]).expect_err("traps").to_string();
    assert!(told.contains("in its own words: secret words"), "{told}");
}

#[test]
fn explain_is_held_to_the_deadline_too() {
    for word in ["explain-trap", "explain-spin"] {
        assert!(unruly().instantiate().expect("an instance").explain(word.as_bytes(), RECEIVED).is_err(), "{word}");
    }
}

#[test]
fn a_flood_of_log_lines_changes_nothing() {
    assert_eq!(extract(&unruly(), &["log", "1.2.3.4"]).expect("an answer").status, [16, 0]);
}

#[test]
fn a_guest_that_misbehaves_while_it_is_configured_is_refused() {
    for (value, expected) in [("trap", "trapped"), ("spin", "did not answer"), ("x", "expected trap or spin")] {
        let error = load(&[("configure", value)]).err().expect("is refused");
        assert_eq!(error.stage, Stage::Configure, "{value}");
        assert!(error.message.contains(expected), "{value}: {}", error.message);
    }
}

#[test]
fn what_is_no_component_is_refused_with_advice() {
    let host = host(None);
    let cases: [(&[u8], Stage, &str); 6] = [
        (b"", Stage::Parse, "empty"),
        (b"hello, world", Stage::Parse, "not WebAssembly"),
        (b"\0asm\x01\0\0\0", Stage::Parse, "core WebAssembly module"),
        (b"\0asm\x0d\0\x01\0", Stage::Version, "exports no tallygate:plugin/extractor@"),
        (b"\0asm\x0d\0\x01\0garbage", Stage::Parse, "not valid"),
        (b"\0asm\x0d\0", Stage::Parse, "breaks off after 6 bytes"),
    ];
    for (bytes, stage, advice) in cases {
        let error = host.load(candidate("x", bytes), &mut |_, _| {}).err().expect("is refused");
        assert_eq!(error.stage, stage, "{bytes:?}: {error}");
        assert!(error.message.contains(advice), "{bytes:?}: {error}");
    }
}

#[test]
fn a_second_start_compiles_nothing_and_distrusts_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = || {
        let component = guest("unruly");
        host(Some(folder.path())).load(candidate("unruly", &component), &mut |_, _| {}).expect("loads");
    };
    let entry = || {
        let engine =
            std::fs::read_dir(folder.path()).expect("the cache").next().expect("one engine").expect("readable");
        std::fs::read_dir(engine.path()).expect("its folder").next().expect("one entry").expect("readable").path()
    };
    load();
    let whole = std::fs::read(entry()).expect("an entry");
    load();
    assert_eq!(std::fs::read(entry()).expect("an entry"), whole, "used as it was");

    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    std::fs::write(entry(), torn).expect("writable");
    load();
    let again = std::fs::read(entry()).expect("an entry");
    assert_eq!(again.len(), whole.len(), "compiled anew");
}
