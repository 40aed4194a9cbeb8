//! Stands in for a gateway's administration: answers one request as it is told, and hands over what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use serde_json::Value;

pub(super) struct StandIn {
    address: SocketAddr,
    asked: JoinHandle<Asked>,
}

/// A request.
pub(super) struct Asked {
    /// Method and target.
    pub(super) line: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
}

// === impl StandIn ===

impl StandIn {
    pub(super) fn answering(status: u16, answer: &Value) -> Self {
        Self::answering_text(status, &answer.to_string())
    }

    pub(super) fn answering_text(status: u16, answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let reply = format!("HTTP/1.1 {status} .\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let asked = read(&stream);
            stream.write_all(reply.as_bytes()).expect("the client reads");
            asked
        });
        Self { address, asked }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn asked(self) -> Asked {
        self.asked.join().expect("the request was read")
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("text");
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let found = head.iter().skip(1).filter_map(|line| line.split_once(": "));
        found.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let length = header("content-length").map_or(0, |length| length.parse().expect("a number"));
    if header("expect").is_some() {
        (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("the client reads");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a whole body");
    let line = head.first().and_then(|line| line.strip_suffix(" HTTP/1.1")).expect("a request").to_owned();
    Asked { line, authorization: header("authorization"), body }
}
