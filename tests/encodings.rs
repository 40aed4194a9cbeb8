//! Compressed bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::harness::{Gateway, Reply, Request};

const LINES: &[u8] = b"{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"192.0.2.2\"}\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).expect("memory")
}

fn post(gateway: &Gateway, encoding: &str, body: &[u8]) -> Reply {
    gateway.send(&Request::post("/logs").header("Content-Encoding", encoding).body(body))
}

#[test]
fn each_encoding_is_understood() {
    let gateway = Gateway::start();
    let two_members = [gzip(&LINES[..19]), gzip(&LINES[19..])].concat();
    let two_frames = [zstd(&LINES[..19]), zstd(&LINES[19..])].concat();
    let cases: [(&str, &[u8]); 10] = [
        ("gzip", &gzip(LINES)),
        ("GZIP", &gzip(LINES)),
        ("x-gzip", &gzip(LINES)),
        ("gzip", &two_members),
        ("zstd", &zstd(LINES)),
        ("zstd", &two_frames),
        ("deflate", &zlib(LINES)),
        ("deflate", &deflate(LINES)),
        ("identity", LINES),
        ("", LINES),
    ];
    for (encoding, body) in cases {
        eprintln!("{encoding}, {} bytes", body.len());
        post(&gateway, encoding, body).expect_tally(2, 2);
    }
    assert_eq!(gateway.unique(), 2);
}

#[test]
fn an_empty_body_is_empty_in_every_encoding() {
    let gateway = Gateway::start();
    for (encoding, body) in [("gzip", gzip(b"")), ("zstd", zstd(b"")), ("deflate", zlib(b""))] {
        post(&gateway, encoding, &body).expect_tally(0, 0);
    }
}

#[test]
fn other_encodings_are_refused() {
    let gateway = Gateway::start();
    for encoding in ["br", "compress", "gzip, gzip", "gzip;q=1", "aws-chunked"] {
        post(&gateway, encoding, LINES).expect_error(415, "unsupported-encoding");
    }
    let twice = Request::post("/logs").header("Content-Encoding", "gzip").header("Content-Encoding", "gzip");
    gateway.send(&twice.body(gzip(LINES))).expect_error(415, "unsupported-encoding");
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 0);
}

#[test]
fn damaged_bodies_are_refused_whole() {
    let gateway = Gateway::start();
    for (encoding, whole) in [("gzip", gzip(LINES)), ("zstd", zstd(LINES)), ("deflate", zlib(LINES))] {
        let cut = &whole[..whole.len() - 3];
        post(&gateway, encoding, cut).expect_error(400, "bad-encoding");
        post(&gateway, encoding, LINES).expect_error(400, "bad-encoding");
    }
    let trailing = [&gzip(LINES)[..], b"and more"].concat();
    let status = post(&gateway, "gzip", &trailing).status;
    assert_eq!(status, 400, "nothing may hide behind the last member");
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 0);
}

#[test]
fn what_comes_out_is_bounded_too() {
    let gateway = Gateway::with_config("[ingest]\nmax_decompressed = \"64 KiB\"");
    let full = |size: usize| [LINES, " ".repeat(size - LINES.len()).as_bytes()].concat();
    for (encoding, compress) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd), ("deflate", zlib)] {
        post(&gateway, encoding, &compress(&full(64 << 10))).expect_tally(2, 2);
        post(&gateway, encoding, &compress(&full((64 << 10) + 1))).expect_error(413, "too-large");
    }
}
