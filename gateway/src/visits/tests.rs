use super::*;

use crate::time::now;

const HOUR: i64 = 3_600_000 * MILLISECOND;

fn outcome(records: &[(u8, i64)]) -> Outcome {
    let mut outcome = Outcome::default();
    for (at, (status, time)) in records.iter().enumerate() {
        outcome.status.push(*status);
        match *status {
            Outcome::V4 => outcome.v4.push(at as u32),
            Outcome::V6 => outcome.v6.push(at as u128),
            Outcome::NO_CLIENT => outcome.no_client += 1,
            _ => continue,
        }
        outcome.times.push(*time);
    }
    outcome
}

fn sorted(outcome: &Outcome) -> Vec<(u32, Vec<u32>, Vec<u128>)> {
    let mut groups = Vec::new();
    sort(&mut groups, outcome, Hour(7)).expect("all times are hours");
    groups.into_iter().map(|group| (group.hour.0, group.v4, group.v6)).collect()
}

#[test]
fn addresses_go_to_the_hours_of_their_times() {
    let all = outcome(&[
        (0, 5 * HOUR),
        (16, 0),
        (1, 3 * HOUR + 1),
        (0, NO_TIME),
        (0, 3 * HOUR),
        (1, 8 * HOUR - 1),
        (2, 4 * HOUR),
    ]);
    let expected = [(3, vec![4], vec![2]), (5, vec![0], vec![]), (7, vec![3], vec![5])];
    assert_eq!(sorted(&all), expected);
}

/// After a backfill, the hours that come next are the latest ones.
#[test]
fn the_memory_that_is_kept_for_the_next_batch_is_that_of_the_newest_hours() {
    let disk = std::sync::Arc::new(tallygate_disk::Simulated::default());
    let now = now();
    let (visits, _) = Visits::open(disk, Options::default(), std::sync::Arc::new(())).expect("an empty disk");
    let records: Vec<_> = (0..200).map(|ago| (Outcome::V4, now - ago * HOUR)).collect();
    let mut sorter = Sorter::default();
    assert!(sorter.add(of_default(&visits), &outcome(&records), now).0.is_ok());
    assert_eq!(sorter.groups.len(), GROUPS_KEPT);
    let newest = hour_of(now).expect("an hour").0;
    assert_eq!(sorter.groups.last().map(|group| group.hour.0), Some(newest));
    assert_eq!(sorter.groups.first().map(|group| group.hour.0), Some(newest + 1 - GROUPS_KEPT as u32));
}

#[test]
fn one_hour_is_seen_as_one() {
    assert_eq!(only_hour(&[], Hour(7)), Some(Hour(7)));
    assert_eq!(only_hour(&[5 * HOUR, 6 * HOUR - 1], Hour(7)), Some(Hour(5)));
    assert_eq!(only_hour(&[NO_TIME, 7 * HOUR], Hour(7)), Some(Hour(7)));
    assert_eq!(only_hour(&[5 * HOUR, NO_TIME], Hour(7)), None);
    assert_eq!(only_hour(&[NO_TIME, 5 * HOUR], Hour(7)), None);
    assert_eq!(only_hour(&[5 * HOUR, 6 * HOUR], Hour(7)), None);
}

#[test]
fn times_beyond_are_taken_away_or_their_records_rejected() {
    let times =
        |reject| EventTime { max_age: Duration::from_secs(2 * 3600), max_ahead: Duration::from_secs(3600), reject };
    let all = outcome(&[
        (0, 8 * HOUR),
        (1, 8 * HOUR - 1),
        (16, 0),
        (0, 11 * HOUR),
        (1, 11 * HOUR + 1),
        (0, NO_TIME),
        (2, 9 * HOUR),
        (2, 12 * HOUR),
    ]);
    let mut replaced = all.clone();
    assert_eq!(Believed::at(10 * HOUR, &times(false), Day(0)).apply(&mut replaced), Replaced { beyond: 3, unread: 0 });
    assert_eq!(replaced.times, [8 * HOUR, NO_TIME, 11 * HOUR, NO_TIME, NO_TIME, 9 * HOUR, NO_TIME]);
    let mut rejected = all;
    assert_eq!(Believed::at(10 * HOUR, &times(true), Day(0)).apply(&mut rejected), Replaced::default());
    assert_eq!(rejected.status, [0, 19, 16, 0, 19, 0, 2, 19]);
    assert_eq!((rejected.no_client, rejected.accepted()), (1, 4));
    assert_eq!((&*rejected.v4, &*rejected.v6), (&[0, 3, 5][..], &[][..]));
    assert_eq!(rejected.times, [8 * HOUR, 11 * HOUR, NO_TIME, 9 * HOUR]);
}

#[test]
fn times_that_could_not_be_read_are_taken_away_whatever_becomes_of_those_beyond() {
    for reject in [false, true] {
        let times = EventTime { max_age: Duration::from_hours(2), max_ahead: Duration::from_hours(1), reject };
        let mut outcome = outcome(&[(0, UNREAD_TIME), (16, 0), (1, NO_TIME), (1, UNREAD_TIME), (0, 10 * HOUR)]);
        let replaced = Believed::at(10 * HOUR, &times, Day(0)).apply(&mut outcome);
        assert_eq!(replaced, Replaced { beyond: 0, unread: 2 });
        assert_eq!(outcome.status, [0, 16, 1, 1, 0]);
        assert_eq!(outcome.times, [NO_TIME, NO_TIME, NO_TIME, 10 * HOUR]);
    }
}

#[test]
fn times_before_the_history_begins_are_not_believed() {
    let times = EventTime { max_age: Duration::from_hours(24 * 9), max_ahead: Duration::ZERO, reject: false };
    let begin = begin_of(Day(100).first_hour());
    let mut outcome = outcome(&[(0, begin - 1), (0, begin)]);
    assert_eq!(
        Believed::at(begin + 30 * HOUR, &times, Day(100)).apply(&mut outcome),
        Replaced { beyond: 1, unread: 0 }
    );
    assert_eq!(outcome.times, [NO_TIME, begin]);
}
