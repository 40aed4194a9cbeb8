//! What the host says of a plugin to whoever wrote it: of everything that can be wrong, what it is, where, and what to do next.

#[path = "shared/batch.rs"]
mod batch;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use tallygate_guest_craft as craft;
use tallygate_plugin_host::{Compiler, Host, Limits, LoadRequest};

use batch::Batch;

/// A message, by its parts.
struct Message {
    about: &'static str,
    what: &'static str,
    wherein: &'static str,
    next: &'static str,
}

fn limits() -> Limits {
    Limits { memory: 16 << 20, time: Duration::from_millis(300), ..Limits::default() }
}

fn unruly() -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the checkout");
        let built = tallygate_guest_build::build(&root.join("tests/guests/Cargo.toml"), &["unruly"], &target);
        built.expect("the guest builds").remove(0)
    });
    std::fs::read(built).expect("was just built")
}

fn host() -> Host {
    Host::new(None, Compiler::Here).expect("a host")
}

/// Why a component is refused.
fn refusal(component: &[u8], settings: &[(&str, &str)]) -> String {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = LoadRequest { name: "mine", component, settings, limits: limits() };
    host().load(request, &mut |_, _| {}).err().expect("is refused").to_string()
}

/// How a call with the record fails.
fn failure(record: &str) -> String {
    let component = unruly();
    let request = LoadRequest { name: "mine", component: &component, settings: vec![], limits: limits() };
    let plugin = host().load(request, &mut |_, _| {}).expect("loads");
    let mut instance = plugin.instantiate().expect("an instance");
    instance.extract(Batch::new(&["192.0.2.1", record]).records()).expect_err("fails").to_string()
}

fn check(messages: &[(Message, String)]) {
    for (Message { about, what, wherein, next }, message) in messages {
        for part in [what, wherein, next] {
            assert!(message.contains(part), "{about}: `{part}` is not in: {message}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_component() {
    let module = b"\0asm\x01\0\0\0";
    let mut cut = craft::harmless();
    cut.truncate(cut.len() / 2);
    check(&[
        (
            Message { about: "nothing", what: "the file is empty", wherein: "parse", next: "build it" },
            refusal(b"", &[]),
        ),
        (
            Message {
                about: "something else",
                what: "this is not WebAssembly",
                wherein: "parse",
                next: "a component begins with the bytes 00 61 73 6d 0d 00 01 00",
            },
            refusal(b"GIF89a", &[]),
        ),
        (
            Message {
                about: "a core module",
                what: "this is a core WebAssembly module, a component is needed",
                wherein: "parse",
                next: "build for wasm32-wasip2, or wrap the module with `wasm-tools component new`",
            },
            refusal(module, &[]),
        ),
        (
            Message {
                about: "half a file",
                what: "the component breaks off after",
                wherein: "parse",
                next: "is the file still being written, or cut short?",
            },
            refusal(&cut, &[]),
        ),
        (
            Message {
                about: "a forbidden import",
                what: "a plugin may import tallygate:plugin/log alone",
                wherein: "the component also imports clock",
                next: "leave out what needs that",
            },
            refusal(&craft::importing_a_clock(), &[]),
        ),
        (
            Message {
                about: "another world",
                what: "the component exports no tallygate:plugin/extractor@",
                wherein: "but run",
                next: "build it for the world `plugin` of package tallygate:plugin (`tallygate plugin new`",
            },
            refusal(&craft::of_another_world(), &[]),
        ),
        (
            Message {
                about: "another version",
                what: "the component was built for version 2.0.0 of tallygate:plugin",
                wherein: "this gateway serves versions 0.1.x and 1.0.x",
                next: "rebuild it with an interface that this gateway serves",
            },
            refusal(&craft::of_another_version(), &[]),
        ),
        (
            Message {
                about: "wrong types",
                what: "a function of it is of another type",
                wherein: "expected `list` found `string`",
                next: "rebuild it with the interface of this gateway",
            },
            refusal(&craft::of_wrong_types(), &[]),
        ),
        (
            Message {
                about: "memory from the start",
                what: "while it was started",
                wherein: "limits.memory is 16777216 bytes",
                next: "raise it",
            },
            refusal(&craft::with_memory(1000), &[]),
        ),
        (
            Message {
                about: "a setting",
                what: "expected trap or spin, found \"x\"",
                wherein: "configure",
                next: "expected",
            },
            refusal(&unruly(), &[("configure", "x")]),
        ),
        (
            Message {
                about: "a trap in configure",
                what: "the plugin trapped: wasm `unreachable` instruction executed",
                wherein: "panicked at unruly/src/lib.rs",
                next: "told to",
            },
            refusal(&unruly(), &[("configure", "trap")]),
        ),
    ]);
}

#[test]
fn what_is_wrong_with_a_call() {
    check(&[
        (
            Message {
                about: "a panic",
                what: "the plugin trapped: wasm `unreachable` instruction executed",
                wherein: "unruly::judge",
                next: "told to; try it with `tallygate plugin run`",
            },
            failure("trap"),
        ),
        (
            Message {
                about: "a deadline",
                what: "the plugin did not answer within 300 ms of processor time",
                wherein: " in unruly::",
                next: "make it faster, or raise limits.time",
            },
            failure("spin"),
        ),
        (
            Message {
                about: "memory",
                what: "it asked for more memory than the 16777216 bytes that it may have",
                wherein: "unruly::hog",
                next: "make it use less, or raise limits.memory",
            },
            failure("hog"),
        ),
        (
            Message {
                about: "recursion",
                what: "the plugin trapped: ",
                wherein: "unruly::recurse",
                next: "try it with `tallygate plugin run`",
            },
            failure("recurse"),
        ),
        (
            Message {
                about: "a column that is too short",
                what: "the plugin broke its contract",
                wherein: "1 entries in v4, 2 announced",
                next: "the lists of an outcome hold what its status bytes announce",
            },
            failure("miscount-v4"),
        ),
        (
            Message {
                about: "a status without a meaning",
                what: "status 201 has no meaning",
                wherein: "broke its contract",
                next: "an own code must be at least 128 and named in info.rejects",
            },
            failure("unnamed"),
        ),
    ]);
}
