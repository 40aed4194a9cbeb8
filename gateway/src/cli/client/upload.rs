//! A body that is sent once the other side wants it (RFC 9110, section 10.1.1). A gateway that refuses an upload by its
//! header closes the connection, and whoever still writes to it may never read why.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{EXPECT, HeaderValue};
use http::{Request, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use hyper::ext::on_informational;
use tokio::sync::Notify;
use tokio::time::timeout;

pub(super) struct Upload {
    wanted: Pin<Box<dyn Future<Output = ()>>>,
    /// What is still to be sent.
    left: Bytes,
}

/// Not everything that answers HTTP says that it wants a body.
const ASSENT: Duration = Duration::from_secs(1);

/// The request, with its body held back.
pub(super) fn hold(request: Request<Bytes>) -> Request<Upload> {
    let asked = !request.body().is_empty();
    let assent = Arc::new(Notify::new());
    let assented = Arc::clone(&assent);
    let wanted = Box::pin(async move {
        // Whether it came or not, the body goes now.
        drop(timeout(ASSENT, assented.notified()).await);
    });
    let mut request = request.map(|left| Upload { wanted, left });
    if asked {
        request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
        on_informational(&mut request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                assent.notify_one();
            }
        });
    }
    request
}

// === impl Upload ===

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.wanted.as_mut().poll(context));
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.left)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
