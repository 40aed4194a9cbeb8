//! What `plugins/README.md` tells authors to type works as it is written there.
//!
//! Three things are different here: the binary is the one under test, the gateway has free ports, and the data goes elsewhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::tallygate_in;
use crate::harness::{Gateway, Process, program, root, run};

/// A block of commands of the guide.
struct Block(String);

/// All blocks of commands, in order.
fn blocks() -> Vec<Block> {
    let guide = fs::read_to_string(root().join("plugins/README.md")).expect("readable");
    let blocks = guide.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(|block| Block(block.to_owned())).collect()
}

/// Runs commands in a folder as somebody would who types them one after the other. `tallygate` is the binary under test.
fn typed(commands: &str, folder: &Path, environment: &[(&str, String)]) -> Output {
    let like = tallygate_in(folder);
    let mut shell = Command::new("bash");
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let binary = env!("CARGO_BIN_EXE_tallygate");
    let script = format!("set -e\ntallygate() {{ '{binary}' \"$@\"; }}\n{commands}\n");
    shell.arg("-c").arg(script).current_dir(folder).envs(environment.iter().map(|(name, value)| (name, value)));
    run(&mut shell)
}

fn expect(commands: &str, output: &Output, words: &[&str]) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{commands}\n{text}");
    for word in words {
        assert!(text.contains(word), "{commands}\nwas to say {word}:\n{text}");
    }
}

#[test]
fn the_guide_leads_from_a_strange_line_to_a_live_plugin() {
    if program("curl").is_none() {
        return;
    }
    let all = blocks();
    let [log, see, begin, say, write, look, serve, send, deploy] = all.as_slice() else {
        panic!("the guide has {} blocks of commands", all.len())
    };
    let folder = tempfile::tempdir().expect("a folder");
    let doors = folder.path().join("doors");
    let ran = |Block(commands): &Block, folder: &Path, words: &[&str]| {
        expect(commands, &typed(commands, folder, &[]), words);
    };
    ran(log, folder.path(), &[]);
    ran(see, folder.path(), &["rejected as malformed: not a line of an access log", "interface   1.0.0"]);
    ran(begin, folder.path(), &["doors is made"]);
    ran(say, &doors, &[]);
    ran(write, &doors, &["1 file, 3 records: all as expected"]);
    ran(look, &doors, &["instructions a record", r#"{"reject":"not-an-address""#]);

    let (config, command) = serve.0.rsplit_once('\n').expect("the last line serves");
    expect(config, &typed(config, &doors, &[]), &[]);
    let arguments = command.strip_prefix("tallygate ").expect("is ours");
    let data = tempfile::tempdir().expect("a folder");
    let mut serving = tallygate_in(&doors);
    serving.args(arguments.split(' '));
    for (name, value) in [("INGEST__LISTEN", "127.0.0.1:0"), ("OPS__LISTEN", "127.0.0.1:0")] {
        serving.env(format!("TALLYGATE_{name}"), value);
    }
    serving.env("TALLYGATE_DATA_DIR", data.path());
    let log = data.path().join("log");
    let gateway = Gateway::of(Process::start(serving, &log), data);
    let send = send.0.replace("localhost:5000", &gateway.ingest().to_string());
    expect(&send, &typed(&send, &doors, &[]), &[r#""received":3,"accepted":2,"rejected":1"#]);
    let at = [("TALLYGATE_URL", format!("http://{}", gateway.ops()))];
    expect(&deploy.0, &typed(&deploy.0, &doors, &at), &["doors", "0.2.0"]);
    gateway.stop();
}
