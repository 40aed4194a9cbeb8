//! When each address of a list came, and how many of each network.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use tallygate_index::query::View;
use tokio::sync::oneshot;

use super::parameters::parameters;
use super::stream::{self, Reader, Writer};
use super::{BUSY, place, refusal};
use crate::ops::{Ops, reply};
use crate::query::{Answerer, Problem, Span};

pub(super) async fn visited(State(ops): State<Ops>, uri: Uri, body: Body) -> Response {
    // Before anything is read of the list. What is kept may change until it is, which the answers would tell.
    if let Err(problem) = span(&ops.shared.visits.view_now(), &uri) {
        return refusal(&problem);
    }
    let Some(place) = place(&ops) else { return reply::busy(BUSY) };
    let (reader, (writer, answer)) = (stream::read(body), stream::answer());
    let (begin, begun) = oneshot::channel();
    let visits = Arc::clone(&ops.shared.visits);
    tokio::task::spawn_blocking(move || {
        let view = visits.view();
        match span(&view, &uri) {
            Ok(span) => {
                // If the client is gone already, writing fails at once.
                drop(begin.send(Ok(())));
                write(&view, &span, reader, &writer);
            }
            Err(problem) => drop(begin.send(Err(problem))),
        }
        drop(place);
    });
    match begun.await {
        Ok(Ok(())) => ([(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], answer).into_response(),
        Ok(Err(problem)) => refusal(&problem),
        // The thread panicked, which was reported there.
        Err(_) => reply::failed(),
    }
}

fn span(view: &View<'_>, uri: &Uri) -> Result<Span, Problem> {
    let [from, to] = parameters(uri, ["from", "to"])?;
    Span::read(view, from.as_deref(), to.as_deref())
}

fn write(view: &View<'_>, span: &Span, mut reader: Reader, writer: &Writer) {
    let mut answerer = Answerer::new(view, span);
    let mut pass = |answers: Vec<u8>| writer.write(answers);
    let mut answer_all = || -> io::Result<()> {
        while let Some(piece) = reader.next(|| answerer.pass_rest(&mut pass))? {
            answerer.push(&piece, &mut pass)?;
        }
        answerer.finish();
        answerer.pass_rest(&mut pass)
    };
    if let Err(error) = answer_all() {
        writer.fail(error);
    }
}
