//! Takes connections on the ingest port and deals them out to the workers.
//!
//! Each goes to the worker with the fewest, since `SO_REUSEPORT` alone leaves threads idle when connections are few.

mod metrics;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::serving::Serving;
use crate::worker::Handle;

pub(crate) use metrics::ConnectionMetrics;

/// How long to wait when the process cannot take another connection, before trying again.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    pub(crate) workers: Vec<Handle>,
    pub(crate) serving: Arc<ArcSwap<Serving>>,
    pub(crate) metrics: ConnectionMetrics,
    /// What the limit of open files leaves for connections, whatever the configuration allows.
    pub(crate) most: usize,
}

// === impl Acceptor ===

impl Acceptor {
    /// Accepts until `draining` turns true, then closes the port and gives the workers back.
    pub(crate) async fn run(self, mut draining: watch::Receiver<bool>) -> Vec<Handle> {
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
        self.workers
    }

    fn deal(&self, stream: TcpStream) {
        let open: usize = self.workers.iter().map(Handle::connections).sum();
        let idlest = self.workers.iter().min_by_key(|worker| worker.connections());
        if open >= self.serving.load().config.ingest.max_connections.min(self.most) {
            return self.turn_away(stream);
        }
        let (Some(worker), Ok(stream)) = (idlest, stream.into_std()) else { return };
        if let Err(stream) = worker.give(stream)
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            self.turn_away(stream);
        }
    }

    /// Tells the client to come back, without waiting for it to listen.
    fn turn_away(&self, mut stream: TcpStream) {
        self.metrics.refused.inc();
        tokio::task::spawn_local(async move {
            let farewell = async {
                stream.write_all(too_many().as_bytes()).await?;
                stream.shutdown().await
            };
            // Whoever does not even take this much has lost its claim to an answer.
            drop(tokio::time::timeout(Duration::from_secs(1), farewell).await);
        });
    }
}

/// What a client gets when there are too many connections already.
fn too_many() -> String {
    const BODY: &str = "{\"error\":{\"code\":\"too-many-connections\",\
        \"message\":\"there are as many connections as ingest.max_connections allows, come back later\"}}\n";
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    )
}
