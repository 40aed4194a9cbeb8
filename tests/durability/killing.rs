//! `kill -9` at random moments, under load, again and again on one data directory.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tallygate_index::Hour;

use super::damage::{Damage, damage};
use super::kept::{self, Visit, now, record};
use crate::harness::{Connection, Gateway, Request, Setup};

/// What clients know.
#[derive(Default)]
struct Books {
    sent: BTreeSet<Visit>,
    acknowledged: BTreeSet<Visit>,
}

/// Sebastiano Vigna's SplitMix64.
pub(super) struct Random(pub(super) u64);

const CLIENTS: u64 = 4;
/// So few that many are sent by several clients at the same time, and again after a restart.
const ADDRESSES: u64 = 3_000;
const HOURS: u64 = 40;

// === impl Books ===

impl Books {
    fn add(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.acknowledged.extend(other.acknowledged);
    }

    /// Expects that everything acknowledged is there and nothing that was not sent.
    fn check(&self, data: &Path) -> u64 {
        let (found, unique) = kept::visits(data);
        let missing: Vec<_> = self.acknowledged.difference(&found).collect();
        assert!(missing.is_empty(), "{} of {} lost: {missing:?}", missing.len(), self.acknowledged.len());
        let invented: Vec<_> = found.difference(&self.sent).collect();
        assert!(invented.is_empty(), "{} were never sent: {invented:?}", invented.len());
        unique
    }
}

// === impl Random ===

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn visit(&mut self, latest: Hour) -> Visit {
        // Mostly the current hour; the others reach back a month.
        let ago = if self.below(2) == 0 { 0 } else { self.below(HOURS) * 17 };
        let number = self.below(ADDRESSES);
        let address: IpAddr = if number.is_multiple_of(5) {
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number % 7) << 64 | u128::from(number)).into()
        } else {
            Ipv4Addr::from_bits(0xc633_0000 | (number as u32).wrapping_mul(0x9e37_79b1) >> 8).into()
        };
        (Hour(latest.0 - ago as u32), address)
    }
}

/// A client that posts until nobody is there any more.
fn client(address: SocketAddr, seed: u64, latest: Hour) -> JoinHandle<Books> {
    let mut connection = Connection::to(address);
    thread::spawn(move || {
        let (mut random, mut books) = (Random(seed), Books::default());
        loop {
            let batch: BTreeSet<Visit> = (0..=random.below(40)).map(|_| random.visit(latest)).collect();
            let body: String = batch.iter().map(record).collect();
            books.sent.extend(&batch);
            let Some(reply) = connection.try_exchange(&Request::post("/logs").body(body)) else { return books };
            reply.expect_tally(batch.len() as u64, batch.len() as u64);
            books.acknowledged.extend(batch);
        }
    })
}

/// Kills so many gateways, one after the other, and tells of each hundredth what is there. Panics if something acknowledged is
/// lost, or something is there that was never sent.
pub(crate) fn kill_rounds(rounds: u64, seed: u64, mut tell: impl FnMut(&str)) {
    let (mut random, mut books, latest) = (Random(seed), Books::default(), now());
    let mut gateway = Gateway::start();
    let (mut damaged, mut lost, mut told_of) = (0, 0, 0);
    for round in 1..=rounds {
        let clients: Vec<_> = (0..CLIENTS).map(|_| client(gateway.ingest(), random.next(), latest)).collect();
        thread::sleep(Duration::from_millis(random.below(250)));
        let mut folder = gateway.kill();
        for client in clients {
            books.add(client.join().expect("every reply was a 202"));
        }
        let data = folder.path().join("data");
        books.check(&data);
        let (mut cut, mut is_told) = (0, false);
        if random.below(3) == 0 {
            let done: Damage = damage(&data, &mut random);
            (cut, is_told) = (done.cut_bytes, done.is_told);
            damaged += 1;
            lost += done.lost.len();
            // What a broken disk took is gone, and only that; segments may have it still.
            books.acknowledged.retain(|visit| !done.lost.contains(visit));
        } else if random.below(5) == 0 {
            folder = Setup::again(folder).start_and_kill(Duration::from_millis(random.below(400)));
        }
        let unique = books.check(&folder.path().join("data"));
        let mut setup = Setup::again(folder);
        if is_told {
            // Something that was synced is gone: nobody goes on without being told to.
            let (code, told) = setup.expect_to_fail();
            assert!(code == Some(1) && told.contains("serve --accept-damage"), "round {round}: {code:?} {told}");
            setup = setup.flag("--accept-damage");
            told_of += 1;
        }
        gateway = setup.start();
        let metrics = gateway.metrics();
        assert_eq!(metrics.sum("tallygate_damage_total", &[]), told_of, "round {round}");
        assert_eq!(metrics.value("unique_ip_addresses"), unique, "round {round}");
        if cut > 0 {
            assert_eq!(metrics.value("tallygate_journal_cut_bytes_total"), cut, "round {round}");
        }
        if random.below(4) == 0 {
            // Now and then an orderly end, so that segments have some of it, too.
            gateway = gateway.restart();
            assert_eq!(gateway.unique(), unique, "round {round}");
        }
        if round % 100 == 0 || round == rounds {
            let count = books.acknowledged.len();
            tell(&format!(
                "{round:>5} kills: {count} visits acknowledged, all there; {unique} addresses; {damaged} journals damaged, \
                 {told_of} of them within what was synced, {lost} visits cut off with them"
            ));
        }
    }
    assert!(books.acknowledged.len() as u64 > 20 * rounds.min(100), "{} were acknowledged", books.acknowledged.len());
    gateway.stop();
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    kill_rounds(25, 1, |_| ());
}
