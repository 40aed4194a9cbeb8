//! Both ports against h2spec, a suite of others that goes through the rules of HTTP/2 one by one.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Gateway, program, run};

/// What fails, and why that is as it should be: `gateway/docs/http2.md`.
const EXPLAINED: [&str; 1] = ["http2/3.5 Sends invalid connection preface"];

/// What may fail, as it depends on whether the answer or the client is faster. The same page tells.
const RACES: [&str; 2] = [
    "http2/5.1 closed: Sends a DATA frame after sending RST_STREAM frame",
    "http2/5.1 closed: Sends a HEADERS frame after sending RST_STREAM frame",
];

/// Rules that there are at least.
const CASES: usize = 140;
/// How often the suite is run at most.
const RUNS: usize = 4;

/// Where `tests/run` has put it, or where the machine has it.
fn h2spec() -> Option<PathBuf> {
    std::env::var_os("TALLYGATE_TEST_H2SPEC").map(PathBuf::from).or_else(|| program("h2spec"))
}

/// Runs the suite against a port, and gives the names of the rules that were tried and of those that were broken.
fn broken(h2spec: &PathBuf, port: SocketAddr, path: &str) -> (usize, BTreeSet<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.xml");
    let mut command = Command::new(h2spec);
    command.args(["-h", &port.ip().to_string(), "-p", &port.port().to_string(), "-P", path, "-o", "10", "-j"]);
    let output = run(command.arg(&report));
    let text = std::fs::read_to_string(&report).unwrap_or_else(|error| panic!("no report: {error}: {output:?}"));
    let cases = text.split("<testcase ").skip(1).filter_map(|case| case.split("</testcase>").next());
    let (mut tried, mut broken) = (0, BTreeSet::new());
    for case in cases {
        let attribute =
            |name: &str| case.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split('"').next());
        let (package, name) = (attribute("package").expect("a package"), attribute("classname").expect("a name"));
        tried += 1;
        if case.contains("<failure") || case.contains("<error") {
            broken.insert(format!("{package} {name}"));
        }
    }
    (tried, broken)
}

#[test]
fn the_rules_of_http2_are_kept_on_both_ports() {
    let Some(h2spec) = h2spec() else { return };
    let gateway = Gateway::start();
    for (port, path) in [(gateway.ingest(), "/logs"), (gateway.ops(), "/healthz")] {
        let explained = BTreeSet::from(EXPLAINED.map(str::to_owned));
        // Where an answer may go out before the client has sent all, it depends on who is faster what the suite sees: a rule
        // that is broken is broken each time.
        let mut always: Option<BTreeSet<String>> = None;
        for _ in 0..RUNS {
            let (tried, mut broken) = broken(&h2spec, port, path);
            assert!(tried >= CASES, "only {tried} rules were tried");
            broken.retain(|name| !RACES.contains(&name.as_str()));
            let so_far = always.take().map_or(broken.clone(), |before| &before & &broken);
            if so_far == explained {
                always = Some(so_far);
                break;
            }
            always = Some(so_far);
        }
        assert_eq!(always, Some(explained), "at {path}");
    }
    gateway.expect_to_serve();
}
