//! What is written beside the code is true of it.

use std::collections::BTreeSet;
use std::process::Command;

use crate::harness::{Connection, Gateway, Request, forget_own_variables, python_with, root, run};

/// Configurations that the gateway takes and its schema does, too.
const GOOD: [&str; 5] = [
    "",
    "data_dir = \"d\"\nlog_level = \"WARN\"\ndurability = \"memory\"\ncount_since = \"start\"",
    "[ingest]\nmax_body = \" 4mib \"\nmax_record = 1_000\nmax_decompressed = \"8388608\"\nmax_in_flight = \"1 GB\"\n\
     header_timeout = \"1 Min\"\nidle_timeout = \"2m\"\nmax_connections = \"7\"\nlisten = \"[::1]:5000\"",
    "[addresses]\nipv6 = \"/64\"\n[swap]\nmax_difference = 1\nprobation = \"0 s\"\nreplay_records = 0\n\
     [event_time]\nmax_ahead = \"0 s\"\nbeyond = \"reject\"\n[ops]\nadmin_token = \"s3cret\"",
    "[plugins.json]\nsettings = { fields = \"a,b\", strict = true }\nlimits = { memory = \"80 MiB\", time = \"1 s\" }\n\
     [[routes]]\npath = \"/a\"\ncontent_type = \"text/plain\"\nheader = { x-format = \"clf\" }\nplugins = [\"access-log\"]",
];

/// Configurations that the gateway refuses and its schema does, too.
const BAD: [&str; 27] = [
    "data_dir = 1",
    "data_dir = \"\"",
    "log_level = \"loud\"",
    "durability = \"disk\"",
    "event_time.max_age = 86400",
    "event_time.beyond = \"drop\"",
    "ingest.max_body = \"16 Mib, or so\"",
    "ingest.max_body = 0",
    "ingest.max_bdy = \"16 MiB\"",
    "ingest.max_body = 16.5",
    "ingest.max_connections = 0",
    "ingest.workers = -1",
    "ingest.listen = \"nowhere\"",
    "ingest = 1",
    "ops.admin_token = \"two words\"",
    "ops = { admin_token = \"a\", admin_token_file = \"b\" }",
    "addresses.ipv6 = \"/32\"",
    "addresses.max_per_64 = 4294967296",
    "swap.max_difference = 1.5",
    "swap.poll = \"0 s\"",
    "plugins.\"a b\".path = \"a.wasm\"",
    "plugins.json.settings.deep.er = 1",
    "plugins.json.limits.memory = \"much\"",
    "[[routes]]\nplugins = [\"json\"]\nheader = {}",
    "[[routes]]\npath = \"/a\"",
    "[[routes]]\npath = \"a\"\nplugins = [\"json\", \"access-log\"]",
    "[elsewhere]",
];

/// Says of each document, one a line in a file, whether it is good by a schema.
const VALIDATE: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
for line in open(sys.argv[2]):
    print("good" if Draft202012Validator(schema).is_valid(json.loads(line)) else "bad")
"#;

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
    let has_no_default = |key: &str| key.starts_with("plugins.") || key.starts_with("routes.");
    for (key, default) in rows.filter(|(key, _)| !has_no_default(key)) {
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

/// Whether the gateway takes a configuration.
fn is_good(text: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.toml");
    std::fs::write(&file, text).expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    forget_own_variables(&mut command);
    run(command.args(["check", "--config"]).arg(&file).current_dir(folder.path())).status.success()
}

/// An editor that goes by the schema calls good and bad what the gateway does.
#[test]
fn the_schema_takes_what_the_gateway_takes() {
    for text in GOOD {
        assert!(is_good(text), "{text}");
    }
    for text in BAD {
        assert!(!is_good(text), "{text}");
    }
    let Some(python) = python_with("jsonschema") else { return };
    let start = read("config/tallygate.toml");
    let all = || [start.as_str()].into_iter().chain(GOOD).chain(BAD);
    let lines = all().map(|text| {
        let table: toml::Table = text.parse().expect("is TOML");
        serde_json::to_string(&table).expect("is JSON, too") + "\n"
    });
    let documents = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(documents.path(), lines.collect::<String>()).expect("writable");
    let schema = root().join("config/tallygate.schema.json");
    let output = run(Command::new(python).args(["-c", VALIDATE]).arg(schema).arg(documents.path()));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<_> = text.lines().zip(all()).collect();
    let expected = all().enumerate().map(|(at, text)| (if at <= GOOD.len() { "good" } else { "bad" }, text));
    assert_eq!(found, expected.collect::<Vec<_>>());
}
