//! Takes connections on a port and deals them out to the workers.
//!
//! Each goes to the worker with the fewest, since `SO_REUSEPORT` alone leaves threads idle when connections are few.

mod metrics;

use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::serving::Serving;
use crate::source::Work;
use crate::worker::Handle;

pub(crate) use metrics::ConnectionMetrics;

/// How long to wait when the process cannot take another connection, before trying again.
const OUT_OF_FILES: Duration = Duration::from_millis(50);
/// For a client to take that it is turned away.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    /// What a connection is to a worker.
    pub(crate) work: fn(std::net::TcpStream) -> Work,
    pub(crate) workers: Rc<Vec<Handle>>,
    pub(crate) serving: Arc<ArcSwap<Serving>>,
    pub(crate) metrics: ConnectionMetrics,
    /// What the limit of open files leaves for connections, whatever the configuration allows.
    pub(crate) most: usize,
}

// === impl Acceptor ===

impl Acceptor {
    /// Accepts until `draining` turns true, then closes the port and lets go of the workers.
    pub(crate) async fn run(self, mut draining: watch::Receiver<bool>) {
        let accept = async {
            let mut complained = false;
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        complained = false;
                        self.deal(stream);
                    }
                    // The client was gone before it was greeted.
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        if !complained {
                            tracing::error!(%error, "cannot accept connections; raise the limit of open files");
                            complained = true;
                        }
                        tokio::time::sleep(OUT_OF_FILES).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }

    fn deal(&self, stream: TcpStream) {
        let open: usize = self.workers.iter().map(Handle::connections).sum();
        let idlest = self.workers.iter().min_by_key(|worker| worker.connections());
        let (Some(worker), Ok(stream)) = (idlest, stream.into_std()) else { return };
        let work = (self.work)(stream);
        if open >= self.serving.load().config.ingest.max_connections.min(self.most) {
            self.turn_away(work);
        } else if let Err(work) = worker.give(work) {
            self.turn_away(work);
        }
    }

    /// Tells the client to come back, without waiting for it to listen.
    fn turn_away(&self, work: Work) {
        self.metrics.refused.inc();
        tokio::task::spawn_local(async move {
            // Whoever does not even take this much has lost its claim to an answer.
            drop(tokio::time::timeout(FAREWELL, work.turn_away()).await);
        });
    }
}
