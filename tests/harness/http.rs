//! A client for HTTP/1.1 that does what it is told, wrong things included.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::{PATIENCE, tally};

/// A request as it will be written.
#[derive(Clone)]
pub(crate) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A connection, and what has been received on it but not yet read.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

// === impl Request ===

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { line: format!("{method} {path} HTTP/1.1"), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// With its body in chunks of so many bytes instead of a length told ahead.
    pub(crate) fn chunked(self, size: usize) -> Self {
        let mut coded = Vec::new();
        for chunk in self.body.chunks(size) {
            coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            coded.extend_from_slice(chunk);
            coded.extend_from_slice(b"\r\n");
        }
        coded.extend_from_slice(b"0\r\n\r\n");
        self.header("Transfer-Encoding", "chunked").body(coded)
    }

    /// Everything up to the body. The length of the body is told unless a header says something about it already.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\nHost: tallygate.example\r\n", self.line);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let says_length = |(name, _): &(String, String)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        };
        if !self.headers.iter().any(says_length) && !self.line.starts_with("GET") {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        (head + "\r\n").into_bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self::with_patience(address, PATIENCE)
    }

    /// To a peer that may take so long to answer.
    pub(crate) fn with_patience(address: SocketAddr, patience: Duration) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the port takes connections");
        stream.set_nodelay(true).expect("a connected socket");
        stream.set_read_timeout(Some(patience)).expect("a connected socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a connected socket");
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the connection is open");
    }

    /// Writes to a peer that may have had enough.
    pub(crate) fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    pub(crate) fn exchange(&mut self, request: &Request) -> Reply {
        self.write(request.bytes());
        self.reply()
    }

    /// As [`Self::exchange`], with a peer that may be killed meanwhile.
    pub(crate) fn try_exchange(&mut self, request: &Request) -> Option<Reply> {
        self.try_write(request.bytes()).ok()?;
        self.reply_or_close()
    }

    /// The next reply.
    pub(crate) fn reply(&mut self) -> Reply {
        self.reply_or_close().expect("a reply before the connection is closed")
    }

    /// The next reply; `None` if the peer closes instead.
    pub(crate) fn reply_or_close(&mut self) -> Option<Reply> {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.receive() == 0 {
                return None;
            }
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        let mut reply = Reply::parse(&String::from_utf8(head).expect("headers are text"));
        if reply.status < 200 {
            return self.reply_or_close();
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks();
            return Some(reply);
        }
        let length = reply.header("content-length").map(|length| length.parse::<usize>().expect("a number"));
        while length.is_none_or(|length| self.received.len() < length) {
            if self.receive() == 0 {
                assert_eq!(length, None, "the reply breaks off: {reply:?}");
                break;
            }
        }
        reply.body = self.received.drain(..length.unwrap_or(self.received.len())).collect();
        Some(reply)
    }

    /// A body in chunks, put together. None may be missing.
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line();
            let size =
                usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no size of a chunk: {line:?}"));
            while self.received.len() < size + 2 {
                assert!(self.receive() > 0, "the reply breaks off after {} bytes", body.len());
            }
            body.extend(self.received.drain(..size));
            self.received.drain(..2);
            if size == 0 {
                return body;
            }
        }
    }

    fn take_line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                return String::from_utf8(self.received.drain(..=end).collect()).expect("text");
            }
            assert!(self.receive() > 0, "the reply breaks off");
        }
    }

    /// The status of the next reply, whose rest is left to be read.
    pub(crate) fn status(&mut self) -> u16 {
        while !self.received.contains(&b'\n') {
            assert!(self.receive() > 0, "no reply");
        }
        let line = self.received.split(|byte| *byte == b'\r').next().unwrap_or_default();
        Reply::parse(&String::from_utf8_lossy(line)).status
    }

    /// Whether there is something to read: bytes, or that the peer has closed.
    pub(crate) fn has_something(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a connected socket");
        let seen = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a connected socket");
        !seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Expects that nothing more comes, and that the peer closes.
    pub(crate) fn expect_close(&mut self) {
        assert_eq!(self.receive(), 0, "expected a close: {}", String::from_utf8_lossy(&self.received));
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Waits for bytes; 0 if the peer has closed, in whichever way.
    fn receive(&mut self) -> usize {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                count
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => 0,
            Err(error) => panic!("no answer: {error}; received so far: {}", String::from_utf8_lossy(&self.received)),
        }
    }
}

// === impl Reply ===

impl Reply {
    fn parse(head: &str) -> Self {
        let mut lines = head.trim_end().lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let status = status.unwrap_or_else(|| panic!("no status: {head}"));
        Self { status, headers: lines.map(header).collect(), body: Vec::new() }
    }

    /// Expects this status and gives the reply back.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Expects that so many records were received and so many of them accepted, with the status that goes with it.
    #[track_caller]
    pub(crate) fn expect_tally(self, received: u64, accepted: u64) -> Self {
        let mut json = self.json();
        drop(json.as_object_mut().expect("an object").remove("errors"));
        assert_eq!(json, tally(received, accepted), "{}", self.text());
        let expected = if accepted > 0 || received == 0 { 202 } else { 400 };
        self.expect(expected)
    }

    /// Expects a refusal: a status, and the code of the error that goes with it.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        let json = reply.json();
        assert_eq!(json["error"]["code"], code, "{json}");
        assert!(json["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
        reply
    }

    /// The errors of rejected records: which record, and its code.
    pub(crate) fn errors(&self) -> Vec<(u64, String)> {
        let json = self.json();
        let error = |error: &Value| {
            assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
            Some((error["record"].as_u64()?, error["code"].as_str()?.to_owned()))
        };
        let errors = json["errors"].as_array().expect("a list of errors");
        errors.iter().map(error).collect::<Option<_>>().expect("a record and a code in each")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
