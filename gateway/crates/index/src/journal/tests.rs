use super::*;
use crate::disk::Simulated;

struct Nobody;

impl Observer for Nobody {
    fn written(&self, _: u64) {}
    fn synced(&self, _: Duration) {}
    fn progress(&self, _: Progress) {}
}

fn start(disk: &Simulated, number: u64) -> Journal {
    let options = Options { retry: Duration::from_millis(1), ..Options::default() };
    Journal::start(Arc::new(disk.clone()), number, options, Arc::new(Nobody)).expect("nothing fails")
}

#[test]
fn what_is_committed_is_replayed() {
    let disk = Simulated::default();
    let journal = start(&disk, 1);
    let mut frames = Vec::new();
    encode(&Visits { tenant: 7, hour: Hour(3), v4: &[1, 2, 3], v6: &[u128::MAX] }, &mut frames);
    let section = journal.begin().expect("healthy");
    assert_eq!(journal.settle().map(|ticket| ticket.state(journal.progress())), Some(Settled::Waiting));
    let ticket = section.commit(&frames).expect("to be waited for");
    journal.wait(ticket).expect("nothing fails");
    assert_eq!(journal.settle(), None);
    let mut seen = 0;
    let replayed = replay(&disk.crash(1), |visits| {
        assert_eq!(visits, Visits { tenant: 7, hour: Hour(3), v4: &[1, 2, 3], v6: &[u128::MAX] });
        seen += 1;
    });
    assert_eq!(replayed.expect("it can be read"), Replayed { files: 1, frames: 1, visits: 4, cut_bytes: 0, next: 2 });
    assert_eq!(seen, 1);
    assert_eq!(journal.rotate().expect("healthy"), 2);
    journal.remove_before(2).expect("healthy");
    assert_eq!(journal.bytes(), 32);
}
