//! `tallygate bench`: load for a running gateway, in the manner of redis-benchmark.

mod client;
mod load;
mod report;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::runtime::{Builder, LocalOptions};

use client::Plan;
use report::Report;

#[derive(Args)]
pub(super) struct Bench {
    /// Where to send to
    #[arg(long, default_value = "http://127.0.0.1:5000/logs")]
    url: http::Uri,
    /// Connections that send at the same time
    #[arg(short = 'c', long, value_name = "CONNS", default_value_t = 50)]
    connections: usize,
    /// Requests to send in all
    #[arg(short = 'n', long, value_name = "REQUESTS", conflicts_with = "duration", default_value_t = 100_000)]
    requests: u64,
    /// Seconds to send for, instead of a number of requests
    #[arg(short = 'd', long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Records in each request
    #[arg(short = 'b', long = "batch", value_name = "RECORDS", default_value_t = 1)]
    batch: usize,
    /// A file whose content each request sends, instead of made-up records
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    body: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Bench) -> Result<ExitCode> {
    ensure!(arguments.connections > 0 && arguments.batch > 0, "-c and -b must be at least 1");
    let (address, host) = target(&arguments.url)?;
    let path = arguments.url.path_and_query().map_or("/", |path| path.as_str());
    let requests = match &arguments.body {
        Some(file) => {
            let body = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            vec![load::request(&host, path, None, body)?]
        }
        None => {
            eprintln!("tallygate: {}", load::ADDS);
            load::requests(&host, path, arguments.batch)?
        }
    };
    let plan = Arc::new(Plan {
        address,
        requests,
        left: AtomicU64::new(arguments.duration.map_or(arguments.requests, |_| u64::MAX)),
        until: arguments.duration.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
    });
    let start = Instant::now();
    let tally = send(&plan, arguments.connections)?;
    let batch = arguments.body.is_none().then_some(arguments.batch);
    let report = Report::new(&tally, batch, arguments.connections, start.elapsed());
    report.print(arguments.json)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Deals the connections out to as many threads as there are cores, and adds up what they saw.
fn send(plan: &Arc<Plan>, connections: usize) -> Result<client::Tally> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(connections);
    let threads: Vec<_> = (0..cores)
        .map(|at| {
            let plan = Arc::clone(plan);
            let share = connections / cores + usize::from(at < connections % cores);
            let thread = std::thread::Builder::new().name(format!("send-{at}"));
            thread.spawn(move || -> Result<client::Tally> {
                let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
                Ok(runtime.block_on(client::run(plan, share)))
            })
        })
        .collect();
    let mut tally = client::Tally::default();
    for thread in threads {
        let Ok(part) = thread?.join() else { anyhow::bail!("a sending thread failed") };
        tally.add(&part?);
    }
    Ok(tally)
}

fn target(url: &http::Uri) -> Result<(SocketAddr, String)> {
    ensure!(url.scheme_str() == Some("http"), "{url}: only http:// URLs can be benchmarked");
    let host = url.host().with_context(|| format!("{url} names no host"))?;
    let port = url.port_u16().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (bare, port).to_socket_addrs().with_context(|| format!("cannot find {host}"))?;
    let address = addresses.next().with_context(|| format!("{host} has no address"))?;
    Ok((address, format!("{host}:{port}")))
}
