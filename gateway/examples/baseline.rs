//! What the gateway is measured against: handlers that do less, or the same without plugins.
//!
//! `baseline bare` reads and drops the body in a handler under `axum::serve`; `baseline native` parses each line with
//! serde_json and sets the address in a bitmap, on one runtime per core. `gateway/benches/compare` runs both.

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use http_body_util::BodyExt;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mode, address) = (arguments.next(), arguments.next().unwrap_or_else(|| "127.0.0.1:5100".to_owned()));
    match mode.as_deref() {
        Some("bare") => bare(&address),
        Some("native") => native(&address),
        _ => Err(std::io::Error::other("usage: baseline bare|native [ADDRESS]")),
    }
}

/// One multi-thread runtime, as `axum::serve` is used everywhere.
fn bare(address: &str) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        println!("bare on {}", listener.local_addr()?);
        axum::serve(listener, Router::new().route("/logs", post(drop_body))).await
    })
}

async fn drop_body(mut body: Body) -> (StatusCode, &'static str) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
    std::hint::black_box(bytes);
    (StatusCode::ACCEPTED, "{\"received\":1,\"accepted\":1,\"rejected\":0,\"errors\":[]}\n")
}

/// One bit for each IPv4 address.
struct Bitmap(Vec<AtomicU64>);

#[derive(serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    ip: &'a str,
}

/// One current-thread runtime per core on a shared port.
fn native(address: &str) -> std::io::Result<()> {
    let bitmap = Arc::new(Bitmap((0..1 << 26).map(|_| AtomicU64::new(0)).collect()));
    let address: std::net::SocketAddr = address.parse().map_err(std::io::Error::other)?;
    println!("native on {address}");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let bitmap = Arc::clone(&bitmap);
            std::thread::spawn(move || -> std::io::Result<()> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let socket = tokio::net::TcpSocket::new_v4()?;
                    socket.set_reuseport(true)?;
                    socket.bind(address)?;
                    let router = Router::new().route("/logs", post(parse_body)).with_state(bitmap);
                    axum::serve(socket.listen(1024)?, router).await
                })
            })
        })
        .collect();
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| std::io::Error::other("a thread failed"))?)
}

async fn parse_body(State(bitmap): State<Arc<Bitmap>>, body: Body) -> (StatusCode, String) {
    let Ok(body) = body.collect().await else { return (StatusCode::BAD_REQUEST, String::new()) };
    let body = body.to_bytes();
    let (mut received, mut accepted) = (0, 0);
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        received += 1;
        let record: Option<Record<'_>> = serde_json::from_slice(line).ok();
        let address = record.and_then(|record| record.ip.parse::<std::net::Ipv4Addr>().ok());
        if let Some(address) = address {
            accepted += 1;
            let bit = address.to_bits();
            bitmap.0[(bit >> 6) as usize].fetch_or(1 << (bit & 63), Ordering::Relaxed);
        }
    }
    let rejected = received - accepted;
    let reply = format!("{{\"received\":{received},\"accepted\":{accepted},\"rejected\":{rejected},\"errors\":[]}}\n");
    (StatusCode::ACCEPTED, reply)
}
