//! Several tenants share a disk, a journal and a history, and nothing else.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tallygate_disk::{Disk, Simulated};
use tallygate_event::TenantId;
use tallygate_index::journal::Unwritable;
use tallygate_index::query::Bucket;
use tallygate_index::segment::Segment;
use tallygate_index::visits::{Inspection, NoTenant, Options, Scratch, VisitsError};
use tallygate_index::{DamageKind, Day, Hour, NewIps, TenantVisits, Visits};

use super::model::Model;

const ONE: TenantId = TenantId(3);
const OTHER: TenantId = TenantId(8);
const BOTH: [TenantId; 2] = [OTHER, ONE];

fn noon() -> Hour {
    Hour(Day::of_civil(2026, 5, 15).expect("is a date").first_hour().0 + 12)
}

fn options(tenants: &[TenantId]) -> Options {
    let clock = Arc::new(AtomicI64::new(noon().unix_ms()));
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    Options { tenants: tenants.to_vec(), clock, ..Options::default() }
}

fn open(disk: &Simulated, tenants: &[TenantId]) -> Visits {
    try_open(disk, options(tenants)).expect("what it wrote itself can be opened")
}

fn try_open(disk: &Simulated, options: Options) -> Result<Visits, VisitsError> {
    Visits::open(Arc::new(disk.clone()), options, Arc::new(())).map(|(visits, _)| visits)
}

fn write(visits: &Visits, scratch: &mut Scratch, tenant: TenantId, (days, v4): (u32, &[u32])) {
    let mut write = visits.of(tenant).expect("is kept").write(scratch);
    write.add(Hour(noon().0 - days * 24), v4, &[0x2001_0db8 << 96 | u128::from(v4[0])]).expect("is kept");
    write.finish().expect("can be written").map_or(Ok(()), |ticket| visits.wait(ticket)).expect("becomes durable");
}

/// Months, days, hours and a journal of both, whose addresses overlap; as a killed process leaves them.
fn story() -> Simulated {
    let (disk, mut scratch) = (Simulated::new(1), Scratch::default());
    let visits = open(&disk, &BOTH);
    for days in 1..40 {
        write(&visits, &mut scratch, ONE, (days, &[1, 2, 3, 100 + days]));
        write(&visits, &mut scratch, OTHER, (days, &[2, 3, 200 + days, 300 + days, 400 + days]));
    }
    visits.maintain().expect("the disk works");
    for tenant in BOTH {
        write(&visits, &mut scratch, tenant, (0, &[1, 500 + tenant.0]));
    }
    visits.flush().expect("the disk works");
    write(&visits, &mut scratch, ONE, (0, &[600, 601]));
    write(&visits, &mut scratch, OTHER, (0, &[601, 602, 603]));
    disk.kill()
}

/// All that is known of a tenant: who came, and when.
fn all(visits: TenantVisits<'_>) -> BTreeMap<IpAddr, Vec<Hour>> {
    let (view, mut all) = (visits.view(), BTreeMap::new());
    let each = view.each(view.all(), |address| {
        all.insert(address, view.hours(address, view.all()).expect("is kept"));
        Ok::<_, ()>(())
    });
    each.expect("is kept").expect("goes through");
    assert_eq!(visits.unique(), all.len() as u64);
    all
}

/// Every count follows from what is known of each address.
fn check_counts(visits: TenantVisits<'_>) {
    let view = visits.view();
    let model = Model::read(&view);
    for bucket in [Bucket::Hour, Bucket::Day, Bucket::Month] {
        view.all().buckets(bucket).for_each(|part| model.compare_counts(&view, part));
    }
    model.compare_counts(&view, view.all());
}

fn of(visits: &Visits, tenant: TenantId) -> TenantVisits<'_> {
    visits.of(tenant).expect("is kept")
}

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(0, 0, 0, last).into()
}

/// The segment files of each tenant.
fn segments(disk: &Simulated) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let names = disk.list().expect("the disk works");
    for name in names.into_iter().filter(|name| name.starts_with("segment-")) {
        let segment = Segment::open(disk.read(&name).expect("is there")).expect("is whole");
        found.entry(segment.tenant()).or_default().push(name);
    }
    found
}

fn put(disk: &Simulated, name: &str, bytes: &[u8]) {
    let mut file = disk.create(name).expect("the disk works");
    file.write_all(bytes).expect("the disk works");
    file.sync().expect("the disk works");
}

#[test]
fn each_has_only_its_own_also_after_a_restart() {
    let disk = story();
    assert_eq!(segments(&disk).into_keys().collect::<Vec<_>>(), [ONE.0, OTHER.0]);
    let mut before = None;
    for _ in 0..3 {
        let visits = open(&disk, &BOTH);
        let (one, other) = (of(&visits, ONE), of(&visits, OTHER));
        let ids: Vec<_> = visits.tenants().map(TenantVisits::id).collect();
        assert_eq!(ids, [ONE, OTHER], "in ascending order, whatever the order of the list");
        let found = (all(one), all(other));
        assert!(found.0.contains_key(&address(139)) && !found.1.contains_key(&address(139)));
        assert!(!found.0.contains_key(&address(239)) && found.1.contains_key(&address(239)));
        assert_eq!(before.get_or_insert_with(|| found.clone()), &found);
        check_counts(one);
        check_counts(other);
        visits.maintain().expect("the disk works");
    }
}

#[test]
fn forgetting_takes_from_one_alone() {
    let disk = story();
    let visits = open(&disk, &BOTH);
    let others = all(of(&visits, OTHER));
    let forgotten = [address(2), address(3), address(239)];
    assert_eq!(of(&visits, ONE).forget(&forgotten).expect("the disk works"), 2, "the last one came to the other");
    for visits in [visits, open(&disk.kill(), &BOTH)] {
        let ones = all(of(&visits, ONE));
        assert!(forgotten.iter().all(|address| !ones.contains_key(address)));
        assert_eq!(all(of(&visits, OTHER)), others);
        visits.tenants().for_each(check_counts);
    }
}

#[test]
fn what_was_refused_is_noted_for_one_alone() {
    let visits = open(&Simulated::default(), &BOTH);
    let arrived = NewIps { v4: vec![7, 8], v6: vec![] };
    of(&visits, ONE).refused(&arrived);
    of(&visits, OTHER).acknowledged(&[7], &[]);
    assert_eq!((of(&visits, ONE).unacknowledged(), of(&visits, OTHER).unacknowledged()), (2, 0));
    of(&visits, ONE).acknowledged(&[7], &[]);
    assert_eq!(of(&visits, ONE).unacknowledged(), 1);
}

#[test]
fn one_that_is_not_kept_is_told() {
    let visits = open(&Simulated::default(), &BOTH);
    let error = visits.of(TenantId::DEFAULT).map(TenantVisits::id).expect_err("it is not kept");
    assert_eq!(error, NoTenant(TenantId::DEFAULT));
    let unwritable = Unwritable::from(error).to_string();
    assert_eq!(unwritable, "visits cannot be taken now: nothing is kept of tenant 0");
}

#[test]
fn one_that_is_missing_in_the_list_is_refused_and_nothing_is_touched() {
    let journal_alone = {
        let (disk, mut scratch) = (Simulated::new(1), Scratch::default());
        let visits = open(&disk, &BOTH);
        write(&visits, &mut scratch, ONE, (0, &[1]));
        write(&visits, &mut scratch, OTHER, (0, &[2]));
        disk.kill()
    };
    for disk in [story(), journal_alone] {
        let content = |name: &String| disk.read(name).expect("is there").to_vec();
        let names = disk.list().expect("the disk works");
        let before: Vec<_> = names.iter().map(content).collect();
        for tenants in [&[ONE][..], &[ONE, TenantId::DEFAULT], &[]] {
            let accepting = || Options { accept_damage: true, ..options(tenants) };
            let refused = try_open(&disk, accepting()).map(|_| ()).expect_err("the other one has visits");
            assert!(refused.to_string().contains("visits has visits of tenant "), "{refused}");
            let kept = match tenants {
                [_] => "keeps those of one tenant, number 3; run",
                [] => "keeps those of 0 tenants",
                _ => "keeps those of 2 tenants, numbers 0, 3; run",
            };
            assert!(refused.to_string().contains(kept), "{refused}");
            assert!(Inspection::open(&disk, accepting()).is_err());
            assert_eq!(disk.list().expect("the disk works"), names);
            assert_eq!(names.iter().map(content).collect::<Vec<_>>(), before);
        }
        let visits = open(&disk, &BOTH);
        assert!(of(&visits, ONE).ever().contains(address(1)), "both go on");
    }
}

#[test]
fn one_to_which_nothing_came_may_be_taken_from_the_list_and_come_back() {
    let (disk, mut scratch) = (Simulated::new(1), Scratch::default());
    let visits = open(&disk, &BOTH);
    write(&visits, &mut scratch, ONE, (0, &[1, 2]));
    drop(visits);
    let visits = open(&disk, &[ONE]);
    let ones = all(of(&visits, ONE));
    visits.flush().expect("the disk works");
    drop(visits);
    let visits = open(&disk, &BOTH);
    write(&visits, &mut scratch, OTHER, (0, &[2]));
    let visits = open(&disk.kill(), &BOTH);
    assert_eq!((all(of(&visits, ONE)), of(&visits, OTHER).unique()), (ones, 2));
}

/// One that joins while another has visits in the journal alone: the list of segments that names it is written before anything
/// else, and must not count the journal's visits twice.
#[test]
fn one_joins_while_another_is_in_the_journal() {
    let (disk, mut scratch) = (Simulated::new(1), Scratch::default());
    let visits = open(&disk, &[ONE]);
    write(&visits, &mut scratch, ONE, (0, &[1, 2]));
    write(&visits, &mut scratch, ONE, (5, &[2, 3]));
    let disk = disk.kill();
    for tenants in [&BOTH[..], &[ONE, OTHER, TenantId::DEFAULT]] {
        let visits = open(&disk, tenants);
        visits.tenants().for_each(check_counts);
        assert_eq!(all(of(&visits, ONE)).len(), 5);
        let visits = open(&disk.kill(), tenants);
        visits.tenants().for_each(check_counts);
    }
}

#[test]
fn damage_in_a_segment_of_one_leaves_the_other_exact() {
    let whole = story();
    let visits = open(&whole.kill(), &BOTH);
    let unharmed: BTreeMap<_, _> = visits.tenants().map(|tenant| (tenant.id(), all(tenant))).collect();
    drop(visits);
    let segments = segments(&whole);
    for (tenant, other) in [(ONE, OTHER), (OTHER, ONE)] {
        for (name, others) in segments[&tenant.0].iter().zip(segments[&other.0].iter().cycle()) {
            let (flipped, swapped) = (whole.kill(), whole.kill());
            let mut bytes = whole.read(name).expect("is there").to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            put(&flipped, name, &bytes);
            // What the other tenant has must not be counted for this one.
            put(&swapped, name, &whole.read(others).expect("is there"));
            for (disk, kind) in [(flipped, DamageKind::SegmentDamaged), (swapped, DamageKind::SegmentReplaced)] {
                let Err(VisitsError::Damaged(told)) = try_open(&disk, options(&BOTH)) else {
                    panic!("{name}: {kind:?}")
                };
                assert_eq!(told.iter().map(|told| (told.kind, &told.file)).collect::<Vec<_>>(), [(kind, name)]);
                let visits = try_open(&disk, Options { accept_damage: true, ..options(&BOTH) });
                let visits = visits.expect("the rest is whole");
                let found = all(of(&visits, other));
                assert_eq!(found, unharmed[&other], "{name}");
                check_counts(of(&visits, other));
                assert!(of(&visits, tenant).unique() <= unharmed[&tenant].len() as u64);
                visits.maintain().expect("the disk works");
                assert_eq!(all(of(&visits, other)), found, "{name}");
                check_counts(of(&visits, other));
            }
        }
    }
}

/// Hours of all tenants are bounded together, and closed for whoever has the largest.
#[test]
fn open_hours_are_bounded_over_all_tenants() {
    let visits = try_open(&Simulated::new(1), Options { hot_bytes: 100_000, ..options(&BOTH) }).expect("an empty disk");
    let mut scratch = Scratch::default();
    let many: Vec<u32> = (0..6_000).collect();
    for (days, tenant) in (1..4).flat_map(|days| BOTH.map(|tenant| (days, tenant))) {
        write(&visits, &mut scratch, tenant, (days, &many));
    }
    let start = std::time::Instant::now();
    while visits.stats().hot_bytes > 100_000 {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", visits.stats());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    visits.tenants().for_each(check_counts);
}
