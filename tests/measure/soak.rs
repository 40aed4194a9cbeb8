//! Thousands of swaps under constant load: nothing is lost, and nothing is left behind.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pair::Pair;
use super::say;
use crate::harness::{Client, Load, Protocol};

const CLIENTS: [Client; 3] = [
    Client { protocol: Protocol::Http1, path: "/logs", records: 100, rest: REST },
    Client { protocol: Protocol::Http1, path: "/mine", records: 1, rest: REST },
    Client { protocol: Protocol::Http2(4), path: "/mine", records: 25, rest: REST },
];
const REST: Duration = Duration::from_millis(5);

/// Different ones of each client, so few that all have come long before memory is looked at: the set grows with what is
/// counted, which is not what is asked about here.
const ADDRESSES: u64 = 5000;

/// Every swap of so many is one of settings,
const SETTINGS_EVERY: u32 = 10;
/// before every one of so many a bad plugin is tried,
const BAD_EVERY: u32 = 200;
/// and after every one of so many the clients pause and the count is exact.
const EXACT_EVERY: u32 = 100;

/// By how much more memory may be resident after all swaps than after the first tenth of them.
const GROWTH: f64 = 0.1;

/// True if memory has not grown. Panics if a record or a request was lost.
pub(crate) fn soak(swaps: u32) -> bool {
    assert!(swaps >= 10, "memory is compared with that after the first tenth: at least 10 swaps");
    let (start, mut pair) = (Instant::now(), Pair::start());
    let load = Load::start(&pair.gateway, &CLIENTS, ADDRESSES);
    // Of the last hundredth of all swaps: what is resident swings by some megabytes from one swap to the next.
    let mut lately = VecDeque::new();
    let (mut early, mut late, mut records) = (0, 0, 0);
    for swap in 1..=swaps {
        if swap.is_multiple_of(BAD_EVERY) {
            pair.upload_half();
        }
        if swap.is_multiple_of(SETTINGS_EVERY) {
            pair.change_settings();
        } else {
            pair.upload();
        }
        load.wait_for_replies();
        load.check(&pair.gateway);
        if swap.is_multiple_of(EXACT_EVERY) || swap == swaps {
            records = load.check_exactly(&pair.gateway);
        }
        lately.push_back(resident(pair.gateway.pid()));
        if lately.len() > swaps.div_ceil(100) as usize {
            lately.pop_front();
        }
        if swap.is_multiple_of(swaps / 10) || swap == swaps {
            late = middle(&lately);
            early = if early == 0 { late } else { early };
            let seconds = start.elapsed().as_secs();
            let plugins = pair.gateway.metrics().sum("tallygate_plugin_memory_bytes", &[]) >> 10;
            say(&format!(
                "{swap:>6} swaps  {seconds:>5} s  {late:>7} KiB resident  {plugins:>7} KiB of plugins  {records:>10} records"
            ));
        }
    }
    let growth = late as f64 / early as f64 - 1.0;
    let metrics = pair.gateway.metrics();
    say(&format!(
        "{} requests, all answered 202; received = accepted = sent = {records}; unique {}, exact; {} refused plugins",
        metrics.sum("tallygate_requests_total", &[]),
        metrics.value("unique_ip_addresses"),
        metrics.sum("tallygate_plugin_reloads_total", &[("result", "refused")]),
    ));
    say(&format!(
        "resident memory: {early} KiB after {}, {late} KiB after {swaps}: {:+.1} %",
        swaps / 10,
        growth * 100.0
    ));
    growth <= GROWTH
}

fn middle(values: &VecDeque<u64>) -> u64 {
    let mut sorted: Vec<_> = values.iter().copied().collect();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
