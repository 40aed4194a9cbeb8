//! Administration over HTTP: which plugins serve, another component for one of them, a rollback, a reload.
//!
//! There is none without a token in the configuration, and none for whoever does not bring it.

mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde_json::json;
use tallygate_plugin_host::{MAX_COMPONENT, Stage};
use tokio::time::timeout;

use super::reply::{self, error};
use super::{Ops, access};
use crate::swap::{Denied, NotServed, Swap, Wish};

/// For a component to arrive.
const UPLOAD: Duration = Duration::from_secs(60);
const BUSY: &str = "other plugins are being loaded; try again when they are";

pub(super) fn router(ops: Ops) -> Router<Ops> {
    Router::new()
        .route("/admin/plugins", get(list))
        .route("/admin/plugins/{name}", put(deploy))
        .route("/admin/plugins/{name}/rollback", post(roll_back))
        .route("/admin/reload", post(reload))
        .route_layer(from_fn_with_state(ops, authorise))
}

/// Lets through who brings the token.
pub(super) async fn authorise(State(ops): State<Ops>, request: Request, next: Next) -> Response {
    let serving = ops.common.serving.load_full();
    let Some(token) = &serving.config.ops.admin_token else {
        let message = "there is no administration: the configuration has neither ops.admin_token nor admin_token_file";
        return error(StatusCode::NOT_FOUND, "not-found", message);
    };
    if access::brings(request.headers(), token) {
        return next.run(request).await;
    }
    access::unauthorized("administration needs the header Authorization: Bearer TOKEN, with ops.admin_token")
}

async fn list(State(ops): State<Ops>) -> Response {
    let plugins = on_another_thread(&ops, |swap| swap.view().iter().map(view::plugin).collect::<Vec<_>>()).await;
    reply::json(StatusCode::OK, &json!({ "plugins": plugins }))
}

async fn deploy(State(ops): State<Ops>, Path(name): Path<String>, uri: Uri, body: Body) -> Response {
    let wish = match wish(&uri) {
        Ok(wish) => wish,
        Err(message) => return error(StatusCode::BAD_REQUEST, "bad-query", &message),
    };
    // Told before the component is sent, where the client waits for that.
    if let Err(denied) = ops.swap.serves(&name) {
        return denial(&denied);
    }
    let Ok(place) = Arc::clone(&ops.loads).try_acquire_owned() else { return reply::busy(BUSY) };
    let component = match read(body).await {
        Ok(component) => component,
        Err(refusal) => {
            on_another_thread(&ops, {
                let refusal = refusal.clone();
                move |swap| swap.refused(&name, &refusal)
            })
            .await;
            return denial(&Denied::Refused(Box::new(refusal)));
        }
    };
    let deployed = on_another_thread(&ops, {
        let name = name.clone();
        move |swap| {
            let deployed = swap.deploy(&name, &component, wish);
            drop(place);
            deployed
        }
    });
    match deployed.await {
        Ok(deployed) => reply::json(StatusCode::OK, &view::deployed(&name, &deployed, wish)),
        Err(denied) => denial(&denied),
    }
}

async fn roll_back(State(ops): State<Ops>, Path(name): Path<String>) -> Response {
    let done = on_another_thread(&ops, {
        let name = name.clone();
        move |swap| swap.roll_back(&name)
    });
    match done.await {
        Ok(done) => reply::json(StatusCode::OK, &view::rolled_back(&name, &done)),
        Err(denied) => denial(&denied),
    }
}

async fn reload(State(ops): State<Ops>, uri: Uri) -> Response {
    let wish = match wish(&uri) {
        Ok(Wish { dry_run: true, .. }) => Err("a reload cannot be tried: dry_run is for plugins".to_owned()),
        other => other,
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(message) => return error(StatusCode::BAD_REQUEST, "bad-query", &message),
    };
    let Ok(place) = Arc::clone(&ops.loads).try_acquire_owned() else { return reply::busy(BUSY) };
    let reloaded = on_another_thread(&ops, move |swap| {
        let reloaded = swap.reload(wish);
        drop(place);
        reloaded
    });
    match reloaded.await {
        Ok(()) => reply::json(StatusCode::OK, &json!({"reloaded": true})),
        Err(problems) => error(StatusCode::UNPROCESSABLE_ENTITY, "refused", &problems),
    }
}

/// Runs what takes its time on a thread that may take it. It goes on if the client hangs up, so whatever bounds it must go
/// with it.
async fn on_another_thread<T: Send + 'static>(ops: &Ops, act: impl FnOnce(&Swap) -> T + Send + 'static) -> T {
    let swap = Arc::clone(&ops.swap);
    match tokio::task::spawn_blocking(move || act(&swap)).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

async fn read(body: Body) -> Result<Bytes, NotServed> {
    let refused = |message: String| NotServed::new(Stage::Read, message);
    let too_large = || refused(format!("the component has more than the {MAX_COMPONENT} bytes that are allowed"));
    if body.size_hint().lower() > MAX_COMPONENT as u64 {
        return Err(too_large());
    }
    match timeout(UPLOAD, Limited::new(body, MAX_COMPONENT).collect()).await {
        Ok(Ok(component)) => Ok(component.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(refused(format!("the component did not arrive whole: {error}"))),
        Err(_) => Err(refused(format!("the component did not arrive within {} s", UPLOAD.as_secs()))),
    }
}

/// What the query asks for.
fn wish(uri: &Uri) -> Result<Wish, String> {
    let mut wish = Wish::default();
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
        let flag = match key {
            "dry_run" => &mut wish.dry_run,
            "force" => &mut wish.force,
            _ => return Err("the query may hold dry_run and force, nothing else".to_owned()),
        };
        *flag = value.parse().map_err(|_| format!("{key} is true or false"))?;
    }
    Ok(wish)
}

fn denial(denied: &Denied) -> Response {
    let message = denied.to_string();
    match denied {
        Denied::NoSuchPlugin { .. } => error(StatusCode::NOT_FOUND, "no-such-plugin", &message),
        Denied::NoPrevious(_) => error(StatusCode::CONFLICT, "no-previous", &message),
        Denied::NotStored(_) => error(StatusCode::INSUFFICIENT_STORAGE, "not-stored", &message),
        Denied::Refused(refusal) => {
            let status =
                if refusal.stage == Stage::Shadow { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
            reply::json(status, &view::refused(refusal))
        }
    }
}
