//! What `durability` and `count_since` promise.

use std::collections::BTreeSet;

use super::kept::{self, Visit, now, record};
use crate::harness::{Gateway, Request, Setup};

fn batch(number: u8) -> Vec<Visit> {
    let parse = |text: String| text.parse().expect("an address");
    let v4 = (0..50).map(|n| parse(format!("198.51.{number}.{n}")));
    v4.chain([parse(format!("2001:db8:{number}::1"))]).map(|address| (now(), address)).collect()
}

fn post(gateway: &Gateway, visits: &[Visit]) {
    let body: String = visits.iter().map(record).collect();
    gateway.send(&Request::post("/logs").body(body)).expect_tally(51, 51);
}

#[test]
fn a_clean_stop_keeps_everything_whatever_the_durability() {
    for durability in ["fsync", "interval", "memory"] {
        let gateway = Gateway::with_config(&format!("durability = \"{durability}\""));
        let mut sent = BTreeSet::new();
        for number in 0..3 {
            let batch = batch(number);
            post(&gateway, &batch);
            sent.extend(batch);
        }
        let gateway = gateway.restart();
        assert_eq!(gateway.unique(), 153, "{durability}");
        let folder = gateway.stop_and_leave();
        assert_eq!(kept::visits(&folder.path().join("data")).0, sent, "{durability}");
    }
}

#[test]
fn a_kill_invents_nothing_whatever_the_durability() {
    for durability in ["interval", "memory"] {
        let mut gateway = Gateway::with_config(&format!("durability = \"{durability}\""));
        let mut sent = BTreeSet::new();
        for number in 0..4 {
            let batch = batch(number);
            post(&gateway, &batch);
            sent.extend(batch);
            let folder = gateway.kill();
            let (found, unique) = kept::visits(&folder.path().join("data"));
            assert!(found.is_subset(&sent), "{durability}");
            gateway = Setup::again(folder).start();
            assert_eq!(gateway.unique(), unique, "{durability}");
        }
    }
}

#[test]
fn what_is_counted_since_the_start_begins_anew_and_the_history_stays() {
    let gateway = Gateway::with_config("count_since = \"start\"");
    post(&gateway, &batch(1));
    assert_eq!(gateway.unique(), 51);
    let gateway = gateway.restart();
    assert_eq!(gateway.unique(), 0);
    // Of these the history knows, the count does not.
    post(&gateway, &batch(1));
    post(&gateway, &batch(2));
    assert_eq!(gateway.unique(), 102);
    let folder = gateway.kill();
    let gateway = Setup::again(folder).start();
    assert_eq!(gateway.unique(), 0);
    let folder = gateway.stop_and_leave();
    let expected: BTreeSet<_> = batch(1).into_iter().chain(batch(2)).map(|(_, address)| address).collect();
    let (found, unique) = kept::visits(&folder.path().join("data"));
    assert_eq!(found.into_iter().map(|(_, address)| address).collect::<BTreeSet<_>>(), expected);
    assert_eq!(unique, 102);
}
