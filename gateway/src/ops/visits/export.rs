//! All addresses of a range, streamed.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use tallygate_index::query::View;
use tokio::sync::oneshot;

use super::parameters::parameters;
use super::stream::{self, Writer};
use super::turns::Turn;
use super::{BUSY, refusal};
use crate::ops::{Ops, reply};
use crate::query::{self, ExportTarget, Format, Left, Problem, Span};
use crate::visits::of_default;

/// An answer that is written to, and whoever waits for what is to be said before it.
struct Streamed {
    begin: Option<oneshot::Sender<Result<Left, Problem>>>,
    writer: Writer,
    turn: Turn,
}

/// How many addresses are not in an answer, since its format has no place for them.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-tallygate-ipv6-left-out");

pub(super) async fn export(State(ops): State<Ops>, uri: Uri) -> Response {
    let asked = asked(&of_default(&ops.common.visits).view_now(), &uri);
    let (format, name) = match asked {
        Ok((format, span)) => (format, format!("tallygate-{}-{}.{}", span.from, span.to, format.name())),
        Err(problem) => return refusal(&problem),
    };
    let Some(place) = ops.questions.begin().await else { return reply::busy(BUSY) };
    let (writer, answer) = stream::answer();
    let (begin, begun) = oneshot::channel();
    let (visits, turns) = (Arc::clone(&ops.common.visits), Arc::clone(&ops.questions));
    tokio::task::spawn_blocking(move || {
        let turn = Turn::new(&turns, place);
        let view = of_default(&visits).view();
        Streamed { begin: Some(begin), writer, turn }.write(&view, &uri);
    });
    let left = match begun.await {
        Ok(Ok(left)) => left,
        Ok(Err(problem)) => return refusal(&problem),
        // The thread panicked, which was reported there.
        Err(_) => return reply::failed(),
    };
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(CONTENT_DISPOSITION, disposition.expect("days and hours are fit for a header"));
    if format == Format::Roaring {
        headers.insert(LEFT_OUT, left.ipv6.into());
    }
    response
}

fn asked(view: &View<'_>, uri: &Uri) -> Result<(Format, Span), Problem> {
    let [from, to, format] = parameters(uri, ["from", "to", "format"])?;
    let format = Format::read(format.as_deref().unwrap_or_default())?;
    Ok((format, Span::read(view, from.as_deref(), to.as_deref())?))
}

// === impl Streamed ===

impl Streamed {
    fn write(mut self, view: &View<'_>, uri: &Uri) {
        let written = asked(view, uri).and_then(|(format, span)| query::export(view, &span, format, &mut self));
        match (written, self.begin.take()) {
            (Ok(Ok(())), _) => self.writer.finish(),
            // What is said to somebody who is gone says nothing.
            (Err(problem), Some(begin)) => drop(begin.send(Err(problem))),
            // No format has a place for why. The answer breaks off with the writer.
            (Err(_), None) | (Ok(Err(_)), _) => {}
        }
    }
}

impl ExportTarget for Streamed {
    fn begin(&mut self, left: Left) -> io::Result<()> {
        let gone = || io::ErrorKind::BrokenPipe.into();
        self.begin.take().and_then(|begin| begin.send(Ok(left)).ok()).ok_or_else(gone)
    }

    fn still_wanted(&mut self) -> io::Result<()> {
        self.turn.look()?;
        self.writer.still_wanted()
    }

    fn piece(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.writer.write(bytes)
    }
}
