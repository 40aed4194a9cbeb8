//! The gateway as a whole: configuration in, ports bound, components started, drained at the end.

mod component;

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::component::{Component, Ends};
use crate::acceptor::Acceptor;
use crate::common::Common;
use crate::config::Config;
use crate::files;
use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::ops;
use crate::reload::ConfigSource;
use crate::source::Work;
use crate::swap::{self, Hint, LoadProblem, Loader, Signature, Swap, Threads};
use crate::visits::{self, of_default};
use crate::worker::Handle;

/// A gateway that is built but not yet running: its ports are bound, its plugins loaded.
pub(crate) struct App {
    common: Arc<Common>,
    config: Arc<Config>,
    swap: Arc<Swap>,
    /// The file that the configuration was read from.
    file: Option<std::path::PathBuf>,
    ingest: TcpListener,
    ops: TcpListener,
    /// Files that the process may have open.
    files: usize,
}

/// A gateway that serves.
pub(crate) struct Running {
    common: Arc<Common>,
    hint: Hint,
    ends: Ends,
    /// In the order in which they were started: none needs one that follows.
    components: Vec<Component>,
}

/// Connections that the kernel may hold for us.
const BACKLOG: i32 = 4096;

// === impl App ===

impl App {
    /// Loads the plugins, opens the visits, and binds the ports last: both may take minutes, and until then whoever connects is
    /// to be refused at once rather than to wait.
    ///
    /// `source` is where the configuration was read from, for when it is to be read again. With `accept_damage`, what is lost
    /// of the visits is gone on without.
    pub(crate) fn build(config: Config, source: ConfigSource, accept_damage: bool) -> Result<Self> {
        let files = files::raise_limit();
        let metrics = Arc::new(Metrics::new());
        let loader = Loader::new(&config, Some(&config.data_dir.join("compiled")), Arc::clone(&metrics))?;
        let (workers, config) = (workers(&config), Arc::new(config));
        let first = swap::first(&loader, Arc::clone(&config), workers);
        let (state, serving) = first.map_err(|problems| refused(&problems))?;
        let (visits, progress) = visits::open(&config, accept_damage, &metrics.visits)?;
        let ingest = bind(config.ingest.listen).context("the ingest port")?;
        let ops = bind(config.ops.listen).context("the operations port")?;
        let file = source.file.clone();
        let common = Arc::new(Common {
            serving: Arc::new(ArcSwap::from_pointee(serving)),
            metrics,
            visits: Arc::new(visits),
            progress,
            in_flight: InFlight::new(config.ingest.max_in_flight),
            workers,
            changed: watch::Sender::new(()),
        });
        let swap = Arc::new(Swap::new(Arc::clone(&common), loader, source, state));
        Ok(Self { common, config, swap, file, ingest, ops, files })
    }

    /// Starts all components. `seen` is how the file of the configuration looked before it was read: what changed since is seen.
    pub(crate) fn start(self, seen: Option<Signature>) -> Result<Running> {
        let ends = Ends::default();
        let Self { common, config, swap, file, ingest, ops, files } = self;
        let (ingest_address, ops_address) = (ingest.local_addr()?, ops.local_addr()?);
        let mut components = vec![Component::Visits(Arc::clone(&common.visits))];
        let threads = Threads::start(Arc::clone(&swap), file, seen).context("the threads of the swap")?;
        let hint = threads.hint();
        components.push(Component::Swap(threads));
        let ops = ops::start(ops, Arc::clone(&common), swap, ends.draining.subscribe(), ends.stop.subscribe())?;
        components.push(Component::Ops(ops));
        let workers = Rc::new(start_workers(&common, &ends)?);
        components.push(Component::Workers(Rc::clone(&workers)));
        let acceptor = Acceptor {
            listener: tokio::net::TcpListener::from_std(ingest)?,
            work: Work::Http,
            workers,
            serving: Arc::clone(&common.serving),
            metrics: common.metrics.connections.clone(),
            most: files::left_for_connections(files, config.ingest.max_connections),
        };
        let acceptor = tokio::task::spawn_local(acceptor.run(ends.draining.subscribe()));
        components.push(Component::Ingest(acceptor));
        tracing::info!(ingest = %ingest_address, ops = %ops_address, "ready");
        Ok(Running { common, hint, ends, components })
    }
}

// === impl Running ===

impl Running {
    /// Asks for the configuration and the plugins to be read again.
    pub(crate) fn hint(&self) -> Hint {
        self.hint.clone()
    }

    /// Finishes what is in flight, and ends.
    pub(crate) async fn drain(self) {
        let Self { common, hint: _, ends, components } = self;
        let limit = common.serving.load().config.ingest.drain_timeout;
        tracing::info!(limit_seconds = limit.as_secs(), "draining: no new connections, finishing what is in flight");
        component::drain(components, limit, &ends).await;
        tracing::info!(unique_ip_addresses = of_default(&common.visits).unique(), "stopped");
    }
}

fn workers(config: &Config) -> usize {
    match config.ingest.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

fn start_workers(common: &Arc<Common>, ends: &Ends) -> Result<Vec<Handle>> {
    let start = |at| {
        let (draining, stop) = (ends.draining.subscribe(), ends.stop.subscribe());
        Handle::start(at, Arc::clone(common), draining, stop).context("a worker thread")
    };
    (0..common.workers).map(start).collect()
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
