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
use super::turns::{Ended, Turn};
use super::{BUSY, refusal};
use crate::ops::{Ops, reply};
use crate::query::{Answerer, Problem, Span, Taker};
use crate::visits::of_default;

/// Writes answers to the client, in turn with other questions.
struct Written<'a> {
    writer: &'a Writer,
    turn: Turn,
}

pub(super) async fn visited(State(ops): State<Ops>, uri: Uri, body: Body) -> Response {
    // Before anything is read of the list. What is kept may change until it is, which the answers would tell.
    if let Err(problem) = span(&of_default(&ops.common.visits).view_now(), &uri) {
        return refusal(&problem);
    }
    let Some(place) = ops.questions.begin().await else { return reply::busy(BUSY) };
    let (reader, (writer, answer)) = (stream::read(body), stream::answer());
    let (begin, begun) = oneshot::channel();
    let (visits, turns) = (Arc::clone(&ops.common.visits), Arc::clone(&ops.questions));
    tokio::task::spawn_blocking(move || {
        let turn = Turn::new(&turns, place);
        let view = of_default(&visits).view();
        match span(&view, &uri) {
            Ok(span) => {
                // If the client is gone already, writing fails at once.
                drop(begin.send(Ok(())));
                write(&view, &span, reader, (writer, turn));
            }
            Err(problem) => drop(begin.send(Err(problem))),
        }
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

fn write(view: &View<'_>, span: &Span, mut reader: Reader, (writer, turn): (Writer, Turn)) {
    let mut answerer = Answerer::new(view, span);
    let mut written = Written { writer: &writer, turn };
    let mut answer_all = || -> io::Result<()> {
        while let Some(piece) = reader.next(&writer, || answerer.pass_rest(&mut written))? {
            answerer.push(&piece, &mut written)?;
        }
        answerer.finish(&mut written)
    };
    match answer_all() {
        Ok(()) => writer.finish(),
        // As the last line, if the client takes it; the status has been sent long ago.
        Err(error) => writer.break_off(last_line(&error).unwrap_or_default()),
    }
}

/// What is said of an error that is no fault of the connection.
fn last_line(error: &io::Error) -> Option<Vec<u8>> {
    let slow = TooSlow::of(error).map(|slow| ("too-slow", slow.to_string()));
    let (code, message) = slow.or_else(|| Ended::of(error).map(|ended| (ended.code(), ended.to_string())))?;
    Some(format!("{}\n", reply::error_body(code, &message)).into_bytes())
}

// === impl Written ===

impl Taker for Written<'_> {
    type Error = io::Error;

    fn still_wanted(&mut self) -> io::Result<()> {
        self.turn.look()?;
        self.writer.still_wanted()
    }

    fn take(&mut self, answers: Vec<u8>) -> io::Result<()> {
        self.writer.write(answers)
    }
}
