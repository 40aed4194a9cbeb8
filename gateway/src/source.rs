//! How batches arrive: one file a source, each of which hands what it receives to the pipeline.

mod http;

use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::net;
use crate::pipeline::Lane;

pub(crate) use http::{RequestMetrics, WorkerRequests};

/// What a worker can be given to do, until it is done or the gateway drains.
pub(crate) enum Work {
    /// A connection to the ingest port.
    Http(std::net::TcpStream),
}

// === impl Work ===

impl Work {
    /// Does it on the calling thread, a worker's.
    pub(crate) async fn run(self, lane: Rc<Lane>, draining: watch::Receiver<bool>) {
        match self {
            Self::Http(stream) => match TcpStream::from_std(stream) {
                Ok(stream) => {
                    net::prepare(&stream, lane.serving().config.ingest.body_timeout);
                    http::serve(stream, lane, draining).await;
                }
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            },
        }
    }

    /// Tells the other side to come back, as no worker can do it.
    pub(crate) async fn turn_away(self) {
        match self {
            Self::Http(stream) => {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    http::turn_away(stream).await;
                }
            }
        }
    }
}
