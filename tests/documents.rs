//! What is written beside the code is true of it.

use std::collections::BTreeSet;
use std::process::Command;

use crate::harness::{Connection, Gateway, Request, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all metrics that a gateway shows, as families: without what a histogram adds to its name.
fn families(gateway: &Gateway) -> BTreeSet<String> {
    let text = Connection::to(gateway.ops()).exchange(&Request::get("/metrics")).expect(200).text();
    let name = |line: &str| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned);
    text.lines().filter_map(name).collect()
}

/// The words in a text that are names of metrics.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let family = |word: &str| {
        ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word).to_owned()
    };
    words.filter(|word| word.starts_with("tallygate_") || *word == "unique_ip_addresses").map(family).collect()
}

#[test]
fn the_readme_begins_with_the_two_commands() {
    let readme = read("README.md");
    let commands: Vec<_> = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert_eq!(commands[..2], ["rustup toolchain install && cargo run --release -- serve", "tests/run"]);
}

#[test]
fn the_table_of_metrics_is_complete() {
    let gateway = Gateway::start();
    // A vector shows once it has an element.
    gateway.post("{}").expect(400);
    let readme = read("README.md");
    let table = readme.split("### Metrics").nth(1).and_then(|rest| rest.split("\n#").next()).expect("the section");
    let rows: BTreeSet<_> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).map(str::to_owned).collect();
    assert_eq!(rows, families(&gateway));
    gateway.stop();
}

#[test]
fn dashboards_and_alerts_ask_for_metrics_that_exist() {
    let gateway = Gateway::start();
    gateway.post("{}").expect(400);
    let exist = families(&gateway);
    for file in ["config/grafana-dashboard.json", "config/alerts.yml"] {
        let asked = metrics_in(&read(file));
        assert!(asked.len() > 5, "{file} asks for {asked:?} only");
        let unknown: Vec<_> = asked.difference(&exist).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
    serde_json::from_str::<serde_json::Value>(&read("config/grafana-dashboard.json")).expect("the dashboard is JSON");
    gateway.stop();
}

#[test]
fn the_configuration_to_start_from_is_good() {
    let file = root().join("config/tallygate.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_tallygate"))
        .args(["check", "--config"])
        .arg(file)
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every key of the README's table with the default that it says, as the file to start from has it.
#[test]
fn the_table_of_keys_has_the_defaults_of_the_file() {
    let text = read("config/tallygate.toml");
    let file: toml::Table = text.parse().expect("is TOML");
    let readme = read("README.md");
    let table =
        readme.split("### Configuration").nth(1).and_then(|rest| rest.split("\n#").next()).expect("the section");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.trim_matches('`').to_owned()))
    });
    let mut compared = 0;
    for (key, default) in rows.filter(|(key, _)| !key.starts_with("plugins.")) {
        let value = key.split('.').try_fold(toml::Value::Table(file.clone()), |at, part| at.get(part).cloned());
        if default == "none" {
            let name = key.rsplit('.').next().expect("a last part");
            assert!(value.is_none() && text.contains(name), "config/tallygate.toml must tell of {key} and not set it");
            continue;
        }
        let value = value.unwrap_or_else(|| panic!("config/tallygate.toml lacks {key}"));
        let written = match value {
            toml::Value::String(text) => format!("\"{text}\""),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            other => panic!("{key} is {other:?}"),
        };
        assert_eq!(written, default, "{key}");
        compared += 1;
    }
    assert!(compared >= 23, "only {compared} keys found in the table");
}
