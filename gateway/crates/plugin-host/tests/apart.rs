//! Compiling in a process of its own. This program is both the tests and, started by them, the compiler; so it has a `main`
//! of its own, which runs those tests whose name contains one of the words it is given.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tallygate_event::Records;
use tallygate_guest_craft::{harmless, with_functions};
use tallygate_plugin_host::{
    Apart, CompileLimits, Compiler, Host, Limits, LoadError, LoadRequest, Plugin, Stage, compile_for_parent,
};

/// The gateway's own, so that the bound on memory is tried with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COMPILE: &str = "compile-plugin";
const TESTS: [(&str, fn()); 5] = [
    ("what_another_process_compiled_works_here", what_another_process_compiled_works_here),
    ("compiling_ends_with_its_processor_time", compiling_ends_with_its_processor_time),
    ("compiling_ends_with_its_memory", compiling_ends_with_its_memory),
    ("the_words_of_the_compiler_are_passed_on", the_words_of_the_compiler_are_passed_on),
    ("what_was_compiled_apart_is_kept", what_was_compiled_apart_is_kept),
];
const ENOUGH: CompileLimits = CompileLimits { time: Duration::from_secs(60), memory: 1 << 30 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, milliseconds, memory] = arguments.as_slice()
        && command == COMPILE
    {
        let time = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
        return compile_for_parent(CompileLimits { time, memory: memory.parse().expect("bytes") });
    }
    let words: Vec<_> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in TESTS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            let start = Instant::now();
            test();
            eprintln!("test {name} ... ok ({:?})", start.elapsed());
        }
    }
    ExitCode::SUCCESS
}

/// A component that takes seconds and a hundred megabytes to compile.
fn large() -> &'static [u8] {
    static LARGE: OnceLock<Vec<u8>> = OnceLock::new();
    LARGE.get_or_init(|| with_functions(10_000))
}

fn host(cache: Option<&Path>, limits: CompileLimits) -> Host {
    let program = std::env::current_exe().expect("this program");
    let environment = vec![("MIMALLOC_ARENA_EAGER_COMMIT".into(), "0".into())];
    let apart = Apart { program, arguments: vec![COMPILE.into()], environment, limits };
    Host::new(cache, Compiler::Apart(apart)).expect("a host")
}

fn load(host: &Host, component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
    let candidate = LoadRequest { name: "x", component, settings: vec![], limits: Limits::default() };
    host.load(candidate, &mut |_, _| {})
}

fn refusal(component: &[u8], limits: CompileLimits) -> String {
    let error = load(&host(None, limits), component).err().expect("is refused");
    assert_eq!(error.stage, Stage::Compile, "{error}");
    error.message
}

fn what_another_process_compiled_works_here() {
    let plugin = load(&host(None, ENOUGH), &harmless()).expect("loads");
    let mut instance = plugin.instantiate().expect("an instance");
    let outcome = instance.extract(Records { data: b"x", bounds: &[0, 1], received: 0 }).expect("an answer");
    assert_eq!(outcome.status, [16]);
}

fn compiling_ends_with_its_processor_time() {
    let message = refusal(large(), CompileLimits { time: Duration::from_millis(1), ..ENOUGH });
    assert_eq!(message, "compiling needs more than 1 s of processor time (swap.compile_time)");
}

fn compiling_ends_with_its_memory() {
    for memory in [1, 16 << 20, 64 << 20] {
        let message = refusal(large(), CompileLimits { memory, ..ENOUGH });
        assert_eq!(message, format!("compiling needs more than {memory} bytes of memory (swap.compile_memory)"));
    }
}

/// No component passes the checks before and is refused by the compiler itself, so the compiler is asked directly.
fn the_words_of_the_compiler_are_passed_on() {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([COMPILE, "60000", "1073741824"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    assert!(!output.stderr.is_empty());
}

fn what_was_compiled_apart_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    load(&host(Some(folder.path()), ENOUGH), &harmless()).expect("loads");
    let nothing = CompileLimits { memory: 1, ..ENOUGH };
    load(&host(Some(folder.path()), nothing), &harmless()).expect("loads without a compiler");
}
