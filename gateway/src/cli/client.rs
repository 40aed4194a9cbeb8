//! One request to a gateway's operations port.

mod connection;
mod upload;

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;

use super::terminal::{MESSAGE, fit};

pub(super) use connection::Connection;

/// Where the gateway is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    host: String,
    port: u16,
    /// What stands before the paths, for a gateway that a proxy serves below a path of its own.
    base: String,
}

pub(super) struct Client {
    pub(super) target: Target,
    /// For what needs one.
    pub(super) token: Option<HeaderValue>,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    body: Bytes,
}

/// A body, and its type.
pub(super) type Content = (&'static str, Bytes);

/// An answer that comes in pieces.
pub(super) enum Coming<'a> {
    /// Its header, which comes first.
    Head(&'a HeaderMap),
    Piece(&'a [u8]),
}

/// What a gateway refuses with, as far as it is shown.
#[derive(serde::Deserialize)]
struct ErrorAnswer {
    error: Error,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Error {
    code: String,
    message: String,
}

/// Holds the token: arguments can be read by everybody on the machine.
pub(super) const TOKEN: &str = "TALLYGATE_TOKEN";

const CONNECT: Duration = Duration::from_secs(10);
/// For all of it: a plugin is compiled and tried on past records before the gateway answers.
const WHOLE: Duration = Duration::from_secs(180);
/// No answer is longer; what is came from something else.
const LONGEST_ANSWER: usize = 16 << 20;
/// How much of an answer is shown that is not the gateway's.
const SHOWN: usize = 200;

/// The target that a URL names.
pub(super) fn target(url: &str) -> Result<Target, String> {
    let wrong = || "expected a URL such as \"http://127.0.0.1:9102\"".to_owned();
    let parsed: Uri = url.parse().map_err(|_| wrong())?;
    if parsed.scheme_str() == Some("https") {
        let way = "use http://, on the gateway's own machine or through a tunnel";
        return Err(format!("https:// is not supported, and the gateway has no TLS; {way}"));
    }
    let host = parsed.host().filter(|host| !host.is_empty());
    let (Some("http"), Some(host), None) = (parsed.scheme_str(), host, parsed.query()) else { return Err(wrong()) };
    let (port, base) = (parsed.port_u16().unwrap_or(80), parsed.path().trim_end_matches('/').to_owned());
    Ok(Target { host: host.to_owned(), port, base })
}

/// What goes into a request's `Authorization`.
pub(super) fn bearer(token: Option<OsString>) -> Result<HeaderValue, String> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Err(format!("{TOKEN} is not set; set it to what ops.admin_token is in the gateway's configuration"));
    };
    let value = token.to_str().and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    let mut value = value.ok_or_else(|| format!("{TOKEN} holds a character that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}

// === impl Client ===

impl Client {
    pub(super) fn send(&self, method: Method, path: &str, (kind, body): Content) -> Result<Reply> {
        let request = self.request(method, path, kind)?.body(body)?;
        self.run(async |stream| {
            let late = |_| anyhow!("it took more than {} s", WHOLE.as_secs());
            timeout(WHOLE, exchange(stream, request)).await.map_err(late).flatten()
        })
    }

    /// Sends a body that need not be there as a whole, while the answer to it comes: `take` gets that piece by piece.
    /// Returns the reply if it is a refusal.
    pub(super) fn stream<B>(
        &self,
        (method, path, kind): (Method, &str, &'static str),
        body: B,
        mut take: impl FnMut(Coming<'_>) -> Result<()>,
    ) -> Result<Option<Reply>>
    where
        B: Body<Data = Bytes, Error = Infallible> + 'static,
    {
        let request = self.request(method, path, kind)?.body(body)?;
        // What `take` fails with is no failure of the gateway's.
        let mut own = None;
        let reply = self.run(async |stream| {
            let mut response = open(stream, request).await?;
            if response.status() != StatusCode::OK {
                return collect(response).await.map(Some);
            }
            let mut piece = take(Coming::Head(response.headers()));
            while piece.is_ok()
                && let Some(frame) = timeout(WHOLE, response.body_mut().frame()).await?
            {
                let broken = "the answer breaks off";
                piece = frame.context(broken)?.into_data().map_or(Ok(()), |data| take(Coming::Piece(&data)));
            }
            own = piece.err();
            Ok(None)
        })?;
        own.map_or(Ok(reply), Err)
    }

    fn request(&self, method: Method, path: &str, kind: &'static str) -> Result<http::request::Builder> {
        let target = &self.target;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", target.base))
            .header(HOST, format!("{}:{}", target.host, target.port))
            .header(CONTENT_TYPE, kind);
        Ok(self.token.iter().fold(request, |request, token| request.header(AUTHORIZATION, token)))
    }

    /// Talks over a connection of its own.
    fn run<T>(&self, talk: impl AsyncFnOnce(TcpStream) -> Result<T>) -> Result<T> {
        let target = &self.target;
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        let talked = runtime.block_on(async {
            let stream = target.connect().await.with_context(|| format!("cannot reach the gateway at {target}"))?;
            talk(stream).await.with_context(|| format!("no answer from the gateway at {target}"))
        });
        // A look-up of the host's name that hangs does not keep the command from ending.
        runtime.shutdown_background();
        talked
    }
}

// === impl Target ===

impl Target {
    async fn connect(&self) -> Result<TcpStream> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let late = |_| anyhow!("it took more than {} s", CONNECT.as_secs());
        Ok(timeout(CONNECT, TcpStream::connect((bare, self.port))).await.map_err(late)??)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}:{}{}", self.host, self.port, self.base)
    }
}

// === impl Reply ===

impl Reply {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let answered = || format!("not an answer of a gateway: {}", self.beginning());
        serde_json::from_slice(&self.body).with_context(answered)
    }

    /// The answer as it came, if it is JSON.
    pub(super) fn json(&self) -> Option<&str> {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).ok()?;
        std::str::from_utf8(&self.body).ok().map(str::trim)
    }

    /// What is wrong, and what to do about it where that is known.
    pub(super) fn failure(&self, target: &Target) -> String {
        let error = self.read::<ErrorAnswer>().ok().map(|answer| answer.error);
        let message = error.map(|error| fit(&format!("{}: {}", error.code, error.message), MESSAGE));
        match (self.status, message) {
            (StatusCode::UNAUTHORIZED, _) => {
                format!(
                    "the gateway at {target} does not take this token; {} must be its ops.admin_token, or for questions its ops.read_token",
                    TOKEN
                )
            }
            (StatusCode::NOT_FOUND, None) => {
                format!("there is no administration at {target}: is it the operations port, and ops.admin_token set?")
            }
            (_, Some(message)) => message,
            (status, None) => format!("{target} answered {}: {}", status.as_u16(), self.beginning()),
        }
    }

    fn beginning(&self) -> String {
        fit(&String::from_utf8_lossy(&self.body), SHOWN)
    }
}

async fn exchange(stream: TcpStream, request: Request<Bytes>) -> Result<Reply> {
    collect(open(stream, upload::hold(request)).await?).await
}

async fn open<B>(stream: TcpStream, request: Request<B>) -> Result<Response<Incoming>>
where
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    Ok(Connection::over(stream).await?.send(request).await?)
}

async fn collect(response: Response<Incoming>) -> Result<Reply> {
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    let body = body.map_err(|error| anyhow!("it cannot be read: {error}"))?.to_bytes();
    Ok(Reply { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_and_base() {
        for (url, shown) in [
            ("http://127.0.0.1:9102", "http://127.0.0.1:9102"),
            ("http://gateway.example/", "http://gateway.example:80"),
            ("http://[::1]:9102/below/", "http://[::1]:9102/below"),
        ] {
            assert_eq!(target(url).expect("good").to_string(), shown);
        }
        for url in ["", "127.0.0.1:9102", "/admin", "ftp://gateway.example", "http://gateway.example/?a=b"] {
            assert_eq!(target(url).expect_err(url), "expected a URL such as \"http://127.0.0.1:9102\"");
        }
        assert!(target("https://gateway.example").expect_err("https").contains("https:// is not supported"));
    }
}
