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

use super::pace::TooSlow;
use super::parameters::parameters;
use super::stream::{self, Reader, Writer};
use super::{BUSY, place, refusal};
use crate::ops::{Ops, reply};
use crate::query::{Answerer, Problem, Span, Taker};

/// Writes answers to the client.
struct Written<'a>(&'a Writer);

pub(super) async fn visited(State(ops): State<Ops>, uri: Uri, body: Body) -> Response {
    // Before anything is read of the list. What is kept may change until it is, which the answers would tell.
    if let Err(problem) = span(&ops.shared.visits.view_now(), &uri) {
        return refusal(&problem);
    }
    let Some(place) = place(&ops.questions).await else { return reply::busy(BUSY) };
    let (reader, (writer, answer)) = (stream::read(body), stream::answer());
    let (begin, begun) = oneshot::channel();
    let visits = Arc::clone(&ops.shared.visits);
    tokio::task::spawn_blocking(move || {
        let view = visits.view();
        match span(&view, &uri) {
            Ok(span) => {
                // If the client is gone already, writing fails at once.
                drop(begin.send(Ok(())));
                write(&view, &span, reader, writer);
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

fn write(view: &View<'_>, span: &Span, mut reader: Reader, writer: Writer) {
    let mut answerer = Answerer::new(view, span);
    let mut written = Written(&writer);
    let mut answer_all = || -> io::Result<()> {
        while let Some(piece) = reader.next(&writer, || answerer.pass_rest(&mut written))? {
            answerer.push(&piece, &mut written)?;
        }
        answerer.finish(&mut written)
    };
    match answer_all() {
        Ok(()) => writer.finish(),
        // As the last line, if the client takes it; the status has been sent long ago.
        Err(error) => writer.break_off(TooSlow::of(&error).map_or_else(Vec::new, last_line)),
    }
}

fn last_line(slow: TooSlow) -> Vec<u8> {
    format!("{}\n", reply::error_body("too-slow", &slow.to_string())).into_bytes()
}

// === impl Written ===

impl Taker for Written<'_> {
    type Error = io::Error;

    fn still_wanted(&self) -> io::Result<()> {
        self.0.still_wanted()
    }

    fn take(&mut self, answers: Vec<u8>) -> io::Result<()> {
        self.0.write(answers)
    }
}
