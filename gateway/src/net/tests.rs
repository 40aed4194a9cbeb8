//! HTTP over streams that are no TCP connection.

use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, LocalOptions};

use super::*;
use crate::in_flight::InFlight;

/// Serves one connection over a Unix socket, which answers with a request's path, and lets `talk` be its client.
fn with_a_connection<F: Future<Output = ()>>(talk: impl FnOnce(UnixStream) -> F) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).expect("a runtime");
    runtime.block_on(async {
        let (client, server) = UnixStream::pair().expect("a pair");
        let waits =
            Waits { header: Duration::from_secs(60), idle: Duration::from_secs(60), write: Duration::from_secs(60) };
        let terms = Terms { waits, share: InFlight::new(1 << 20).share(), answer: 100, places: None };
        let service = service_fn(async |request: Request<Incoming>| {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(request.uri().path().to_owned()))))
        });
        let (_draining, receiver) = channel::channel(false);
        let served = tokio::task::spawn_local(serve(server, service, terms, receiver));
        talk(client).await;
        served.await.expect("it ends with its client");
    });
}

async fn read_until(client: &mut UnixStream, end: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while !all.ends_with(end) {
        assert_ne!(client.read_buf(&mut all).await.expect("reads"), 0, "{}", String::from_utf8_lossy(&all));
    }
    all
}

/// However the first bytes are cut, also where they might still become those of HTTP/2.
#[test]
fn http1_is_spoken_over_any_stream() {
    let request = b"PRINT /first HTTP/1.1\r\nhost: x\r\n\r\n";
    for cut in [0, 1, 2, 3, 4, 24, 30] {
        with_a_connection(async |mut client| {
            for part in [&request[..cut], &request[cut..]] {
                client.write_all(part).await.expect("writes");
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
            let answer = read_until(&mut client, b"\r\n\r\n/first").await;
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
            client.write_all(b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("writes");
            read_until(&mut client, b"/second").await;
        });
    }
}

#[test]
fn a_coding_that_is_not_known_is_answered_on_any_stream() {
    with_a_connection(async |mut client| {
        let request = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\nwhatever follows";
        client.write_all(request).await.expect("writes");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("it is answered and closed for writing");
        assert!(answer.starts_with(b"HTTP/1.1 501 "), "{}", String::from_utf8_lossy(&answer));
    });
}

#[test]
fn http2_is_spoken_over_any_stream() {
    with_a_connection(async |client| {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(OwnThread, TokioIo::new(client)).await.expect("a handshake");
        let connection = tokio::task::spawn_local(connection);
        for path in ["/first", "/second"] {
            let request = Request::get(format!("http://x{path}")).body(Full::<Bytes>::default()).expect("a request");
            let answer = sender.send_request(request).await.expect("an answer");
            let body = http_body_util::BodyExt::collect(answer.into_body()).await.expect("a body").to_bytes();
            assert_eq!(body, path);
        }
        drop(sender);
        drop(connection.await);
    });
}
