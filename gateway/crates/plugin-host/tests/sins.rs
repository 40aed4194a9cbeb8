//! One guest for each way to sin: what it is refused with, how its calls fail, and that nobody else notices.

#[path = "shared/batch.rs"]
mod batch;

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tallygate_event::{Code, Outcome};
use tallygate_guest_craft as craft;
use tallygate_plugin_host::{
    Compiler, Failure, Host, Limits, LoadError, LoadRequest, MAX_COMPONENT, Plugin, Stage, contain,
};

use batch::{Batch, RECEIVED};

const MEMORY: usize = 16 << 20;

/// The component of a guest that Rust can express. All are built at once.
fn sinner(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the checkout");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
        let manifest = root.join("tests/guests/Cargo.toml");
        tallygate_guest_build::build_examples(&manifest, "sins", &target).expect("the guests build")
    });
    std::fs::read(folder.join(name).with_extension("wasm")).expect(name)
}

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| Host::new(None, Compiler::Here).expect("a host"))
}

fn load_with(component: &[u8], settings: &[(&str, &str)], time: Duration) -> Result<Arc<Plugin>, LoadError> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let limits = Limits { memory: MEMORY, time, ..Limits::default() };
    host().load(LoadRequest { name: "sinner", component, settings, limits }, &mut |_, _| {})
}

fn load(component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
    load_with(component, &[], Duration::from_millis(300))
}

fn loaded(name: &str) -> Arc<Plugin> {
    load(&sinner(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn assert_refused(component: &[u8], stage: Stage, message: &str) {
    let error = load(component).err().unwrap_or_else(|| panic!("is not refused with: {message}"));
    assert_eq!(error.stage, stage, "{error}");
    assert!(error.message.contains(message), "expected {message}: {error}");
}

fn extract(plugin: &Plugin, words: &[&str]) -> Result<Outcome, Failure> {
    plugin.instantiate().expect("an instance").extract(Batch::new(words).records())
}

fn contained(plugin: &Plugin, words: &[&str]) -> Outcome {
    contain(plugin, Batch::new(words).records(), |_| ControlFlow::Continue(())).expect("is contained")
}

#[test]
fn poison_is_rejected_alone_whatever_it_makes_a_guest_do() {
    let sins = [
        ("spin_extract", "deadline", "within 300 ms"),
        ("hog", "trap", "unreachable"),
        ("recurse", "trap", "out of bounds memory access"),
        ("trap_on_poison", "trap", "unreachable"),
        ("miscount_status", "contract", "1001 status bytes for 1000 records"),
        ("miscount_v4", "contract", "999 entries in v4, 1000 announced"),
        ("miscount_v6", "contract", "1 entries in v6, 0 announced"),
        ("miscount_times", "contract", "1000 times for 999 accepted records"),
        ("impossible_status", "contract", "status 99 has no meaning"),
        ("too_much", "trap", "fuel allocated for hostcalls has been exhausted"),
    ];
    let mut words = vec!["192.0.2.1"; 1000];
    words[617] = "poison";
    for (name, kind, message) in sins {
        let plugin = loaded(name);
        let failure = extract(&plugin, &words).expect_err(name);
        assert_eq!(failure.kind(), kind, "{name}: {failure}");
        assert!(failure.to_string().contains(message), "{name}: {failure}");

        let outcome = contained(&plugin, &words);
        assert_eq!(outcome.rejects().collect::<Vec<_>>(), [(617, Code::TRAP)], "{name}");
        assert_eq!(outcome.v4, [0xc000_0201; 999], "{name}");
        assert_eq!(plugin.memory_bytes(), 0, "{name}: every instance gave its memory back");
    }
}

#[test]
fn a_guest_that_traps_on_everything_rejects_everything() {
    let plugin = loaded("trap_on_all");
    assert_eq!(contained(&plugin, &["192.0.2.1"; 64]).status, [Code::TRAP.0; 64]);
    assert_eq!(plugin.memory_bytes(), 0);
}

#[test]
fn each_export_is_held_to_the_deadline() {
    assert_refused(&sinner("spin_describe"), Stage::Describe, "did not answer within 300 ms");
    assert_refused(&sinner("spin_configure"), Stage::Configure, "did not answer within 300 ms");
    let plugin = loaded("spin_explain");
    let failure = plugin.instantiate().expect("an instance").explain(b"x", RECEIVED).expect_err("spins");
    assert!(matches!(failure, Failure::Deadline { .. }), "{failure}");
    assert_eq!(plugin.memory_bytes(), 0);
}

#[test]
fn what_a_guest_does_while_it_is_started_is_bounded() {
    assert_refused(&craft::trapping_at_start(), Stage::Describe, "while it was started, the plugin trapped");
    assert_refused(&craft::recursing_at_start(), Stage::Describe, "call stack exhausted");
    assert_refused(&craft::spinning_at_start(), Stage::Describe, "while it was started, the plugin did not answer");
    assert_refused(&craft::taking_memory_at_start(256), Stage::Describe, "while it was started, the plugin trapped");
    assert_refused(&craft::with_table(10_000_000), Stage::Describe, "table");
    assert_refused(&craft::with_instances(500), Stage::Describe, "instance count too high");
    load(&craft::with_instances(10)).expect("is bearable");
}

/// Later versions of the interface have more to export; a plugin that does is served by what this one knows.
#[test]
fn what_a_plugin_exports_besides_is_left_alone() {
    let plugin = load(&craft::exporting_more()).expect("loads");
    assert_eq!(extract(&plugin, &["x"]).expect("an answer").status, [16]);
}

#[test]
fn a_table_grows_no_further_than_it_may() {
    let plugin = load(&craft::growing_a_table()).expect("loads");
    assert_eq!(extract(&plugin, &["x"]).expect_err("traps").kind(), "trap");
    assert_eq!(extract(&plugin, &[]).expect("an answer").status, [0_u8; 0]);
}

#[test]
fn nobody_reads_or_makes_room_for_an_answer_that_is_too_long() {
    let claims = load(&craft::claiming(1 << 30)).expect("loads");
    let failure = extract(&claims, &["x"]).expect_err("there is no such memory");
    assert!(failure.to_string().contains("out of bounds"), "{failure}");

    let answers = load(&craft::answering_with(128)).expect("loads");
    let failure = extract(&answers, &["x"]).expect_err("is too long");
    assert!(failure.to_string().contains("fuel"), "{failure}");
    assert_eq!(answers.memory_bytes(), 0);
}

#[test]
fn what_does_not_fit_the_gateway_is_refused_with_advice() {
    let of_100_mb = craft::of_size(100 << 20);
    assert_refused(&of_100_mb, Stage::Parse, "at most 67108864 are allowed");
    assert_refused(&craft::importing_a_clock(), Stage::Imports, "the component also imports clock");
    assert_refused(
        &craft::of_another_version(),
        Stage::Version,
        "version 2.0.0 of tallygate:plugin, this gateway serves versions 0.1.x and 1.0.x",
    );
    assert_refused(&craft::of_another_world(), Stage::Version, "exports no tallygate:plugin/extractor@");
    assert_refused(&craft::of_wrong_types(), Stage::Version, "a function of it is of another type");
    load(&craft::of_size(MAX_COMPONENT / 2)).expect("size alone is no sin");
}

/// However far a writer has come, the file is refused, and for that reason wherever a section is torn.
#[test]
fn no_beginning_of_a_component_is_taken_for_the_whole() {
    let whole = craft::harmless();
    load(&whole).expect("loads");
    let (mut torn, mut loads) = (0, 0);
    for length in 1..whole.len() {
        let error = load(&whole[..length]).err();
        match error.as_ref().map(|error| error.stage) {
            Some(Stage::Parse) => {
                let message = format!("breaks off after {length} bytes");
                torn += usize::from(error.is_some_and(|error| error.message.contains(&message)));
            }
            // Between two sections, whatever there is so far is whole.
            Some(Stage::Version) => {}
            // Nor does what comes after the exports matter: names and notes of the toolchain.
            None => loads += 1,
            Some(other) => panic!("{length} of {} bytes: {other}", whole.len()),
        }
    }
    assert!(torn > whole.len() * 9 / 10, "{torn} of {}", whole.len());
    assert!(loads < 5, "{loads} beginnings have all that a plugin needs");
}

#[test]
fn ten_thousand_functions_are_no_sin() {
    let plugin = load(&craft::with_functions(10_000)).expect("loads");
    assert_eq!(extract(&plugin, &["x"]).expect("an answer").status, [16]);
}

#[test]
fn a_guest_may_be_slow_within_its_deadline_and_no_longer() {
    let slow = |loops: &str, time| load_with(&sinner("slow"), &[("loops", loops)], Duration::from_millis(time));
    let plugin = slow("1000", 5000).expect("has the time");
    assert_eq!(extract(&plugin, &["192.0.2.1"]).expect("an answer").v4, [0xc000_0201]);
    let error = slow("1000000000000", 50).err().expect("has not the time");
    assert_eq!(error.stage, Stage::SelfTest, "{error}");
    assert!(error.message.contains("did not answer within 50 ms"), "{error}");
    let error = slow("many", 50).err().expect("is no number");
    assert_eq!(
        (error.stage, error.message.as_str()),
        (Stage::Configure, "loops: expected loops, and a number, found \"many\"")
    );
}

#[test]
fn a_guest_that_grows_wears_out_before_it_fails() {
    let plugin = loaded("grow");
    let mut instance = plugin.instantiate().expect("an instance");
    let batch = Batch::new(&["192.0.2.1"]);
    let mut calls = 0;
    while !instance.is_worn() {
        instance.extract(batch.records()).expect("an answer");
        calls += 1;
    }
    assert!((100..256).contains(&calls), "worn after {calls} calls");
    assert!(plugin.memory_bytes() > MEMORY as u64 / 2);
    drop(instance);
    assert_eq!(plugin.memory_bytes(), 0);
}

#[test]
fn a_guest_that_cannot_make_up_its_mind_is_seen_by_comparing() {
    let plugin = loaded("fickle");
    let mut instance = plugin.instantiate().expect("an instance");
    let batch = Batch::new(&["192.0.2.1"]);
    let mut answer = || instance.extract(batch.records()).expect("an answer").v4;
    assert_ne!(answer(), answer());
}

#[test]
fn nothing_of_the_host_is_seen() {
    let plugin = loaded("probe");
    let words =
        || plugin.instantiate().expect("an instance").explain(b"", RECEIVED).expect("an answer").expect("words");
    let nothing = "environment 0, arguments 0, folder 0, files 0, network 0, input 0, clock 0, random ";
    assert!(words().starts_with(nothing), "{}", words());
    assert_eq!(words(), words(), "what is random differs");
}

#[test]
fn a_shadow_leaves_no_trace_on_the_plugin() {
    let plugin = loaded("trap_on_poison");
    let shadow = plugin.shadow();
    assert_ne!(shadow.id(), plugin.id());
    assert_ne!(plugin.shadow().id(), shadow.id());
    assert_eq!((shadow.name(), shadow.digest(), shadow.version()), (plugin.name(), plugin.digest(), plugin.version()));
    let instance = shadow.instantiate().expect("an instance");
    assert!(shadow.memory_bytes() > 0);
    assert_eq!(plugin.memory_bytes(), 0);
    drop(instance);
    shadow.health().isolate();
    assert!(!plugin.health().is_isolated());
    assert_eq!(contained(&shadow, &["192.0.2.1", "poison"]).status, [Outcome::V4, Code::TRAP.0]);
}

#[test]
fn stages_are_told_in_order() {
    let mut passed = Vec::new();
    let component = craft::harmless();
    let candidate = LoadRequest { name: "x", component: &component, settings: vec![], limits: Limits::default() };
    host().load(candidate, &mut |stage, _| passed.push(stage.name())).expect("loads");
    assert_eq!(passed, ["parse", "imports", "version", "compile", "describe", "configure", "self-test"]);
}

/// What was logged, one string for each line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn fmt::Debug| {
            line.push_str(&format!("{}={value:?} ", field.name()));
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_flood_of_lines_is_a_trickle_of_short_ones() {
    let log = Log::default();
    let lines = || std::mem::take(&mut *log.0.lock().unwrap_or_else(PoisonError::into_inner));
    let start = Instant::now();
    let plugin = tracing::subscriber::with_default(log.clone(), || {
        let plugin = load_with(&sinner("flood"), &[], Duration::from_secs(10)).expect("loads");
        assert_eq!(extract(&plugin, &["192.0.2.1"]).expect("an answer").status, [Outcome::V4]);
        plugin
    });
    let seconds = start.elapsed().as_secs() as usize + 1;
    let lines_of_plugin = lines();
    assert!((10..=11 * seconds).contains(&lines_of_plugin.len()), "{} of 2000 lines", lines_of_plugin.len());
    let shadow = plugin.shadow();
    tracing::subscriber::with_default(log.clone(), || extract(&shadow, &["192.0.2.1"])).expect("an answer");
    assert_eq!(lines(), [""; 0], "nobody listens to a shadow");
    for line in lines_of_plugin {
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.len() < 1200, "{} bytes", line.len());
    }
}
