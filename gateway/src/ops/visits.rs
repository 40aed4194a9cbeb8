//! Questions about visits over HTTP, and how addresses are forgotten.
//!
//! What takes microseconds is answered in place. Everything else has a thread of its own, at a low priority, and there are
//! only so many of them: metrics and health are not late, whatever is asked. Forgetting has a place that no question can take.

mod export;
mod forget;
mod list;
mod pace;
mod parameters;
mod stream;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{delete, get, post};
use tallygate_index::Visits;
use tallygate_index::query::{Range, View};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::parameters::parameters;
pub(super) use self::turns::Turns;
use super::{Ops, access, admin, reply};
use crate::query::{self, Detail, DistinctAsked, Problem, Span, TopAsked};
use crate::visits::of_default;

/// Networks that are told.
const LIMIT: usize = 20;
/// Buckets that are counted in place, at some microseconds each.
const FEW: usize = 64;
/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);
const BUSY: &str = "other questions are being answered; try again when they are";

pub(super) fn router(ops: Ops) -> Router<Ops> {
    let forgetting = Router::new()
        .route("/v1/ips/{ip}", delete(forget::one))
        .route("/v1/forget", post(forget::list))
        .route_layer(from_fn_with_state(ops.clone(), admin::authorise));
    Router::new()
        .route("/v1/visited", get(visited).post(list::visited))
        .route("/v1/distinct", get(distinct))
        .route("/v1/top", get(top))
        .route("/v1/export", get(export::export))
        .route_layer(from_fn_with_state(ops, access::read))
        .merge(forgetting)
}

async fn visited(State(ops): State<Ops>, uri: Uri) -> Response {
    // What was acknowledged is seen, even if the history has not taken it in yet: single addresses are looked for in both.
    let view = of_default(&ops.common.visits).view_now();
    answer(visited_in(&view, &uri))
}

fn visited_in(view: &View<'_>, uri: &Uri) -> Result<query::Visited, Problem> {
    let [ip, from, to, detail] = parameters(uri, ["ip", "from", "to", "detail"])?;
    let detail = match detail.as_deref() {
        None => Detail::Days,
        Some("hours") => Detail::Hours,
        Some(_) => return Err(Problem::Query("detail may be hours, or be left out".to_owned())),
    };
    let ip = query::address(ip.as_deref().unwrap_or_default())?;
    let span = Span::read(view, from.as_deref(), to.as_deref())?;
    query::visited(view, ip, &span, detail)
}

async fn distinct(State(ops): State<Ops>, uri: Uri) -> Response {
    let visits = &ops.common.visits;
    if visits.is_caught_up() {
        let view = of_default(visits).view_now();
        match distinct_asked(visits, &view, &uri) {
            Ok(asked) if is_quick(&view, &asked) => return answer(query::distinct(&view, &asked)),
            Ok(_) => {}
            Err(problem) => return refusal(&problem),
        }
    }
    on_another_thread(&ops, move |visits| {
        let view = of_default(visits).view();
        let asked = distinct_asked(visits, &view, &uri)?;
        query::distinct(&view, &asked)
    })
    .await
}

fn distinct_asked(visits: &Visits, view: &View<'_>, uri: &Uri) -> Result<DistinctAsked, Problem> {
    let [from, to, by] = parameters(uri, ["from", "to", "by"])?;
    let by = by.as_deref().map(query::bucket).transpose()?;
    let span = query::span_by(view, (from.as_deref(), to.as_deref()), by)?;
    Ok(DistinctAsked { span, by, saturated_prefixes: of_default(visits).ever().saturated_prefixes() })
}

/// Whether counting takes microseconds: from the sums that are kept, and not too often.
fn is_quick(view: &View<'_>, asked: &DistinctAsked) -> bool {
    let Range { from, to } = asked.span.asked;
    let from_sums = from >= view.oldest_hour() || to == to.day().last_hour();
    from_sums && asked.by.is_none_or(|by| asked.span.asked.buckets(by).nth(FEW).is_none())
}

async fn top(State(ops): State<Ops>, uri: Uri) -> Response {
    on_another_thread(&ops, move |visits| {
        let [from, to, prefix, prefix6, limit] = parameters(&uri, ["from", "to", "prefix", "prefix6", "limit"])?;
        let asked = TopAsked {
            prefix: parameters::prefix("prefix", prefix.as_deref(), (24, 32))?,
            prefix6: parameters::prefix("prefix6", prefix6.as_deref(), (64, 128))?,
            limit: parameters::limit(limit.as_deref(), LIMIT)?,
        };
        let view = of_default(visits).view();
        let span = Span::read(&view, from.as_deref(), to.as_deref())?;
        query::top(&view, &span, asked)
    })
    .await
}

/// Answers on a thread that may take its time, if there is a place.
async fn on_another_thread<T: serde::Serialize + Send + 'static>(
    ops: &Ops,
    ask: impl FnOnce(&Visits) -> Result<T, Problem> + Send + 'static,
) -> Response {
    let Some(place) = ops.questions.begin().await else { return reply::busy(BUSY) };
    let visits = Arc::clone(&ops.common.visits);
    let asked = tokio::task::spawn_blocking(move || {
        let answered = answer(ask(&visits));
        // With the work rather than with the request, which may end before it.
        drop(place);
        answered
    });
    match asked.await {
        Ok(answered) => answered,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// A place for what takes its time, if one is free or becomes so in a moment.
async fn place(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    timeout(PATIENCE, Arc::clone(places).acquire_owned()).await.ok()?.ok()
}

fn answer(answer: Result<impl serde::Serialize, Problem>) -> Response {
    match answer {
        Ok(answer) => reply::json(StatusCode::OK, &answer),
        Err(problem) => refusal(&problem),
    }
}

fn refusal(problem: &Problem) -> Response {
    let status = match problem {
        Problem::BeyondDay(_) | Problem::BeyondHour(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    reply::json(status, &problem.envelope())
}
