//! A client for HTTP/2 that writes frames as it is told, wrong ones included, and gives no window unless it is told to.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;

/// A connection, and what has been received on it but not yet read.
pub(crate) struct Frames {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The first of a client's frames: the window that each answer begins with.
pub(crate) fn settings(window: u32) -> Vec<u8> {
    let mut payload = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
    payload.extend(window.to_be_bytes());
    frame(SETTINGS, 0, 0, &payload)
}

/// The block of a request's header, in letters that are not compressed (RFC 7541, 6.2.2; numbers of the static table).
pub(crate) fn header(method: &str, path: &str) -> Vec<u8> {
    let literal = |name: u8, value: &str| {
        let length = u8::try_from(value.len()).expect("a short value");
        [&[name, length], value.as_bytes()].concat()
    };
    const SCHEME_HTTP: u8 = 0x86;
    [vec![SCHEME_HTTP], literal(2, method), literal(4, path), literal(1, "tallygate.example")].concat()
}

// === impl Frames ===

impl Frames {
    /// Opens a connection whose answers begin with such a window.
    pub(crate) fn with_window(address: SocketAddr, window: u32) -> Self {
        let mut new = Self::bare(address);
        new.write(&[PREFACE.as_bytes(), &settings(window)].concat());
        new
    }

    /// Opens a connection on which nothing has been sent.
    pub(crate) fn bare(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the port takes connections");
        stream.set_nodelay(true).expect("a connected socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a connected socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a connected socket");
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the connection is open");
    }

    /// Writes to a peer that may have had enough; false if it has.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Asks for something, on a stream of its own.
    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        self.write(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &header("GET", path)));
    }

    /// Posts to `/logs`, on a stream of its own.
    pub(crate) fn post(&mut self, stream: u32, body: &str) {
        let header = frame(HEADERS, END_HEADERS, stream, &header("POST", "/logs"));
        self.write(&[header, frame(DATA, END_STREAM, stream, body.as_bytes())].concat());
    }

    /// Says that the peer may send so many bytes more: on a stream, or on all of them together with 0.
    pub(crate) fn widen(&mut self, stream: u32, by: u32) {
        self.write(&frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes()));
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// The next frame; `None` if the peer has closed. Pings are answered on the way.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.take()?;
            if frame.kind == PING && frame.flags & ACK == 0 {
                self.try_write(&super::frames::frame(PING, ACK, 0, &frame.payload));
            } else {
                return Some(frame);
            }
        }
    }

    /// Waits until the peer has closed.
    pub(crate) fn expect_close(&mut self) {
        while self.next().is_some() {}
    }

    /// What has come up to the answer to a ping that is sent now.
    pub(crate) fn until_ping(&mut self) -> Vec<Frame> {
        self.write(&frame(PING, 0, 0, b"tallygat"));
        let mut all = Vec::new();
        loop {
            let frame = self.next().expect("the connection is open");
            if frame.kind == PING {
                return all;
            }
            all.push(frame);
        }
    }

    fn take(&mut self) -> Option<Frame> {
        self.receive(9)?;
        let head: Vec<u8> = self.received.drain(..9).collect();
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        self.receive(length)?;
        Some(Frame { kind: head[3], flags: head[4], payload: self.received.drain(..length).collect() })
    }

    fn receive(&mut self, count: usize) -> Option<()> {
        let mut buffer = [0; 16 << 10];
        while self.received.len() < count {
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return None;
                }
                Err(error) => panic!("no frame: {error}"),
            }
        }
        Some(())
    }
}
