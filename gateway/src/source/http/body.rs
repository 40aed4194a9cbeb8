//! Bodies into memory, within the bounds on size, time and memory in flight.

mod whole;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use tallygate_connect::decompress::{Decoder, Encoding};
use tokio::time::{Instant, timeout_at};

use super::refusal::Refusal;
use crate::config;
use crate::in_flight::{NoRoom, Reservation};
use crate::pipeline::Lane;
use whole::Whole;

/// What is decompressed before the other connections of the thread have a turn.
const STEP: usize = 256 << 10;
/// What text usually becomes when it is decompressed, and what is set aside for the little that there is at least.
const USUAL_RATIO: usize = 4;
const LEAST: usize = 4 << 10;

/// How long the rest of a refused body is taken and dropped.
const LET_GO: Duration = Duration::from_secs(5);

type Received = Option<Result<Frame<Bytes>, hyper::Error>>;

/// Reads a body to its end.
pub(super) async fn read(
    lane: &Lane,
    body: &mut Incoming,
    limits: &config::Ingest,
    held: &mut Reservation,
) -> Result<Bytes, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limits.max_body as u64 {
        return Err(Refusal::too_large(limits.max_body));
    }
    let announced = usize::try_from(announced).unwrap_or(limits.max_body);
    let likely = if announced > 0 { announced } else { limits.max_body };
    let no_room = |full| Refusal::no_room(full, limits.max_in_flight);
    // The clock is looked at only when there is something to wait for.
    let mut deadline = None;
    let mut whole = Whole::expecting(0);
    loop {
        let received = match poll_once(body).await {
            Poll::Ready(received) => received,
            Poll::Pending => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + limits.body_timeout);
                timeout_at(deadline, body.frame()).await.map_err(|_| Refusal::too_slow(limits.body_timeout))?
            }
        };
        let Some(frame) = received else { return Ok(whole.into_bytes()) };
        let Ok(bytes) = frame.map_err(|_| Refusal::broke_off())?.into_data() else { continue };
        if whole.len() + bytes.len() > limits.max_body {
            return Err(Refusal::too_large(limits.max_body));
        }
        lane.own_metrics.requests.bytes.inc_by(bytes.len() as u64);
        held.grow(bytes.len()).map_err(no_room)?;
        if whole.len() == 0 && bytes.len() == announced {
            // The usual small body: it came in one piece, and stays where it is.
            return Ok(bytes);
        }
        if whole.len() == 0 {
            whole = Whole::expecting(announced);
        }
        whole.make_room(bytes.len(), likely).map_err(|_| no_room(NoRoom::Now))?;
        whole.extend(&bytes);
    }
}

/// Decompresses a body, and lets go of the compressed one. What comes out is held, and what the decoder needs.
pub(super) async fn decompress(
    encoding: Encoding,
    body: Bytes,
    limits: &config::Ingest,
    held: &mut Reservation,
) -> Result<Bytes, Refusal> {
    let bad = |error| Refusal::bad_encoding(&error);
    let no_room = |full| Refusal::no_room(full, limits.max_in_flight);
    let mut decoder = Decoder::new(encoding, &body).map_err(bad)?;
    // One byte more than allowed tells a body of just the size allowed from one that goes on.
    let most = limits.max_decompressed + 1;
    let mut whole = Whole::expecting((USUAL_RATIO * body.len()).max(LEAST).min(most));
    let mut by_decoder = 0;
    loop {
        whole.make_room(1, most).map_err(|_| no_room(NoRoom::Now))?;
        let step = STEP.min(most - whole.len());
        let room = whole.room(step);
        let step = room.len();
        held.grow(step).map_err(no_room)?;
        let Some(count) = decoder.step(room).map_err(bad)? else { break };
        whole.advance(count);
        held.shrink(step - count);
        let memory = decoder.memory();
        held.grow(memory.saturating_sub(by_decoder)).map_err(no_room)?;
        by_decoder = memory.max(by_decoder);
        if whole.len() == most {
            return Err(Refusal::too_large_decompressed(limits.max_decompressed));
        }
        if count == STEP || count == 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(decoder);
    let plain = whole.len();
    held.shrink(held.bytes() - plain);
    Ok(whole.into_bytes())
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
