//! What plugins that sin cost others: another route's throughput, and the time of the operations port.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tallygate_guest_craft as craft;

use super::{median_and_worst, number, say, start_bench, wait_for_bench};
use crate::harness::{ADMIN, Connection, Gateway, Request, sinner};

/// A route is to keep so much of its throughput.
const KEPT: f64 = 0.8;
/// Connections that post to the sinner, each again after a rest.
const POSTERS: usize = 2;
const REST: Duration = Duration::from_millis(5);
/// Of the load on the other route.
const BATCH: u32 = 100;

/// True if every route keeps enough, beside whichever sinner.
pub(crate) fn sins(rounds: u32, seconds: u32) -> bool {
    say("Another route beside a plugin that sins; medians of the rounds. Of the operations port, the slowest answers.");
    say("sin                  requests/s alone     beside  ratio   /metrics    /healthz   answers of the sinner");
    let mut well = true;
    for (name, component) in sinners() {
        well &= beside(name, &component, rounds, seconds) >= KEPT;
    }
    well
}

/// Plugins that can be loaded. The harmless one is what any neighbour costs.
fn sinners() -> Vec<(&'static str, Vec<u8>)> {
    let examples = [
        "spin_extract",
        "spin_explain",
        "hog",
        "recurse",
        "trap_on_poison",
        "trap_on_all",
        "miscount_v4",
        "too_much",
        "flood",
        "probe",
        "grow",
        "fickle",
        "slow",
    ];
    let crafted = [
        ("harmless", craft::harmless()),
        ("result of 1 GB", craft::claiming(1 << 30)),
        ("table bomb", craft::growing_a_table()),
        ("10,000 functions", craft::with_functions(10_000)),
    ];
    crafted.into_iter().chain(examples.map(|name| (name, sinner(name)))).collect()
}

fn beside(name: &str, component: &[u8], rounds: u32, seconds: u32) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sinner.wasm");
    fs::write(&file, component).expect("writable");
    // Just under the default deadline of 100 ms, on this class of machines.
    let settings = if name == "slow" { "settings = { loops = 120000000 }" } else { "" };
    let gateway = Gateway::with_config(&format!(
        "{ADMIN}[[routes]]\npath = \"/sinner\"\nplugins = [\"sinner\"]\n[plugins.sinner]\npath = \"{}\"\n{settings}",
        file.display()
    ));
    let (mut alone, mut with) = (Vec::new(), Vec::new());
    let (mut slowest, mut answers) = ([Duration::ZERO; 2], 0);
    let throughput = || {
        let report = wait_for_bench(start_bench(&gateway, "/logs", seconds, BATCH));
        number(&report["requests_per_second"])
    };
    for _ in 0..rounds {
        alone.push(throughput());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let posters: Vec<_> = (0..POSTERS).map(|_| scope.spawn(|| post(&gateway, &done))).collect();
            let asking = scope.spawn(|| ask(&gateway, &done));
            with.push(throughput());
            done.store(true, Ordering::Relaxed);
            answers += posters.into_iter().map(|poster| poster.join().expect("no panic")).sum::<u64>();
            let asked = asking.join().expect("no panic");
            slowest = [slowest[0].max(asked[0]), slowest[1].max(asked[1])];
        });
    }
    let (alone, with) = (median_and_worst(alone).0, median_and_worst(with).0);
    let [metrics, health] = slowest.map(|time| time.as_secs_f64() * 1e3);
    say(&format!(
        "{name:20} {alone:>16.0} {with:>10.0} {:>6.2} {metrics:>7.1} ms {health:>8.1} ms {answers:>9}",
        with / alone
    ));
    with / alone
}

/// Posts what makes the plugin sin until it is done. How many answers there were.
fn post(gateway: &Gateway, done: &AtomicBool) -> u64 {
    let mut lines = vec!["192.0.2.1"; 1000];
    lines[617] = "poison";
    let request = Request::post("/sinner").header("Content-Type", "text/plain").body(lines.join("\n"));
    let (mut connection, mut answers) = (gateway.connect(), 0);
    while !done.load(Ordering::Relaxed) {
        connection.exchange(&request);
        answers += 1;
        thread::sleep(REST);
    }
    answers
}

/// Asks the operations port until it is done. The slowest answers for metrics and health.
fn ask(gateway: &Gateway, done: &AtomicBool) -> [Duration; 2] {
    let (mut connection, mut slowest) = (Connection::to(gateway.ops()), [Duration::ZERO; 2]);
    while !done.load(Ordering::Relaxed) {
        for (path, slowest) in ["/metrics", "/healthz"].iter().zip(&mut slowest) {
            let start = Instant::now();
            connection.exchange(&Request::get(path)).expect(200);
            *slowest = start.elapsed().max(*slowest);
        }
        thread::sleep(Duration::from_millis(20));
    }
    slowest
}
