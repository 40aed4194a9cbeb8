//! The commands of `tallygate plugin` that need no running gateway.

mod golden;
mod guide;
mod languages;
mod versions;
mod watch;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{forget_own_variables, guest, root};

/// `tallygate plugin`, in a folder.
fn plugin_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = tallygate_in(folder);
    command.arg("plugin").args(arguments);
    command
}

/// The binary with what all tests compiled, in a folder.
fn tallygate_in(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    command.current_dir(folder).env_remove("CARGO_TARGET_DIR").env("NO_COLOR", "1");
    command.env("XDG_CACHE_HOME", cache());
    // A debug build compiles an interpreter of 12 MB for a long while.
    command.env("TALLYGATE_SWAP__COMPILE_TIME", "600 s");
    command
}

/// A folder for caches in which compiled components are those of all gateways under test.
fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache-of-commands");
        let compiled = cache.join("tallygate/compiled");
        std::fs::create_dir_all(cache.join("tallygate")).expect("the target folder is writable");
        if !compiled.is_symlink() {
            std::os::unix::fs::symlink(crate::harness::shared_compiled_plugins(), compiled).expect("a new link");
        }
        cache
    })
}

/// Runs it with this on its standard input.
fn fed(mut command: Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("is piped");
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("ends");
    feeder.join().expect("ends");
    output
}

fn run_plugin(arguments: &[&str], input: &[u8]) -> Output {
    fed(plugin_in(&root(), &[&["run"], arguments].concat()), input)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed, if it ended well.
fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn objects(output: &Output) -> Vec<Value> {
    printed(output).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// A project with a component that was built before, and nothing to build it from.
fn project(component: &[u8], more: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("writable");
    write("plugin.toml", format!("name = \"mine\"\nlanguage = \"rust\"\n{more}").as_bytes());
    std::fs::create_dir(folder.path().join("tests")).expect("writable");
    write("mine.wasm", component);
    folder
}

#[test]
fn a_shipped_plugin_tells_of_each_record_in_order() {
    let records = "{\"ip\":\"192.0.2.1\",\"time\":\"2026-11-20T05:00:00.250Z\"}\n{\"a\":1}\r\n\n{\"ip\":\"x\"}\nno json\n\
                   {\"ip\":\"2001:db8::1\",\"time\":\"2026-11-20T05:00:00.123456789Z\"}{\"ip\":\"192.0.2.3\",\"time\":\"soon\"}";
    let lines = printed(&run_plugin(&["json"], records.as_bytes()));
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert_eq!(lines[0], "192.0.2.1\t2026-11-20T05:00:00.250Z");
    assert!(
        lines[1].starts_with("rejected as field-missing: no client: none of the fields looked for"),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("rejected as not-an-address: no field holds an IP address"), "{}", lines[2]);
    assert!(lines[3].starts_with("rejected as malformed: not JSON"), "{}", lines[3]);
    assert_eq!(lines[4], "2001:db8::1\t2026-11-20T05:00:00.123456789Z");
    assert_eq!(lines[5], "192.0.2.3\ta time that cannot be read");

    let objects = objects(&run_plugin(&["--json", "json"], records.as_bytes()));
    assert_eq!(objects[0], json!({"ip": "192.0.2.1", "time": "2026-11-20T05:00:00.250Z"}));
    assert_eq!(objects[1]["reject"], "field-missing");
    assert!(objects[1]["message"].as_str().is_some_and(|message| message.starts_with("no client: ")));
    assert_eq!(objects[5], json!({"ip": "192.0.2.3", "time": null}));

    let optional = run_plugin(&["json", "--json", "--address", "optional"], b"{\"time\":\"2026-11-20T05:00:00Z\"}\n{}");
    let expected = "{\"ip\":null,\"time\":\"2026-11-20T05:00:00Z\"}\n{\"ip\":null,\"time\":null}\n";
    assert_eq!(printed(&optional), expected, "as the contract writes it");
}

#[test]
fn settings_are_given_and_wrong_ones_explained() {
    let record = br#"{"ip":"192.0.2.1","who":"192.0.2.2"}"#;
    let set = run_plugin(&["--json", "json", "--set", "fields=who"], record);
    assert_eq!(objects(&set), [json!({"ip": "192.0.2.2", "time": null})]);
    for (setting, code, words) in [
        ("trusted=10.0.0.0/99", 1, "setting `trusted` names `10.0.0.0/99`"),
        ("nonsense=1", 1, "unknown setting `nonsense`"),
        ("nonsense", 2, "a setting is written name=value"),
    ] {
        let output = run_plugin(&["json", "--set", setting], record);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{setting}");
        assert!(text(&output.stderr).contains(words), "{setting}: {}", text(&output.stderr));
    }
}

#[test]
fn records_in_base64_may_hold_line_ends() {
    // {"ip":\n"192.0.2.1"}, nothing, one byte that is no text
    let output = run_plugin(&["--json", "--base64", "json"], b"eyJpcCI6CiIxOTIuMC4yLjEifQ==\n\n/w==\n");
    let objects = objects(&output);
    assert_eq!(objects[0]["ip"], "192.0.2.1");
    assert_eq!((&objects[1]["reject"], &objects[2]["reject"]), (&json!("malformed"), &json!("malformed")));
    let wrong = run_plugin(&["--base64", "json"], b"/w==\n{}\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("line 2 is not base64"), "{}", text(&wrong.stderr));
}

#[test]
fn what_is_no_plugin_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.wasm");
    std::fs::write(&file, b"\0asm\x01\0\0\0").expect("writable");
    let (file, empty) = (file.to_str().expect("text"), folder.path().to_str().expect("text"));
    for (plugin, words) in [
        (
            "nowhere",
            "there is no file nowhere, and no shipped plugin of that name; the shipped ones are access-log, json",
        ),
        (file, "the plugin x cannot serve: parse: this is a core WebAssembly module, a component is needed"),
        (empty, "plugin.toml: is this the folder of a plugin, as `tallygate plugin new` makes it"),
    ] {
        let output = run_plugin(&[plugin], b"");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{plugin}");
        assert!(text(&output.stderr).contains(words), "{plugin}: {}", text(&output.stderr));
    }
}

#[test]
fn a_folder_is_run_with_its_own_settings_and_limits() {
    let own =
        project(crate::harness::JSON, "[settings]\nfields = \"who\"\n[limits]\nmemory = \"32 MiB\"\ntime = \"1 s\"\n");
    let record = br#"{"ip":"192.0.2.1","who":"192.0.2.2"}"#;
    let run =
        |arguments: &[&str]| objects(&fed(plugin_in(own.path(), &[&["run", "--json"], arguments].concat()), record));
    assert_eq!(run(&["."])[0]["ip"], "192.0.2.2");
    assert_eq!(run(&[".", "--set", "fields=ip"])[0]["ip"], "192.0.2.1");
    let small = fed(plugin_in(own.path(), &["run", ".", "--memory", "64 KiB"]), record);
    assert!(text(&small.stderr).contains("limits.memory is 65536 bytes, raise it"), "{}", text(&small.stderr));
}

#[test]
fn a_plugin_is_measured_beside_the_shipped_one() {
    let own = project(crate::harness::JSON, "");
    std::fs::write(own.path().join("tests/a.log"), "{\"ip\":\"192.0.2.1\"}\n{}\n").expect("writable");
    let bench =
        |arguments: &[&str]| fed(plugin_in(own.path(), &[&["bench", "--duration", "100 ms"], arguments].concat()), b"");
    let table = printed(&bench(&[]));
    for row in
        ["mine", "json", "ns a record", "MB/s", "instructions a record", "boundary", "500 of 1000", "1000 of 1000"]
    {
        assert!(table.contains(row), "{row}: {table}");
    }
    let figures: Value = serde_json::from_str(&printed(&bench(&["--json"]))).expect("JSON");
    let again: Value = serde_json::from_str(&printed(&bench(&["--json"]))).expect("JSON");
    assert_eq!(figures["plugin"]["records"], 1000);
    assert!(figures["plugin"]["instructions_per_record"].as_u64().is_some_and(|count| count > 10), "{figures}");
    let instructions = |figures: &Value, whose: &str| figures[whose]["instructions_per_record"].clone();
    assert_eq!(instructions(&figures, "plugin"), instructions(&again, "plugin"), "a figure that repeats");
    assert_eq!(instructions(&figures, "json"), instructions(&again, "json"), "a figure that repeats");
    assert!(figures["json"]["boundary_share"].as_f64().is_some_and(|share| share > 0.0 && share <= 1.0), "{figures}");
}

#[test]
fn a_component_is_inspected() {
    let inspect = |arguments: &[&str]| fed(plugin_in(&root(), &[&["inspect"], arguments].concat()), b"");
    let json = printed(&inspect(&["json"]));
    for line in ["interface   1.0.0", "asks for    nothing but the gateway's log", "  trusted", "    default: false"] {
        assert!(json.contains(line), "{line}: {json}");
    }
    let old = printed(&inspect(&["tests/guests/fixtures/json-0.1.0.wasm"]));
    for line in ["interface   0.1.0", "asks for    nothing\n", "settings    not told"] {
        assert!(old.contains(line), "{line}: {old}");
    }
    let unruly = printed(&inspect(&[guest("unruly").to_str().expect("text")]));
    for line in ["system interfaces that its toolchain links in, answered by stubs", "on-request (200)", "  configure"]
    {
        assert!(unruly.contains(line), "{line}: {unruly}");
    }
    let all: Value = serde_json::from_str(&printed(&inspect(&["--json", "access-log"]))).expect("JSON");
    assert_eq!((&all["name"], &all["wit"]), (&json!("access-log"), &json!("1.0.0")));
    assert_eq!(all["settings"][0]["name"], "trusted");
    assert_eq!(all["bytes"], crate::harness::ACCESS_LOG.len());
}
