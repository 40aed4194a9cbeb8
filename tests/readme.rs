//! What the README tells people to type works as it is written there.
//!
//! Only three things are different here: the binary has been built, ports are free ones, and the data goes elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{Gateway, Process, forget_own_variables, program, root, run};

/// The commands of a section, block by block, line by line. A line of a here-document belongs to the line that begins it.
fn commands(section: &str) -> Vec<Vec<String>> {
    let readme = fs::read_to_string(root().join("README.md")).expect("readable");
    let section = readme.split(&format!("\n## {section}\n")).nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("there is a first part");
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(lines).collect()
}

fn lines(block: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut document = false;
    for line in block.lines() {
        match lines.last_mut() {
            Some(last) if document => *last += &format!("\n{line}"),
            _ => lines.push(line.to_owned()),
        }
        document = if document { line != "END" } else { line.ends_with("<<'END'") };
    }
    lines
}

/// A folder that looks like the checkout. What is built in it stays for the next time.
fn checkout() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(folder.join("my")).expect("the target folder is writable");
    for name in ["Cargo.toml", "plugins", "wit"] {
        drop(fs::remove_file(folder.join(name)));
        symlink(root().join(name), folder.join(name)).expect("a link");
    }
    folder
}

fn command(line: &str, folder: &Path) -> Command {
    let mut command = Command::new("bash");
    forget_own_variables(&mut command);
    let line = line.replace("cargo run --release --", env!("CARGO_BIN_EXE_tallygate"));
    command.arg("-c").arg(line).current_dir(folder);
    command
}

fn expect(line: &str, output: &Output, code: i32, words: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{line}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(words), "{line} was to say {words}:\n{text}");
}

#[test]
fn a_plugin_is_swapped_live() {
    if program("curl").is_none() {
        return;
    }
    let blocks = commands("Swap it live");
    let [start, send, replace, list, deploy, curl] = blocks.as_slice() else { panic!("{blocks:?}") };
    let folder = checkout();
    let (serve, prepare) = start.split_last().expect("commands");
    for line in prepare {
        expect(line, &run(&mut command(line, &folder)), 0, "");
    }
    let data = tempfile::tempdir().expect("a folder");
    let mut serving = command(&format!("exec {serve}"), &folder);
    for (name, value) in [("INGEST__LISTEN", "127.0.0.1:0"), ("OPS__LISTEN", "127.0.0.1:0")] {
        serving.env(format!("TALLYGATE_{name}"), value);
    }
    serving.env("TALLYGATE_DATA_DIR", data.path());
    let log = data.path().join("log");
    let gateway = Gateway::of(Process::start(serving, &log), data);

    let try_line = |line: &str, code: i32, words: &str| {
        let line = line.replace("localhost:5000", &gateway.ingest().to_string());
        let mut command = command(&line.replace("localhost:9102", &gateway.ops().to_string()), &folder);
        command.env("TALLYGATE_TOKEN", "choose-your-own").env("TALLYGATE_URL", format!("http://{}", gateway.ops()));
        expect(&line, &run(&mut command), code, words);
    };
    let expected = ["", r#"{"received":1,"accepted":1,"rejected":0,"errors":[]}"#, "mine"];
    send.iter().zip(expected).for_each(|(line, words)| try_line(line, 0, words));
    replace.iter().for_each(|line| try_line(line, 0, ""));
    gateway.wait_for("the wrong plugin to be refused", |metrics| {
        metrics.sum("tallygate_plugin_reloads_total", &[("plugin", "mine"), ("stage", "shadow")]) == 1
    });
    for words in ["judged differently", r#"{"ip":"203.0.113.7"}"#, "- 203.0.113.7", "+ malformed"] {
        try_line(&list[0], 0, words);
    }
    let expected = [(1, "would be refused"), (0, "published generation 2 of mine"), (0, "generation 1 of mine")];
    deploy.iter().zip(expected).for_each(|(line, (code, words))| try_line(line, code, words));
    let expected = ["", r#""name":"mine""#, r#""would_publish":false"#, r#"{"reloaded":true}"#];
    curl.iter().zip(expected).for_each(|(line, words)| try_line(line, 0, words));
    assert_eq!([start.len(), send.len(), replace.len(), list.len(), deploy.len(), curl.len()], [4, 3, 2, 1, 3, 4]);
}

#[test]
fn the_history_is_asked() {
    let gateway = Gateway::start();
    gateway.post(r#"{"ip":"203.0.113.7"}"#).expect_tally(1, 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = [
        "1",
        "203.0.113.7",
        "203.0.113.0/24",
        "",
        "203.0.113.0/24",
        r#""distinct":"#,
        r#""visited":true"#,
        r#""addresses":1"#,
        "",
    ];
    let commands: Vec<String> = commands("Ask the history").into_iter().flatten().collect();
    assert_eq!(commands.len(), words.len());
    for (line, words) in commands.iter().zip(words) {
        let line = line.replace("localhost:9102", &gateway.ops().to_string());
        let mut command = command(&line, folder.path());
        command.env("TALLYGATE_URL", format!("http://{}", gateway.ops()));
        expect(&line, &command.output().expect("bash runs"), 0, words);
    }
    let export = fs::read(folder.path().join("my/clients.roaring")).expect("was written");
    assert!(export.len() > 8, "one address is a few bytes: {export:?}");
    gateway.stop();
}

#[test]
fn a_record_is_judged_without_a_gateway() {
    let blocks = commands("Your own plugin");
    let [line] = blocks.first().map(Vec::as_slice).unwrap_or_default() else { panic!("{blocks:?}") };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = command(line, folder.path());
    command.env("XDG_CACHE_HOME", folder.path());
    expect(line, &run(&mut command), 0, r#"{"ip":"203.0.113.7","time":"2026-11-20T05:00:00.250Z"}"#);
}
