//! Compiling in a process of its own. This program is both the tests and, started by them, the compiler; so it has a `main`
//! of its own, which runs those tests whose name contains one of the words it is given.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tallygate_event::Records;
use tallygate_plugin_host::{
    Apart, Candidate, CompileLimits, Compiler, Host, Limits, LoadError, Plugin, Stage, compile_for_parent,
};

/// The gateway's own, so that the bound on memory is tried with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COMPILE: &str = "compile-plugin";
const TESTS: [(&str, fn()); 1] =
    [("what_another_process_compiled_works_here", what_another_process_compiled_works_here)];

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
            println!("test {name}");
            test();
        }
    }
    ExitCode::SUCCESS
}

fn guest() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the checkout");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
    let manifest = root.join("tests/guests/Cargo.toml");
    let built: Vec<PathBuf> = tallygate_guest_build::build(&manifest, &["empty"], &target).expect("the guest builds");
    std::fs::read(&built[0]).expect("was just built")
}

fn load(component: &[u8], limits: CompileLimits) -> Result<Arc<Plugin>, LoadError> {
    let program = std::env::current_exe().expect("this program");
    let compiler = Compiler::Apart(Apart { program, arguments: vec![COMPILE.into()], limits });
    let host = Host::new(None, compiler).expect("a host");
    host.load(Candidate { name: "x", component, settings: vec![], limits: Limits::default() }, &mut |stage, time| {
        println!("{stage} {time:?}")
    })
}

fn what_another_process_compiled_works_here() {
    let limits = CompileLimits { time: Duration::from_secs(60), memory: 2 << 30 };
    let plugin = load(&guest(), limits).expect("loads");
    let mut instance = plugin.instantiate().expect("an instance");
    let outcome = instance.extract(Records { data: b"x", starts: &[0], ends: &[1] }).expect("an answer");
    assert_eq!(outcome.status, [0]);
}
