//! What a swap costs: the time until it has happened, what other requests notice of it, and what compiling takes.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::pair::Pair;
use super::{CONNECTIONS, median_and_worst, number, say, start_bench, wait_for_bench};
use crate::harness::{Connection, PATIENCE, Request, Setup};

/// The JSON plugin serves in any case.
const ALL_SHIPPED: &str = "[[routes]]\npath = \"/logs/access\"\nplugins = [\"access-log\"]";
const SWAPS: usize = 50;
const COLD_STARTS: usize = 10;
/// Between two swaps while latencies are measured.
const PACE: Duration = Duration::from_millis(250);
const PERCENTILES: [&str; 3] = ["p50", "p99", "p99_9"];

/// Measures all three. Latencies in so many rounds of so many seconds, with swaps and without by turns.
pub(crate) fn cost(rounds: u32, seconds: u32) {
    cold_starts();
    let mut pair = Pair::start();
    // Fills what is kept of real records for the replay, which is a part of what a swap costs.
    wait_for_bench(start_bench(&pair.gateway, "/mine", 3, 100));
    times(&mut pair);
    for batch in [1, 100] {
        latencies(&mut pair, rounds, seconds, batch);
    }
}

/// What the stages of the shipped plugins take where nothing has been compiled before.
fn cold_starts() {
    say(&format!("Stages of the shipped plugins without a cache, ms: median and worst of {COLD_STARTS}"));
    let mut all = Stages::default();
    for _ in 0..COLD_STARTS {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data").display().to_string();
        let gateway = Setup::new().config(ALL_SHIPPED).environment("TALLYGATE_DATA_DIR", &data).start();
        all.note(&gateway.log());
        gateway.stop();
    }
    all.say();
}

/// From a new file, or from an upload, to the first batch that the new plugin answered.
fn times(pair: &mut Pair) {
    let mut post = pair.gateway.connect();
    let record = Request::post("/mine").body(r#"{"ip":"192.0.2.1"}"#);
    for (how, by_file) in [("rename of the file", true), ("upload", false)] {
        let logged = pair.gateway.log().len();
        let mut took = Vec::new();
        for _ in 0..SWAPS {
            let start = Instant::now();
            if by_file {
                pair.rename();
                wait_for_generation(pair);
            } else {
                pair.upload();
            }
            post.exchange(&record).expect_tally(1, 1);
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let mut stages = Stages::default();
        stages.note(&pair.gateway.log()[logged..]);
        let ((median, worst), sum) = (median_and_worst(took), stages.sum());
        // A file is read when nobody has written to it for a moment; an upload is whole when it ends.
        let rest = median - sum;
        say(&format!(
            "\nFrom {how} to the first batch on the new plugin, ms: median {median:.1}, worst {worst:.1}; of the median, \
             {rest:.1} for waiting until the file is left alone, for sending and for answering, and for stages:"
        ));
        stages.say();
    }
}

/// Asks without a pause, so that the answer is no older than a request takes.
fn wait_for_generation(pair: &Pair) {
    let mut ops = Connection::to(pair.gateway.ops());
    let question = Request::get("/admin/plugins").with_token();
    let serves = |all: &Value| {
        let plugins = all["plugins"].as_array().expect("a list");
        plugins.iter().any(|one| one["name"] == "mine" && one["generation"] == pair.generation)
    };
    let start = Instant::now();
    while !serves(&ops.exchange(&question).expect(200).json()) {
        assert!(start.elapsed() < PATIENCE, "the new plugin does not serve:\n{}", pair.gateway.log());
    }
}

/// Latencies of requests while plugins are swapped, beside those while they are not.
fn latencies(pair: &mut Pair, rounds: u32, seconds: u32, batch: u32) {
    let (mut quiet, mut swapped, mut swaps) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        quiet.push(wait_for_bench(start_bench(&pair.gateway, "/mine", seconds, batch)));
        let child = start_bench(&pair.gateway, "/mine", seconds, batch);
        let (ends, ended) = channel::<()>();
        let waiting = std::thread::spawn(move || {
            let report = wait_for_bench(child);
            drop(ends);
            report
        });
        while matches!(ended.recv_timeout(PACE), Err(RecvTimeoutError::Timeout)) {
            pair.upload();
            swaps += 1;
        }
        swapped.push(waiting.join().expect("the load went well"));
    }
    say(&format!(
        "\n{batch} record(s) a POST, {CONNECTIONS} connections without a pause, {rounds} rounds of {seconds} s each; {swaps} \
         swaps. Medians of the rounds:"
    ));
    let line = |what: &str, of: &dyn Fn(&Value) -> f64| {
        let median = |reports: &[Value]| median_and_worst(reports.iter().map(of).collect()).0;
        let (without, with) = (median(&quiet), median(&swapped));
        say(&format!(
            "  {what:12} without swaps {without:>12.0}  with swaps {with:>12.0}  ratio {:.2}",
            with / without
        ));
    };
    line("requests/s", &|report| number(&report["requests_per_second"]));
    for percentile in PERCENTILES {
        line(&format!("{percentile} (µs)"), &|report| number(&report["latency_microseconds"][percentile]));
    }
}

/// Milliseconds of the stages of each plugin, as logs tell them.
#[derive(Default)]
struct Stages {
    of: BTreeMap<String, Vec<(String, Vec<f64>)>>,
}

// === impl Stages ===

impl Stages {
    fn note(&mut self, log: &str) {
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines.filter(|line| line["message"] == "stage passed") {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let (stages, stage) = (self.of.entry(text("plugin")).or_default(), text("stage"));
            let milliseconds = number(&line["milliseconds"]);
            match stages.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, all)) => all.push(milliseconds),
                None => stages.push((stage, vec![milliseconds])),
            }
        }
    }

    fn say(&self) {
        for (plugin, stages) in &self.of {
            let mut line = String::new();
            for (stage, all) in stages {
                let (median, worst) = median_and_worst(all.clone());
                line += &format!(", {stage} {median:.2} ({worst:.2})");
            }
            say(&format!("  {plugin}: {:.1} in all{line}", sum(stages)));
        }
    }

    /// Of all plugins.
    fn sum(&self) -> f64 {
        self.of.values().map(|stages| sum(stages)).sum()
    }
}

/// Of the medians.
fn sum(stages: &[(String, Vec<f64>)]) -> f64 {
    stages.iter().map(|(_, all)| median_and_worst(all.clone()).0).sum()
}
