//! The gateway as a whole: configuration in, ports bound, threads started, drained at the end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::acceptor::Acceptor;
use crate::config::Config;
use crate::files;
use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::ops;
use crate::reload::Source;
use crate::swap::{self, LoadProblem, Loader, Swap};
use crate::visits::{self, of_default};
use crate::worker::{Handle, Shared};

/// A gateway that is built but not yet running: its ports are bound, its plugins loaded.
pub(crate) struct App {
    shared: Arc<Shared>,
    config: Arc<Config>,
    swap: Arc<Swap>,
    ingest: TcpListener,
    ops: TcpListener,
    /// Files that the process may have open.
    files: usize,
}

/// How parts are told to end: first no new work, then no work at all.
struct Ends {
    draining: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

/// Connections that the kernel may hold for us.
const BACKLOG: i32 = 4096;
/// For what the operations port still does to end, if requests with logs have taken all the time there was.
const LAST_MOMENT: Duration = Duration::from_millis(500);

// === impl App ===

impl App {
    /// Loads the plugins, opens the visits, and binds the ports last: both may take minutes, and until then whoever connects is
    /// to be refused at once rather than to wait.
    ///
    /// `source` is where the configuration was read from, for when it is to be read again. With `accept_damage`, what is lost
    /// of the visits is gone on without.
    pub(crate) fn build(config: Config, source: Source, accept_damage: bool) -> Result<Self> {
        let files = files::raise_limit();
        let metrics = Arc::new(Metrics::new());
        let loader = Loader::new(&config, Some(&config.data_dir.join("compiled")), Arc::clone(&metrics))?;
        let (workers, config) = (workers(&config), Arc::new(config));
        let first = swap::first(&loader, Arc::clone(&config), workers);
        let (state, serving) = first.map_err(|problems| refused(&problems))?;
        let (visits, progress) = visits::open(&config, accept_damage, &metrics)?;
        let ingest = bind(config.ingest.listen).context("the ingest port")?;
        let ops = bind(config.ops.listen).context("the operations port")?;
        let shared = Arc::new(Shared {
            serving: Arc::new(ArcSwap::from_pointee(serving)),
            metrics,
            visits: Arc::new(visits),
            progress,
            in_flight: InFlight::new(config.ingest.max_in_flight),
            workers,
            changed: watch::Sender::new(()),
        });
        let swap = Arc::new(Swap::new(Arc::clone(&shared), loader, source, state));
        Ok(Self { shared, config, swap, ingest, ops, files })
    }

    /// What changes while it serves is changed by this.
    pub(crate) fn swap(&self) -> Arc<Swap> {
        Arc::clone(&self.swap)
    }

    /// Serves until `shutdown` ends, then finishes what is in flight.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let ends = Ends { draining: watch::Sender::new(false), stop: watch::Sender::new(false) };
        let Self { shared, config, swap, ingest, ops, files } = self;
        let (ingest_address, ops_address) = (ingest.local_addr()?, ops.local_addr()?);
        let ops = ops::start(ops, Arc::clone(&shared), swap, ends.draining.subscribe(), ends.stop.subscribe())?;
        let acceptor = Acceptor {
            listener: tokio::net::TcpListener::from_std(ingest)?,
            workers: start_workers(&shared, &ends)?,
            serving: Arc::clone(&shared.serving),
            metrics: Arc::clone(&shared.metrics),
            most: files::left_for_connections(files, config.ingest.max_connections),
        };
        let acceptor = tokio::task::spawn_local(acceptor.run(ends.draining.subscribe()));
        tracing::info!(ingest = %ingest_address, ops = %ops_address, "ready");

        shutdown.await;
        let limit = shared.serving.load().config.ingest.drain_timeout;
        tracing::info!(limit_seconds = limit.as_secs(), "draining: no new connections, finishing what is in flight");
        ends.draining.send_replace(true);
        let workers = acceptor.await.context("the acceptor failed")?;
        finish(workers, ops, limit, &ends).await;
        let visits = Arc::clone(&shared.visits);
        // What only the journal has is written to segments, which takes a moment. Not left to whoever lets go of the visits
        // last: a question that was left behind holds them.
        drop(tokio::task::spawn_blocking(move || visits.close()).await);
        tracing::info!(unique_ip_addresses = of_default(&shared.visits).unique(), "stopped");
        Ok(())
    }
}

fn workers(config: &Config) -> usize {
    match config.ingest.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

fn start_workers(shared: &Arc<Shared>, ends: &Ends) -> Result<Vec<Handle>> {
    let start = |at| {
        let (draining, stop) = (ends.draining.subscribe(), ends.stop.subscribe());
        Handle::start(at, Arc::clone(shared), draining, stop).context("a worker thread")
    };
    (0..shared.workers).map(start).collect()
}

/// Waits for the workers to finish, but no longer than `limit`; then for the rest to end, for what is left of it.
async fn finish(workers: Vec<Handle>, ops: JoinHandle<()>, limit: Duration, ends: &Ends) {
    let until = Instant::now() + limit;
    let mut joined = tokio::task::spawn_blocking(move || workers.into_iter().for_each(Handle::join));
    let in_time = timeout_at(until, &mut joined).await.is_ok();
    ends.stop.send_replace(true);
    // Workers end now that they were told to; a panic in them has been reported where it happened.
    if !in_time {
        tracing::warn!("some requests were still in flight when ingest.drain_timeout had passed; they are cut off");
        drop(joined.await);
    }
    // Threads of the operations port may do what does not look up. Questions only read, and what writes can be cut off at any
    // moment, as by a crash.
    let ops = tokio::task::spawn_blocking(move || ops.join());
    if timeout_at(until.max(Instant::now() + LAST_MOMENT), ops).await.is_err() {
        tracing::warn!(
            "requests to the operations port were still under way when ingest.drain_timeout had passed; they are cut off"
        );
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listen = || {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok::<_, std::io::Error>(socket.into())
    };
    listen().with_context(|| format!("cannot listen on {address}"))
}

fn refused(problems: &[LoadProblem]) -> anyhow::Error {
    anyhow!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
