//! Plugins are compiled by a process of its own that the gateway starts, and what does not fit never gets there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tallygate_guest_craft as craft;

use crate::harness::{ADMIN, JSON, PATIENCE, Setup, forget_own_variables, run, variant};

fn tallygate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    command.args(arguments);
    command
}

/// What `check` says of a configuration with one plugin, which is this component.
fn check(component: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("t.toml"), "[plugins.sinner]\npath = \"sinner.wasm\"\n").expect("writable");
    fs::write(folder.path().join("sinner.wasm"), component).expect("writable");
    let output = run(tallygate(&["check", "--config", "t.toml"]).current_dir(folder.path()));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A process that was started by a test and ends with it.
struct Started(Child);

// === impl Started ===

impl Started {
    fn new(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the system tells of a process.
fn file(process: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default()
}

fn limit(process: u32, name: &str) -> Vec<String> {
    let limits = file(process, "limits");
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

/// The state of a process and what follows it, as the system's manual lists them.
fn status(process: u32) -> Vec<String> {
    file(process, "stat").rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The last that the compiler does before it reads.
fn is_bounded(process: u32) -> bool {
    limit(process, "Max core file size") == ["0", "0"]
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_component_is_refused_for_what_is_wrong_with_it() {
    let whole = craft::harmless();
    for (component, expected) in [
        (&whole[..100], "parse: the component breaks off after"),
        (&craft::importing_a_clock(), "imports: a plugin may import tallygate:plugin/log alone"),
        (&craft::of_another_version(), "version: the component was built for version 2.0.0"),
        (&craft::of_wrong_types(), "version: the component says that it was built for version 1.0.0"),
        (&craft::trapping_at_start(), "describe: while it was started, the plugin trapped"),
        (&whole, "the configuration is good"),
    ] {
        let text = check(component);
        assert!(text.contains(expected), "expected {expected}:\n{text}");
    }
}

#[test]
fn the_process_that_compiles_is_bounded_and_gives_way() {
    let compiler = Started::new(&mut tallygate(&["compile-plugin", "6500", "1000000000"]));
    let process = compiler.0.id();
    eventually("bounded", || is_bounded(process));
    assert_eq!(limit(process, "Max cpu time"), ["7", "8"]);
    assert_eq!(limit(process, "Max data size"), ["1000000000", "1000000000"]);
    let niceness: i32 = status(process)[16].parse().expect("a number");
    assert!(niceness >= 10, "{niceness}");
}

#[test]
fn the_process_that_compiles_dies_with_its_parent() {
    // A shell keeps its input from what it starts in the background, unless it is told otherwise.
    let script = "exec 3<&0; \"$0\" compile-plugin 60000 1000000000 <&3 & echo $!; exec sleep 1000";
    let mut parent = Started::new(Command::new("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_tallygate")]));
    let mut line = String::new();
    let output = parent.0.stdout.take().expect("was asked for");
    BufReader::new(output).read_line(&mut line).expect("readable");
    let compiler = line.trim().parse().expect("a process");
    // Kept open, so that the compiler waits for a component when its parent dies.
    let input = parent.0.stdin.take();
    eventually("bounded", || is_bounded(compiler));
    drop(parent);
    eventually("gone", || status(compiler).first().is_none_or(|state| state == "Z"));
    drop(input);
}

/// What is kept of compiled plugins is what serves, and what it could return to.
#[test]
fn compiled_plugins_that_nothing_uses_are_removed() {
    let setup = Setup::new();
    let compiled = setup.data_dir().join("compiled");
    // One of its own, not that of all tests.
    fs::remove_file(&compiled).expect("is a link");
    let gateway = setup.config(ADMIN).start();
    let count = || {
        let engines = fs::read_dir(&compiled).expect("is there").map(|entry| entry.expect("readable").path());
        engines.map(|engine| fs::read_dir(engine).expect("readable").count()).sum::<usize>()
    };
    assert_eq!(count(), 1);
    for number in 0..3 {
        gateway.deploy("json", "", variant(JSON, number)).expect(200);
    }
    assert_eq!(count(), 2);
}
