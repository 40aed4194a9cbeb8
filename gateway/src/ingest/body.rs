//! Bodies into memory, within the bounds on size, time and memory in flight.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use tallygate_connect::decompress::{Decoder, Encoding};
use tokio::time::{Instant, timeout_at};

use super::reply::Refusal;
use crate::config;
use crate::in_flight::Reservation;
use crate::worker::Worker;

/// What is decompressed before the other connections of the thread have a turn.
const STEP: usize = 256 << 10;
/// Memory set aside on a client's word that its body is large; more follows as bytes really come.
const ON_TRUST: usize = 256 << 10;

/// How long the rest of a refused body is taken and dropped.
const LET_GO: Duration = Duration::from_secs(5);

type Received = Option<Result<Frame<Bytes>, hyper::Error>>;

/// Reads a body to its end.
pub(super) async fn read(
    worker: &Worker,
    body: &mut Incoming,
    limits: &config::Ingest,
    held: &mut Reservation<'_>,
) -> Result<Bytes, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limits.max_body as u64 {
        return Err(Refusal::too_large(limits.max_body));
    }
    let announced = usize::try_from(announced).unwrap_or(limits.max_body);
    // The clock is looked at only when there is something to wait for.
    let mut deadline = None;
    let mut whole = BytesMut::new();
    loop {
        let received = match poll_once(body).await {
            Poll::Ready(received) => received,
            Poll::Pending => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + limits.body_timeout);
                timeout_at(deadline, body.frame()).await.map_err(|_| Refusal::too_slow(limits.body_timeout))?
            }
        };
        let Some(frame) = received else { return Ok(whole.freeze()) };
        let Ok(bytes) = frame.map_err(|_| Refusal::broke_off())?.into_data() else { continue };
        if whole.len() + bytes.len() > limits.max_body {
            return Err(Refusal::too_large(limits.max_body));
        }
        held.grow(bytes.len()).map_err(|full| Refusal::no_room(full, limits.max_in_flight))?;
        worker.own_metrics.ingest_bytes.inc_by(bytes.len() as u64);
        if whole.is_empty() && bytes.len() == announced {
            // The usual small body: it came in one piece, and stays where it is.
            return Ok(bytes);
        }
        if whole.is_empty() {
            whole.reserve(announced.clamp(bytes.len(), ON_TRUST.max(bytes.len())));
        }
        whole.extend_from_slice(&bytes);
    }
}

/// Decompresses a body. What comes out is held as well; the compressed bytes stay held until the request ends.
pub(super) async fn decompress(
    encoding: Encoding,
    body: &[u8],
    limits: &config::Ingest,
    held: &mut Reservation<'_>,
) -> Result<Bytes, Refusal> {
    let bad = |error| Refusal::bad_encoding(&error);
    let mut decoder = Decoder::new(encoding, body).map_err(bad)?;
    let mut whole = Vec::new();
    loop {
        let room = limits.max_decompressed - whole.len();
        // One byte more than allowed tells a body of just the size allowed from one that goes on.
        let step = STEP.min(room + 1);
        held.grow(step).map_err(|full| Refusal::no_room(full, limits.max_in_flight))?;
        let count = decoder.step(&mut whole, step).map_err(bad)?;
        held.shrink(step - count);
        if count == 0 {
            return Ok(whole.into());
        }
        if count > room {
            return Err(Refusal::too_large_decompressed(limits.max_decompressed));
        }
        if count == STEP {
            tokio::task::yield_now().await;
        }
    }
}

/// Takes what the sender of a refused body has on its way and drops it. To close at once would reset the connection
/// under a sender that is still writing, and it would never read why it was refused.
pub(super) async fn let_go(mut body: Incoming) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whoever goes on for longer does not listen.
    drop(tokio::time::timeout(LET_GO, rest).await);
}

/// What the body has for us right now.
async fn poll_once(body: &mut Incoming) -> Poll<Received> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *body).poll_frame(context))).await
}
