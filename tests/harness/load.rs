//! Constant load over several connections, by clients that keep books: what they sent and what they were acknowledged can
//! be held against what the gateway says, at any moment.
//!
//! Each client sends addresses of its own, in a known order, so how many different ones the gateway has seen is known, too.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Connection, Gateway, Http2, Metrics, Reply, Request, eventually};

/// What one client does, over and over.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) protocol: Protocol,
    pub(crate) path: &'static str,
    /// In each post.
    pub(crate) records: u64,
    /// Between a reply and the next post.
    pub(crate) rest: Duration,
}

#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    /// One post at a time.
    Http1,
    /// So many posts at the same time.
    Http2(u64),
}

/// Clients that send until this goes out of scope.
pub(crate) struct Load {
    clients: Vec<JoinHandle<()>>,
    common: Arc<Common>,
}

struct Common {
    /// Held for reading from before a post to after its reply: whoever holds it for writing makes all clients pause.
    gate: RwLock<()>,
    stopped: AtomicBool,
    books: Vec<Book>,
    /// Different ones that each client has; then it begins again.
    addresses: u64,
}

/// What one client has done so far. The counts of what is sent grow before it is, the others after the reply.
#[derive(Default)]
struct Book {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    replies: AtomicU64,
}

/// The connection of a client.
enum Wire {
    Http1(Connection),
    Http2(Http2),
}

// === impl Load ===

impl Load {
    /// Starts the clients, which have so many addresses each.
    pub(crate) fn start(gateway: &Gateway, clients: &[Client], addresses: u64) -> Self {
        let books = clients.iter().map(|_| Book::default()).collect();
        let common = Arc::new(Common { gate: RwLock::default(), stopped: AtomicBool::default(), books, addresses });
        let start = |(at, client): (usize, &Client)| {
            let (common, client, address) = (Arc::clone(&common), *client, gateway.ingest());
            std::thread::spawn(move || common.send(at, client, address))
        };
        let load = Self { clients: clients.iter().enumerate().map(start).collect(), common: Arc::clone(&common) };
        load.wait_for_replies();
        load
    }

    /// Waits until every client has had a reply to a post that it began after now.
    pub(crate) fn wait_for_replies(&self) {
        let replies = || self.common.books.iter().map(|book| book.replies.load(Ordering::Acquire)).collect::<Vec<_>>();
        let before = replies();
        eventually("every client to be replied to", || {
            self.expect_to_go_on();
            // The first of the two may have been on its way already.
            replies().iter().zip(&before).all(|(now, before)| *now >= before + 2).then_some(())
        });
    }

    /// Expects that the gateway counts no more than was sent and no less than was acknowledged, and that nothing went wrong.
    pub(crate) fn check(&self, gateway: &Gateway) {
        self.expect_to_go_on();
        let (records, unique) = (self.acknowledged(), self.unique(|book| &book.acknowledged));
        let metrics = gateway.metrics();
        let (records, unique) = (records..=self.sent(), unique..=self.unique(|book| &book.sent));
        self.compare(&metrics, &records, &unique);
    }

    /// Lets the clients pause, expects that the gateway counts exactly what they sent, and gives how many records that is.
    pub(crate) fn check_exactly(&self, gateway: &Gateway) -> u64 {
        self.expect_to_go_on();
        let _pause = self.common.gate.write().unwrap_or_else(PoisonError::into_inner);
        let (records, unique) = (self.sent(), self.unique(|book| &book.sent));
        assert_eq!(records, self.acknowledged(), "nobody waits for a reply");
        let metrics = gateway.metrics();
        self.compare(&metrics, &(records..=records), &(unique..=unique));
        let replies = self.sum(|book| &book.replies);
        assert_eq!(metrics.sum("tallygate_requests_total", &[("code", "202")]), replies, "{}", metrics.text());
        records
    }

    fn compare(&self, metrics: &Metrics, records: &RangeInclusive<u64>, unique: &RangeInclusive<u64>) {
        let sum = |name: &str| metrics.sum(name, &[]);
        for name in ["tallygate_records_received_total", "tallygate_records_accepted_total"] {
            assert!(records.contains(&sum(name)), "{name}: {records:?} were sent\n{}", metrics.text());
        }
        let counted = sum("unique_ip_addresses");
        assert!(unique.contains(&counted), "{counted} addresses, but {unique:?} were sent\n{}", metrics.text());
        for name in ["records_rejected_total", "records_refused_total", "plugin_traps_total", "saturated_prefixes"] {
            assert_eq!(sum(&format!("tallygate_{name}")), 0, "{name}\n{}", metrics.text());
        }
        let accepted = metrics.sum("tallygate_requests_total", &[("code", "202")]);
        assert_eq!(sum("tallygate_requests_total"), accepted, "every reply is a 202\n{}", metrics.text());
    }

    /// Expects that no client has found something wrong.
    fn expect_to_go_on(&self) {
        assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client gave up; its panic says why");
    }

    fn sent(&self) -> u64 {
        self.sum(|book| &book.sent)
    }

    fn acknowledged(&self) -> u64 {
        self.sum(|book| &book.acknowledged)
    }

    fn sum(&self, count: impl Fn(&Book) -> &AtomicU64) -> u64 {
        self.common.books.iter().map(|book| count(book).load(Ordering::Acquire)).sum()
    }

    /// How many different addresses are in so many records.
    fn unique(&self, count: impl Fn(&Book) -> &AtomicU64) -> u64 {
        self.common.books.iter().map(|book| count(book).load(Ordering::Acquire).min(self.common.addresses)).sum()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.common.stopped.store(true, Ordering::Relaxed);
        let failed = self.clients.drain(..).map(JoinHandle::join).filter(Result::is_err).count();
        assert!(failed == 0 || std::thread::panicking(), "{failed} clients gave up; their panics say why");
    }
}

// === impl Common ===

impl Common {
    fn send(&self, at: usize, client: Client, address: SocketAddr) {
        let Some(book) = self.books.get(at) else { return };
        let mut wire = match client.protocol {
            Protocol::Http1 => Wire::Http1(Connection::to(address)),
            Protocol::Http2(_) => Wire::Http2(Http2::to(address)),
        };
        let posts = if let Protocol::Http2(streams) = client.protocol { streams } else { 1 };
        let body = |first: u64| -> String { (first..first + client.records).map(|n| self.record(at, n)).collect() };
        while !self.stopped.load(Ordering::Relaxed) {
            let passed = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            let first = book.sent.fetch_add(posts * client.records, Ordering::AcqRel);
            let bodies = (0..posts).map(|post| body(first + post * client.records)).collect();
            for reply in wire.post(client.path, bodies) {
                reply.expect_tally(client.records, client.records);
                book.acknowledged.fetch_add(client.records, Ordering::AcqRel);
                book.replies.fetch_add(1, Ordering::AcqRel);
            }
            drop(passed);
            if !client.rest.is_zero() {
                std::thread::sleep(client.rest);
            }
        }
    }

    /// A line with the next address of a client. One of four is IPv6.
    fn record(&self, client: usize, number: u64) -> String {
        let number = u32::try_from(number % self.addresses).expect("few addresses");
        let client = u32::try_from(client).expect("few clients");
        if number.is_multiple_of(4) {
            let network = u64::from(client << 20 | number >> 10);
            let address = u128::from(0x2001_0db8_0000_0000 | network) << 64 | u128::from(number);
            format!("{{\"ip\":\"{}\"}}\n", Ipv6Addr::from_bits(address))
        } else {
            format!("{{\"ip\":\"{}\"}}\n", Ipv4Addr::from_bits((client + 1) << 24 | number))
        }
    }
}

// === impl Wire ===

impl Wire {
    fn post(&mut self, path: &'static str, bodies: Vec<String>) -> Vec<Reply> {
        match self {
            Self::Http1(connection) => {
                let post = |body| connection.exchange(&Request::post(path).header("Content-Type", TYPE).body(body));
                bodies.into_iter().map(post).collect()
            }
            Self::Http2(connection) => connection.post_all_to(path, bodies),
        }
    }
}

const TYPE: &str = "application/x-ndjson";
